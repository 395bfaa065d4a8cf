"""Answers that only their reader sees: the queue, the settings of a place, the state of things, the help. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import discord

from bot.jobs.events import QueuePosition
from bot.jobs.job import Job
from bot.jobs.states import JobState
from bot.queue.engine import EngineView
from bot.requests.defaults import Shown
from bot.requests.styles import MOST_NAME, StyleTemplates
from bot.service.model_switch import Stage
from bot.service.service import QueueView
from bot.translations import has, say
from bot.ui import notes, text
from bot.ui.views import ACCENT
from protocol.card import Guidance, ModelCard
from protocol.request import FEATURES

_MINE_SHOWN = 10
_TEMPLATE_SHOWN = 120  # characters
_STYLES_SHOWN = 3600  # characters of all lines, of the 4000 of a message
_ENGINES_SHOWN = 6  # with their lines they stay within the 4000 characters of a message
_EXPLAINED = tuple(feature.name for feature in FEATURES if has(f"help-{feature.name}"))
_USUAL_STEPS = 8  # before any model is known


def queue(
    locale: str, view: QueueView, *, mine: Sequence[Job], standing: Callable[[str], QueuePosition | None], owner: bool
) -> Panel:
    """How many wait, and where the reader's own requests stand; other people's words are not shown.

    Why a painter cannot start is for the owner: it may name folders.
    """
    lines = [f"### {say(locale, 'queue-title')}", _count(locale, view)]
    lines += [_mine(locale, job, standing(job.id)) for job in mine[:_MINE_SHOWN]]
    if not mine and (view.waiting or view.running):
        lines.append(say(locale, "queue-none-mine"))
    if view.everything_paused or view.guild_paused:
        lines.append(say(locale, "queue-paused"))
    lines += [f"-# {line}" for line in _painters(locale, view.engines)]
    lines += [f"-# {text.inline(engine.problem, 300)}" for engine in view.engines if owner and engine.problem]
    return _panel("\n".join(lines))


def settings(locale: str, shown: Mapping[str, Shown]) -> Panel:
    """Every setting that holds in this place, and where it comes from. No table: Chinese would not stay in columns."""
    lines = [f"### {say(locale, 'admin-defaults')}"]
    for key, setting in shown.items():
        name, source = say(locale, f"setting-{key}"), say(locale, f"admin-from-{setting.scope}")
        lines.append(say(locale, "admin-setting", key=name, value=text.setting(locale, setting.value), source=source))
    return _panel("\n".join(lines))


def styles(locale: str, styles: Iterable[StyleTemplates]) -> Panel:
    """Every style by its name, with the template for prompts in the reader's language."""
    chinese, lines = text.reads_chinese(locale), [f"### {say(locale, 'styles-title')}"]
    shown, length = list(styles), 0
    for index, style in enumerate(shown):
        name = text.inline(style.name.of(chinese=chinese), MOST_NAME)
        template = text.inline(style.template.of(chinese=chinese), _TEMPLATE_SHOWN)
        line = say(locale, "styles-line", name=name, template=template)
        length += len(line) + 1
        if length > _STYLES_SHOWN:
            lines.append(say(locale, "styles-more", count=len(shown) - index))
            break
        lines.append(line)
    return _panel("\n".join(lines if shown else [*lines, say(locale, "styles-none")]))


def status(locale: str, view: QueueView, card: ModelCard | None) -> Panel:
    """Who paints and how fast, what keeps a painter away, how much waits, what is paused."""
    lines = [f"### {say(locale, 'admin-status')}", *_painters(locale, view.engines)]
    for engine in view.engines:
        if engine.speed and card is not None:
            lines.append(f"-# {say(locale, 'admin-painter-speed', seconds=_usual_seconds(engine.speed, card))}")
        if engine.policy:
            lines.append(f"-# {say(locale, 'admin-painter-policy', policy=text.policy(locale, engine.policy))}")
        if engine.problem:
            lines.append(f"-# {text.inline(engine.problem, 300)}")
    lines.append(_count(locale, view))
    if view.everything_paused:
        lines.append(say(locale, "admin-paused-owner"))
    if view.guild_paused:
        lines.append(say(locale, "admin-paused-guild"))
    return _panel("\n".join(lines))


def engines(locale: str, views: Sequence[EngineView], card: ModelCard | None) -> Panel:
    """Every engine by name: model, device, memory, what it can do, how fast it is and how much it holds."""
    lines = [f"### {say(locale, 'admin-engines')}"]
    if not views:
        lines.append(say(locale, "admin-no-painter"))
    for engine in views[:_ENGINES_SHOWN]:
        lines.append(f"**{text.inline(engine.id, 60)}**")
        lines += _painters(locale, [engine])
        facts = list[str]()
        if engine.memory:
            facts.append(say(locale, "admin-engine-memory", gigabytes=text.number(round(engine.memory / 2**30, 1))))
        if engine.speed and card is not None:
            facts.append(say(locale, "admin-painter-speed", seconds=_usual_seconds(engine.speed, card)))
        if engine.state != "loading":
            facts.append(say(locale, "admin-engine-orders", count=engine.orders))
        if facts:
            lines.append(f"-# {' · '.join(facts)}")
        if engine.abilities:
            lines.append(f"-# {text.inline(text.abilities(locale, engine.abilities), 400)}")
        if engine.controls:
            kinds = text.listed(locale, (text.control_name(locale, kind) for kind in engine.controls))
            lines.append(f"-# {say(locale, 'admin-engine-files', kind='ControlNet', names=kinds)}")
        if engine.loras:
            files = (text.lora_name(locale, name, engine.unused_tensors.get(name, 0), 100) for name in engine.loras)
            names = text.inline(text.listed(locale, files), 200)
            lines.append(f"-# {say(locale, 'admin-engine-files', kind='LoRA', names=names)}")
        if engine.problem:
            lines.append(f"-# {text.inline(engine.problem, 200)}")
    if len(views) > _ENGINES_SHOWN:
        lines.append(say(locale, "admin-engines-more", count=len(views) - _ENGINES_SHOWN))
    return _panel("\n".join(lines))


