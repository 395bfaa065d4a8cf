"""Imports go down the list of docs/architecture.md, never up."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
OURS = ("bot", "cogs", "config", "engine", "playground", "run_bot")
TORCH = {"torch", "diffusers", "transformers", "accelerate"}

WISHES = ("engine.request", "engine.card", "engine.window")
WIRE = (*WISHES, "engine.protocol")

# What the modules below a prefix may import of ours. The longest prefix that matches speaks.
MAY: dict[str, tuple[str, ...]] = {
    "bot.startup": ("bot", "cogs", "config", "engine", "playground"),
    "cogs": ("cogs", "bot.answers", "bot.client", "bot.delivery", "bot.pictures", "bot.jobs", "bot.ui", "bot.errors",
             "bot.translations", *WIRE),
    "bot": ("bot", *WIRE),
    "bot.links": ("bot.links", "bot.jobs", *WIRE, "engine.wire", "engine.cluster"),
    "bot.jobs": ("bot.jobs", "bot.errors", *WIRE),
    "bot.errors": (),
    "engine": ("engine", "config"),
    "engine.request": (),
    "engine.card": ("engine.request",),
    "engine.window": ("engine.request",),
    "engine.protocol": WISHES,
    "engine.wire": WIRE,
    "config": ("config",),
    "playground": ("playground",),
}  # fmt: skip
NEVER = {"bot.jobs": {"discord", "aiohttp"}, "playground": {"discord"}, "config": {"discord", "aiohttp"}}


def modules() -> list[tuple[str, Path]]:
    found: list[tuple[str, Path]] = []
    for package in OURS[:-1]:
        for path in sorted((ROOT / package).rglob("*.py")):
            name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
            found.append((name, path))
    return found


def imported(name: str, path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name} imports relatively"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def under(name: str, prefix: str) -> bool:
    return name == prefix or name.startswith(prefix + ".")


@pytest.mark.parametrize(("name", "path"), modules(), ids=lambda value: value if isinstance(value, str) else "")
def test_a_module_imports_only_what_lies_below_it(name: str, path: Path) -> None:
    ruled = max((prefix for prefix in MAY if under(name, prefix)), key=len)
    for other in imported(name, path):
        if other.split(".")[0] in OURS:
            assert any(under(other, allowed) for allowed in MAY[ruled]), f"{name} must not import {other}"
        for prefix, forbidden in NEVER.items():
            assert not (under(name, prefix) and other.split(".")[0] in forbidden), f"{name} must not import {other}"
        if other.split(".")[0] in TORCH:
            assert under(name, "engine.worker") or under(name, "engine.training"), f"{name} must not import {other}"
