"""The order of the house: imports go down and never in a circle, folders stay small, every file says what it is for.

`python -m tests.meta.test_house` prints what is measured.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
OURS = ("bot", "cogs", "config", "engine", "playground", "protocol", "run_bot")
TORCH = {"torch", "diffusers", "transformers", "accelerate"}
TRAINING = "engine.training"  # a workshop of its own, and no part of what runs
MOST_MODULES = 16  # in one folder
MOST_SHARED_NAMES = 3  # of classes that mean two things; each makes a reader ask which one

_JOBS = ("bot.jobs", "protocol")
_STORAGE = ("bot.storage", *_JOBS)
_SERVICE = ("bot.queue", "bot.requests", *_STORAGE)
_UI = ("bot.service", "bot.translations", *_SERVICE)

# What the modules below a prefix may import of ours, besides their own folder. The longest prefix that matches speaks.
BELOW: dict[str, tuple[str, ...]] = {
    "protocol": (),
    "config": (),
    "bot.translations": (),
    "bot.jobs": ("protocol",),
    "bot.storage": _JOBS,
    "bot.requests": _STORAGE,
    "bot.queue": _STORAGE,
    "bot.service": _SERVICE,
    "bot.links": ("bot.service", *_SERVICE),
    "bot.ui": _UI,
    "bot.rest": ("bot.translations", *_STORAGE),
    "bot.delivery": ("bot.rest", "bot.ui", *_UI),
    "bot": ("bot", "protocol"),  # the client and what it holds; `bot.startup` and `cogs` lie above it
    "cogs": ("bot", "protocol"),
    "bot.startup": ("bot", "cogs", "config", "playground", "protocol"),
    "run_bot": ("bot", "config", "playground"),
    "engine": ("config", "protocol"),
    "playground": (),
}
ABOVE_THE_BOT = ("bot.startup", "cogs")
# Who knows nothing of Discord's library.
PLAIN = (
    "protocol",
    "config",
    "engine",
    "bot.jobs",
    "bot.storage",
    "bot.requests",
    "bot.queue",
    "bot.service",
    "playground",
)


@cache
def modules() -> Mapping[str, Path]:
    """Every module of the product by its name."""
    paths = [ROOT / "run_bot.py", *(path for name in OURS for path in sorted((ROOT / name).rglob("*.py")))]
    return {name_of(path): path for path in paths}


def name_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


@cache
def imported(name: str) -> frozenset[str]:
    """Modules that this one imports, also for types alone; of ours as exactly as the statement says."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(modules()[name].read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name} imports relatively"
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                names.add(whole if whole in modules() else node.module or "")
    return frozenset(names - {name})


def ours(name: str) -> Iterator[str]:
    return (other for other in imported(name) if other.split(".")[0] in OURS)


def folder(name: str) -> str:
    return modules()[name].parent.relative_to(ROOT).as_posix()


def under(name: str, *prefixes: str) -> bool:
    return any(name == prefix or name.startswith(prefix + ".") for prefix in prefixes)


def circle(graph: Mapping[str, set[str]]) -> list[str]:
    """The first circle that is found."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return error.args[1]
    return []


def between_files() -> dict[str, set[str]]:
    return {name: {other for other in ours(name) if other in modules()} for name in modules()}


def between_folders() -> dict[str, set[str]]:
    graph: dict[str, set[str]] = {}
    for name, others in between_files().items():
        graph.setdefault(folder(name), set()).update({folder(other) for other in others} - {folder(name)})
    return graph


def sizes() -> Counter[str]:
    return Counter(folder(name) for name, path in modules().items() if path.name != "__init__.py")


def shared_class_names() -> dict[str, list[str]]:
    """Names that more than one class of the product has, and the modules where."""
    owners: dict[str, list[str]] = {}
    for name in modules():
        if not under(name, TRAINING):
            for node in ast.walk(ast.parse(modules()[name].read_text("utf-8"))):
                if isinstance(node, ast.ClassDef):
                    owners.setdefault(node.name, []).append(name)
    return {name: where for name, where in sorted(owners.items()) if len(where) > 1}


@pytest.mark.parametrize("name", modules())
def test_a_module_imports_only_what_lies_below_it(name: str) -> None:
    layer = max((prefix for prefix in BELOW if under(name, prefix)), key=len)
    for other in ours(name):
        assert under(other, layer, *BELOW[layer]), f"{name} must not import {other}"
        if layer == "bot":
            assert not under(other, *ABOVE_THE_BOT), f"{name} must not import {other}"


@pytest.mark.parametrize("name", modules())
def test_only_who_needs_a_library_imports_it(name: str) -> None:
    packages = {other.split(".")[0] for other in imported(name)}
    assert not (under(name, *PLAIN) and "discord" in packages)
    if packages & TORCH:
        assert under(name, "engine.worker", "engine.training"), f"{name} must not import {packages & TORCH}"


def test_no_files_import_each_other_in_a_circle() -> None:
    assert circle(between_files()) == []


def test_no_folders_import_each_other_in_a_circle() -> None:
    assert circle(between_folders()) == []


def test_no_folder_holds_more_modules_than_one_can_see() -> None:
    assert {where: number for where, number in sizes().items() if number > MOST_MODULES} == {}


def test_hardly_any_name_of_a_class_means_two_things() -> None:
    assert len(shared_class_names()) <= MOST_SHARED_NAMES, shared_class_names()


@pytest.mark.parametrize("name", modules())
def test_every_module_says_what_it_is_for(name: str) -> None:
    path = modules()[name]
    bare = path.name == "__init__.py" and not path.read_text("utf-8").strip()
    assert bare or ast.get_docstring(ast.parse(path.read_text("utf-8")))


def test_the_page_about_the_architecture_is_short_and_names_every_folder() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text("utf-8")

    assert len(page.splitlines()) <= 110
    assert [where for where in sizes() if f"`{where}" not in page and f"{where.rsplit('/', 1)[-1]}/`" not in page] == []


if __name__ == "__main__":
    into_engine = sum(
        other.split(".")[0] == "engine" for name in modules() if under(name, "bot", "cogs") for other in ours(name)
    )
    print(f"circles of files: {circle(between_files()) or 0}, of folders: {circle(between_folders()) or 0}")
    print(f"imports of bot and cogs into engine: {into_engine}")
    print("modules a folder: " + ", ".join(f"{where} {number}" for where, number in sizes().most_common(6)))
    print(f"names that several classes have: {len(shared_class_names())}")
    for shared, where in shared_class_names().items():
        print(f"    {shared}: {', '.join(where)}")