def models(locale: str, current: str | None, offered: Iterable[str], stage: Stage | None) -> Panel:
    """The model of the engine on this machine, those it could have instead, and how the last change went."""
    lines = [f"### {say(locale, 'model-title')}"]
    if current is None:
        lines.append(say(locale, "refusal-no-engine-here"))
    else:
        lines.append(say(locale, "model-current", model=text.inline(current, 200)))
        names = text.listed(locale, (text.code(name, 100) for name in offered))
        lines.append(say(locale, "model-offered", models=text.clip(names, 3000)))
    if stage is not None:
        lines.append(f"-# {model_stage(locale, stage)}")
    return _panel("\n".join(lines))


def model_stage(locale: str, stage: Stage) -> str:
    """How far a change of models is, in a sentence."""
    model, problem = text.inline(stage.model, 100), text.inline(stage.problem, 500)
    return say(locale, f"model-{stage.phase}", model=model, problem=problem)


def help_screen(locale: str, card: ModelCard | None, *, most_steps: int, guidance: float | None = None) -> Panel:
    """One screen: what to type, what the buttons do, and what steps and guidance (None: the model's) cost."""
    usual = card.steps.default if card else _USUAL_STEPS
    steps = [(str(max(1, usual // 2)), say(locale, "help-steps-half")), (str(usual), say(locale, "help-steps-default"))]
    if 2 * usual <= most_steps:
        steps.append((str(2 * usual), say(locale, "help-steps-double")))
    offered = [one for one in _EXPLAINED if card is None or card.offers(one)]
    lines = [say(locale, key) for key in ("help-body", *(f"help-{one}" for one in offered), "help-rest")]
    parts = ["\n".join([f"### {say(locale, 'help-title')}", *lines])]
    parts.append(f"**{say(locale, 'help-steps-title')}**\n{_table(steps)}")
    if card is None or card.offers("guidance"):
        usual = guidance or (card.guidance if card else Guidance()).usual
        rows = [
            ("0", say(locale, "help-guidance-off")),
            (text.number(usual), say(locale, "help-guidance-on")),
            (f"{text.number(2 * usual)}+", say(locale, "help-guidance-high")),
        ]
        parts.append(f"**{say(locale, 'help-guidance-title')}**\n{_table(rows)}")
    if card is not None and card.knows is not None:
        parts.insert(1, notes.known(locale, card.knows))
    return _panel(*parts)


Panel = discord.ui.LayoutView


def _panel(*parts: str) -> Panel:
    view = discord.ui.LayoutView(timeout=None)
    view.add_item(discord.ui.Container[Any](*map(discord.ui.TextDisplay[Any], parts), accent_colour=ACCENT))
    view.stop()  # nothing in it can be pressed
    return view


def _count(locale: str, view: QueueView) -> str:
    """How many wait and how many are painted; what an engine holds in advance still waits."""
    running = sum(job.state is JobState.RUNNING for job in view.running)
    waiting = len(view.waiting) + len(view.running) - running
    if not waiting and not running:
        return say(locale, "queue-empty")
    return say(locale, "queue-count", waiting=waiting, running=running)


def _mine(locale: str, job: Job, standing: QueuePosition | None) -> str:
    if job.state is JobState.RUNNING:
        where = say(locale, "queue-mine-painting")
    elif standing is None or standing.position == 0:
        where = say(locale, "queue-mine-handed")
    else:
        where = say(locale, "queue-mine-place", place=standing.position)
    words = [word for word in (text.inline(job.request.prompt, 60), notes.kind(locale, job), where) if word]
    if standing is not None and standing.eta is not None:
        words.append(say(locale, "due-at", when=text.moment(standing.eta)))
    return f"- {' · '.join(words)}"


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
            state=say(locale, "engine-broken" if engine.problem else f"engine-{engine.state}"),
        )
        for engine in engines
    ]


def _usual_seconds(speed: float, card: ModelCard) -> str:
    """How long one picture of the first shape takes at the model's own steps; `speed` is cost per second."""
    width, height = next(iter(card.shapes.values()))
    return text.seconds(width * height * card.steps.default / 1e6 / speed)


def _table(rows: Sequence[tuple[str, str]]) -> str:
    """A number and what it means, in a block of code. Narrow enough for a phone."""
    width = max(len(number) for number, _ in rows)
    return "```\n" + "\n".join(f"{number:<{width}}  {words}" for number, words in rows) + "\n```"
