"""Answers that only their reader sees: the queue, the settings of a place, the state of things, the help. Pure."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import discord

from bot.jobs.defaults import Shown
from bot.jobs.job import Job, JobState
from bot.jobs.news import Standing
from bot.jobs.painter import EngineView
from bot.jobs.service import PauseStatus, QueueView
from bot.translations import say
from bot.ui import text
from bot.ui.views import ACCENT
from engine.protocol import ModelCard

_MINE_SHOWN = 10
_USUAL_STEPS = 8  # before any model is known


def queue(locale: str, view: QueueView, *, mine: Sequence[Job], standing: Callable[[str], Standing | None]) -> Panel:
    """How many wait, and where the reader's own requests stand; other people's words are not shown."""
    waiting, running = _counts(view)
    lines = [f"### {say(locale, 'queue-title')}"]
    if not waiting and not running:
        lines.append(say(locale, "queue-empty"))
    else:
        lines.append(say(locale, "queue-count", waiting=waiting, running=running))
        lines += [_mine(locale, job, standing(job.id)) for job in mine[:_MINE_SHOWN]]
        if not mine:
            lines.append(say(locale, "queue-none-mine"))
    if view.paused:
        lines.append(say(locale, "queue-paused"))
    lines += [f"-# {line}" for line in _painters(locale, view.engines)]
    return _panel("\n".join(lines))


def settings(locale: str, shown: Mapping[str, Shown]) -> Panel:
    """Every setting that holds in this place, and where it comes from."""
    head = [say(locale, f"admin-table-{column}") for column in ("setting", "value", "from")]
    rows = [
        [
            say(locale, f"setting-{key}"),
            say(locale, "admin-automatic") if setting.value is None else _value(setting.value),
            say(locale, f"admin-from-{setting.scope}"),
        ]
        for key, setting in shown.items()
    ]
    return _panel(f"### {say(locale, 'admin-defaults')}\n{_table([head, *rows])}")


def status(locale: str, view: QueueView, paused: PauseStatus, card: ModelCard | None) -> Panel:
    """Who paints and how fast, what keeps a painter away, how much waits, what is paused."""
    lines = [f"### {say(locale, 'admin-status')}", *_painters(locale, view.engines)]
    waiting, running = _counts(view)
    for engine in view.engines:
        if engine.speed and card is not None:
            lines.append(f"-# {say(locale, 'admin-painter-speed', seconds=_usual_seconds(engine.speed, card))}")
        if engine.problem:
            lines.append(f"-# {text.inline(engine.problem, 300)}")
    lines.append(say(locale, "queue-count", waiting=waiting, running=running))
    if paused.owner:
        lines.append(say(locale, "admin-paused-owner"))
    if paused.guild:
        lines.append(say(locale, "admin-paused-guild"))
    return _panel("\n".join(lines))


def help_screen(locale: str, card: ModelCard | None, *, most_steps: int, guidance: float) -> Panel:
    """One screen: what to type, what the buttons do, and what steps and guidance cost."""
    usual = card.steps.default if card else _USUAL_STEPS
    steps = [[str(max(1, usual // 2)), say(locale, "help-steps-half")], [str(usual), say(locale, "help-steps-default")]]
    if 2 * usual <= most_steps:
        steps.append([str(2 * usual), say(locale, "help-steps-double")])
    parts = [f"### {say(locale, 'help-title')}", say(locale, "help-body")]
    parts.append(f"**{say(locale, 'help-steps-title')}**\n{_table(steps)}")
    if card is None or card.offers("guidance"):
        rows = [
            ["0", say(locale, "help-guidance-off")],
            [text.number(guidance), say(locale, "help-guidance-on")],
            [f"{text.number(2 * guidance)}+", say(locale, "help-guidance-high")],
        ]
        parts.append(f"**{say(locale, 'help-guidance-title')}**\n{_table(rows)}")
    return _panel("\n".join(parts))


Panel = discord.ui.LayoutView


def _panel(content: str) -> Panel:
    view = discord.ui.LayoutView(timeout=None)
    view.add_item(discord.ui.Container[Any](discord.ui.TextDisplay(content), accent_colour=ACCENT))
    view.stop()  # nothing in it can be pressed
    return view


def _counts(view: QueueView) -> tuple[int, int]:
    """How many wait and how many are painted; what an engine holds in advance still waits."""
    running = sum(job.state is JobState.RUNNING for job in view.running)
    return len(view.waiting) + len(view.running) - running, running


def _mine(locale: str, job: Job, standing: Standing | None) -> str:
    if job.state is JobState.RUNNING:
        where = say(locale, "queue-mine-painting")
    else:
        where = say(locale, "queue-mine-place", place=max(standing.place, 1) if standing else 1)
    ready = ""
    if standing is not None and standing.eta is not None:
        ready = f", {say(locale, 'due-at', when=text.moment(standing.eta))}"
    return f"- {text.inline(job.request.prompt, 60)} · {where}{ready}"


def _painters(locale: str, engines: Sequence[EngineView]) -> list[str]:
    if not engines:
        return [say(locale, "admin-no-painter")]
    return [
        say(
            locale,
            "admin-painter",
            model=text.inline(engine.name, 60),
            device=text.inline(engine.device, 40) or "…",
            dtype=text.inline(engine.dtype, 20) or "…",
            state=say(locale, f"engine-{engine.state}"),
        )
        for engine in engines
    ]


def _usual_seconds(speed: float, card: ModelCard) -> str:
    """How long one picture of the first shape takes at the model's own steps; `speed` is cost per second."""
    width, height = next(iter(card.shapes.values()))
    return text.seconds(width * height * card.steps.default / 1e6 / speed)


def _value(value: str | float | bool) -> str:
    return value if isinstance(value, str) else text.number(value)


def _table(rows: Sequence[Sequence[str]]) -> str:
    """Columns in a block of code; a Chinese character is as wide as two Latin ones."""
    widths = [max(_width(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [
        "  ".join(cell + " " * (width - _width(cell)) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
    return "```\n" + "\n".join(lines) + "\n```"


def _width(cell: str) -> int:
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in cell)
