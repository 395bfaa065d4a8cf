"""Both languages are complete: whatever can be said can be said in each."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bot.jobs.errors import Refusal
from bot.requests.defaults import KEYS
from bot.translations import DEFAULT, has, keys, locales, nearest, say
from protocol.card import Z_IMAGE_TURBO
from tests.support.fake_engine import CARD

ROOT = Path(__file__).parents[2]
OTHERS = [locale for locale in locales() if locale != DEFAULT]
FAILURES = (
    "out-of-memory", "flat-picture", "bad-source", "worker-error", "prompt-too-many-tokens", "too-large", "poison",
    "unknown", "model-changed", "beyond-engines", "nothing-to-paint",
)  # fmt: skip
SOURCES = [*(ROOT / "bot").rglob("*.py"), *(ROOT / "cogs").rglob("*.py")]


def variables(source: str) -> set[str]:
    return set(re.findall(r"\$([a-z_]+)", source))


@pytest.mark.parametrize("locale", OTHERS)
def test_every_language_has_every_key_with_the_same_variables(locale: str) -> None:
    english, other = keys(DEFAULT), keys(locale)

    assert list(other) == list(english)
    for key, source in english.items():
        # A plural may need a variable that another language does without, but none may be invented.
        assert variables(other[key]) <= variables(source), key


@pytest.mark.parametrize("locale", locales())
def test_every_refusal_and_every_failure_has_its_sentence(locale: str) -> None:
    for kind in Refusal.family():
        assert has(f"refusal-{kind.code}", locale), kind
    for code in FAILURES:
        assert has(f"failure-{code}", locale), code


@pytest.mark.parametrize("locale", locales())
def test_every_shape_and_every_setting_has_a_name(locale: str) -> None:
    for shape in {**CARD.shapes, **Z_IMAGE_TURBO.shapes}:
        assert has(f"shape-{shape.replace(':', 'x')}", locale), shape
    for key in KEYS:
        assert has(f"setting-{key}", locale), key
    for feature in Z_IMAGE_TURBO.features:
        assert has(f"feature-{feature}", locale), feature


def test_every_key_that_the_code_names_exists_and_every_key_is_named() -> None:
    code = "\n".join(path.read_text("utf-8") for path in SOURCES)
    named = set(re.findall(r"[\"']([a-z]+(?:-[a-z0-9_]+)*)[\"']", code))
    families = set(re.findall(r"f[\"']([a-z]+(?:-[a-z]+)*-)\{", code))
    families |= {"feature-", "setting-", "policy-"}  # text.py tries the families of a term one after the other

    for key in re.findall(r"(?:say\(\w+(?:\.\w+)*, |named\()[\"']([a-z0-9_-]+)[\"']", code):
        assert has(key), key
    for key in keys(DEFAULT):
        assert key in named or any(key.startswith(family) for family in families), f"nobody says {key}"


@pytest.mark.parametrize("key", [key for key in keys("zh-CN") if not key.startswith("help-body")])
def test_chinese_sentences_use_chinese_punctuation(key: str) -> None:
    source = keys("zh-CN")[key].split("=", 1)[1]

    assert not re.search(r"[\u4e00-\u9fff] ?[,.;:?!()\"]", source), source


def test_a_language_without_a_file_speaks_its_nearest() -> None:
    assert nearest("zh-TW") == "zh-CN"
    assert nearest("en-GB") == "en-US"
    assert nearest("fr") == "en-US"
    assert say("zh-TW", "button-reroll") == "重画"


def test_labels_are_the_words_of_the_manual() -> None:
    labels = [say("en-US", f"button-{verb}", k=2) for verb in ("reroll", "vary", "upscale", "edit", "delete", "cancel")]

    assert labels == ["Reroll", "Vary 2", "Upscale 2", "Edit", "Delete", "Cancel"]


@pytest.mark.parametrize("locale", locales())
def test_names_and_descriptions_fit_into_discords_limits(locale: str) -> None:
    for key in keys(locale):
        if key.startswith(("command-", "option-")):
            sentence = say(locale, key)
            if key.endswith("-text"):
                assert 1 <= len(sentence) <= 100, key
            else:
                assert re.fullmatch(r"[-_\w]{1,32}", sentence), key
                assert sentence == sentence.lower(), key
        if key.startswith("about-"):
            assert 1 <= len(say(locale, key)) <= 100, key
        if key.startswith("form-"):
            assert len(say(locale, key, shapes="", least=1, most=20)) <= 45 or key.endswith("-note"), key


def test_numbers_are_said_as_people_read_them() -> None:
    assert say("en-US", "refusal-per-minute-reached", limit=1, retry="noon") == (
        "You may ask for one picture a minute. Try again after noon."
    )
    assert say("en-US", "queue-count", waiting=0, running=1) == "No request is waiting, one is being painted."
    assert say("en-US", "queue-count", waiting=2, running=0) == "2 requests are waiting, none is being painted."
    assert "20 pictures a minute" in say("en-US", "refusal-per-minute-reached", limit=20, retry="soon")
