"""The sentences: one Fluent file per locale beside this one, the same keys in each.

A locale without a file speaks the nearest one of its language, else English. Adding a file adds a locale.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from fluent.runtime import FluentBundle, FluentResource
from fluent.syntax.ast import Junk

DEFAULT = "en-US"

_log = logging.getLogger(__name__)


@cache
def locales() -> tuple[str, ...]:
    """Every locale that has a file, English first."""
    names = sorted(path.stem for path in Path(__file__).parent.glob("*.ftl"))
    return (DEFAULT, *(name for name in names if name != DEFAULT))


@cache
def nearest(locale: str) -> str:
    """The locale with a file that a reader of `locale` understands best."""
    if locale in locales():
        return locale
    language = locale.split("-")[0]
    return next((name for name in locales() if name.split("-")[0] == language), DEFAULT)


def has(key: str, locale: str = DEFAULT) -> bool:
    """Whether this locale's own file has the key."""
    return _bundle(locale).has_message(key)


def say(locale: str, key: str, /, **arguments: str | int | float) -> str:
    """The sentence `key` for a reader of `locale`. Raises KeyError for a key that English does not have."""
    if any(isinstance(value, str) for value in arguments.values()):
        return _said(nearest(locale), key, arguments)  # these may be somebody's words, which are kept nowhere
    return _said_often(nearest(locale), key, tuple(arguments.items()))


@lru_cache(maxsize=1024)
def _said_often(locale: str, key: str, numbers: tuple[tuple[str, int | float], ...]) -> str:
    return _said(locale, key, dict(numbers))


def _said(locale: str, key: str, arguments: dict[str, Any]) -> str:
    bundle = _bundle(locale)
    if not bundle.has_message(key):
        bundle = _bundle(DEFAULT)
    pattern = bundle.get_message(key).value
    if pattern is None:
        raise KeyError(key)
    text, errors = bundle.format_pattern(pattern, arguments)
    for error in errors:
        _log.error("sentence %s in %s: %s", key, locale, error)
    return str(text)


def keys(locale: str) -> Mapping[str, str]:
    """Every key of this locale's own file with its source text; for tests and tools."""
    lines = _source(locale).splitlines()
    starts = [n for n, line in enumerate(lines) if line[:1].isalpha()]
    ends = [*starts[1:], len(lines)]
    return {lines[start].split(" =")[0]: "\n".join(lines[start:end]) for start, end in zip(starts, ends, strict=True)}


def _source(locale: str) -> str:
    return (Path(__file__).parent / f"{locale}.ftl").read_text("utf-8")


@cache
def _bundle(locale: str) -> FluentBundle:
    # Isolating marks would end up in button labels and in what --say prints; people's text is isolated by ui/text.py.
    bundle = FluentBundle([locale], use_isolating=False)
    resource = FluentResource(_source(locale))
    broken = [entry.content for entry in resource.body if isinstance(entry, Junk)]
    if broken:
        raise ValueError(f"{locale}.ftl: {broken[0]}")
    bundle.add_resource(resource)
    return bundle
