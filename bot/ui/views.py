"""A job as the message that shows it: waiting, painting, finished, failed, cancelled. Pure: a job in, a layout out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import discord
from msgspec import structs

from bot.jobs.events import QueuePosition
from bot.jobs.job import Job
from bot.jobs.states import JobState
from bot.requests import derive
from bot.requests.sizes import asked_pixels
from bot.translations import say
from bot.ui import notes, text
from bot.ui.buttons import Button, Row, job_button, picture_button
from protocol.card import ModelCard
from protocol.request import MAX_STEPS, UPSCALE_FACTOR, Kind

ACCENT = discord.Colour(0xE8A33D)
_AGAIN = ("reroll", "edit", "delete")  # what can be done to a job that has ended without pictures
# Failures that the same request meets again, whenever it is painted: there is nothing to reroll.
_FOR_GOOD = ("prompt-too-many-tokens", "too-large", "too-heavy", "nothing-to-paint", "bad-source", "bad-control")
_SHOWN_IN_VAIN = 200  # characters of the prompt of such a one, which everybody sees
PREVIEW = "preview.jpg"  # never the job's id: a file of that name says that its pictures were posted


@dataclass(frozen=True, kw_only=True, slots=True)
class LiveStatus:
    """What is known of a live job beyond its row: its place, how far it is, and what happens to its painter."""

    standing: QueuePosition | None = None
    step: int = 0
    steps: int = 0
    preview: bool = False
    again: bool = False  # its painter died; it waits once more
    starting: bool = False  # no painter is ready yet
    broken: bool = False  # nor can any start
    changing: bool = False  # nor will be before it has another model
    writing: str = ""  # what the model has written out of the prompt so far


def file_name(job: Job, k: int, kind: str = "png") -> str:
    """The name under which picture k is uploaded; delivery looks for it after a restart."""
    return f"{job.id}-{k + 1}.{kind}"


def without_words(job: Job) -> Job:
    """The same job where Discord refuses the words of its person: a sentence stands in their place."""
    words, request = say(job.requester.locale, "words-refused"), job.request
    written = words if request.enhanced else ""  # the same words are not shown twice
    return replace(job, request=structs.replace(request, prompt=words, enhanced=written, negative="", style=None))


def _is_without_words(job: Job) -> bool:
    return job.request.prompt == say(job.requester.locale, "words-refused")


def live(job: Job, status: LiveStatus) -> discord.ui.LayoutView:
    """The message while the job waits or is painted."""
    locale = job.requester.locale
    parts: list[discord.ui.Item[Any]] = [_prompt(job)]
    if status.preview and job.state is JobState.RUNNING:
        alt = say(locale, "alt-preview", prompt=text.plain(job.request.prompt))
        parts.append(_gallery([(PREVIEW, alt)]))
    if job.request.guidance > 0:
        doubled = say(locale, "guidance-doubles", guidance=text.number(job.request.guidance))
        parts.append(discord.ui.TextDisplay(f"-# {doubled}"))
    if said := notes.before(job, writing=status.writing):
        parts.append(discord.ui.TextDisplay("\n".join(said)))
    parts.append(discord.ui.TextDisplay(_state_line(job, status)))
    return _layout([*parts, *_buttons(job, ["cancel"])])


def says_next(job: Job, status: LiveStatus) -> bool:
    """Whether its message says that it is next in line."""
    return say(job.requester.locale, "waiting-next") in _state_line(job, status)


def finished(
    job: Job,
    card: ModelCard | None,
    *,
    files: Sequence[str],
    converted: str | None = None,
    most_steps: int = MAX_STEPS,
) -> discord.ui.LayoutView:
    """The pictures, how they came about, and what can be done next.

    `files` are the names of the uploads, one per picture; `converted` is the format they had to be shown in. The owner
    allows `most_steps`.
    """
    locale, request = job.requester.locale, job.request
    prompt = text.plain(request.prompt)
    alts = [
        say(locale, "alt-pictures", k=picture.k + 1, count=request.count, prompt=prompt)
        if request.count > 1
        else say(locale, "alt-picture", prompt=prompt)
        for picture in job.pictures
    ]
    beyond = "" if _is_without_words(job) else notes.beyond(job, card)
    lines = [*notes.after(job), *(f"-# {line}" for line in (" · ".join(parameters(job)), negative(job)) if line)]
    if len(job.pictures) < request.count:
        lines.append(say(locale, "some-missing", missing=request.count - len(job.pictures)))
    if converted:
        lines.append(f"-# {say(locale, 'shown-as', format=converted)}")
    parts: list[discord.ui.Item[Any]] = [
        _prompt(job),
        _gallery(list(zip(files, alts, strict=True))),
        *([discord.ui.TextDisplay[Any](beyond)] if beyond else []),
        discord.ui.TextDisplay("\n".join(lines)),
        *_rows(job, card, most_steps),
    ]
    return _layout(parts)


def failed(job: Job, *, stored: bool = True) -> discord.ui.LayoutView:
    """Why there is no picture, and the way to try again. One that was painted may be `stored` though nobody sees it."""
    locale, verbs, prompt = job.requester.locale, _AGAIN, _prompt(job)
    if job.ended_well:
        line = say(locale, "not-shown" if stored else "refusal-picture-gone")
    else:
        line = f"**{say(locale, 'failed')}** · {text.failure(locale, job.failure)}"
    if job.failure is not None and job.failure.code in _FOR_GOOD:
        verbs = ("edit", "delete")
        prompt = discord.ui.TextDisplay[Any](text.safe(job.request.prompt, _SHOWN_IN_VAIN) or "…")
    rest = [job_button("prompt", job.id, locale=locale)] if _is_cut(job, verbs) else []
    row = Row(*(job_button(verb, job.id, locale=locale) for verb in verbs), *rest)
    return _layout([prompt, discord.ui.TextDisplay(line), row], accent=None)


def _is_cut(job: Job, verbs: Sequence[str]) -> bool:
    """Whether the message of a failure with these verbs leaves words out."""
    return notes.clipped(job.request) or (verbs != _AGAIN and len(text.plain(job.request.prompt)) > _SHOWN_IN_VAIN)


def brought(job: Job, *, files: Sequence[str], deleted: bool, converted: str | None = None) -> discord.ui.LayoutView:
    """Pictures that could not be shown where they were asked for, for their person alone, wherever that is.

    `deleted`: because somebody had taken their message away.
    """
    locale, prompt = job.requester.locale, text.plain(job.request.prompt)
    lines = [say(locale, "brought-deleted" if deleted else "brought")]
    if converted:
        lines.append(f"-# {say(locale, 'shown-as', format=converted)}")
    gallery = _gallery([(name, say(locale, "alt-picture", prompt=prompt)) for name in files])
    return _layout([_prompt(job), gallery, discord.ui.TextDisplay("\n".join(lines))])


def lost(job: Job) -> discord.ui.LayoutView:
    """Pictures that were to be brought, and are no longer there."""
    return _layout(
        [_prompt(job), discord.ui.TextDisplay(say(job.requester.locale, "refusal-picture-gone"))], accent=None
    )


def cancelled(job: Job) -> discord.ui.LayoutView:
    """What was given up."""
    locale = job.requester.locale
    line = f"-# {say(locale, 'cancelled')} · {_by(job)}"
    return _layout([_prompt(job), discord.ui.TextDisplay(line), *_buttons(job, _AGAIN)], accent=None)


def further_up(job: Job) -> str:
    """What is said in an archived thread to open it."""
    return say(job.requester.locale, "further-up", who=_by(job))


def _layout(parts: list[discord.ui.Item[Any]], *, accent: discord.Colour | None = ACCENT) -> discord.ui.LayoutView:
    view = discord.ui.LayoutView(timeout=None)
    view.add_item(discord.ui.Container(*parts, accent_colour=accent))
    return view


def _prompt(job: Job) -> discord.ui.TextDisplay[Any]:
    return discord.ui.TextDisplay(text.safe(job.request.prompt) or "…")


def _gallery(files: Sequence[tuple[str, str]]) -> discord.ui.MediaGallery[Any]:
    gallery = discord.ui.MediaGallery[Any]()
    for name, alt in files:
        gallery.add_item(media=f"attachment://{name}", description=text.clip(alt, text.ALT_TEXT))
    return gallery


def _state_line(job: Job, status: LiveStatus) -> str:
    locale, standing = job.requester.locale, status.standing
    ready = None
    if standing is not None and standing.eta is not None:
        ready = say(locale, "due-at", when=text.moment(standing.eta))
    if job.state is JobState.RUNNING:
        words = [f"**{say(locale, 'writing' if _writes(job, status) else 'painting')}**"]
        if status.steps and status.step >= status.steps:
            words = [f"**{say(locale, 'finishing')}**", text.bar(1, 1) * min(status.steps, 8)]
        elif status.steps:
            step = say(locale, "painting-step", step=status.step, steps=status.steps)
            words.append(f"{text.bar(status.step, status.steps)} {step}")
    elif standing is not None and standing.paused:
        words = [f"**{say(locale, 'waiting')}**", say(locale, "waiting-paused")]
    elif status.changing:
        words = [f"**{say(locale, 'waiting')}**", say(locale, "waiting-model")]
    elif status.again:
        words = [f"**{say(locale, 'waiting')}**", say(locale, "waiting-again")]
    elif status.broken:
        words = [f"**{say(locale, 'waiting')}**", say(locale, "waiting-broken")]
    elif status.starting:
        words = [f"**{say(locale, 'waiting')}**", say(locale, "waiting-painter")]
    elif standing is None:
        words = [f"**{say(locale, 'waiting')}**"]
    elif standing.position > 1:
        words = [f"**{say(locale, 'waiting')}**", say(locale, "waiting-place", place=standing.position)]
    else:
        key = "waiting-next" if standing.position else "waiting-handed"  # of several that engines hold, none is next
        words = [f"**{say(locale, 'waiting')}**", say(locale, key)]
    return " · ".join([*words, ready] if ready else words)


def _writes(job: Job, status: LiveStatus) -> bool:
    return job.request.to_be_written and not status.step


def _by(job: Job) -> str:
    """Who asked; shown as a name, and nobody is pinged (AllowedMentions.none)."""
    kind, _, person = job.requester.principal.partition(":")
    return f"<@{person}>" if kind == "discord" else text.inline(person, 40)


def parameters(job: Job) -> list[str]:
    """Who asked for it, and how it came about, in a few words each."""
    locale, request = job.requester.locale, job.request
    words = [_by(job)]
    if kind := notes.kind(locale, job):
        words.append(kind)
    if request.count > 1:
        last = request.seed_of(request.count - 1)
        words.append(say(locale, "parameter-seeds", first=str(request.seed), last=str(last)))
    else:
        words.append(say(locale, "parameter-seed", seed=str(request.seed)))
    free = request.kind is Kind.INPAINT or asked_pixels(request.shape) is not None
    words.append(notes.size(request) if free else f"{request.shape} ({notes.size(request)})")
    if not request.is_sharp:
        words.append(say(locale, "parameter-steps", steps=request.steps))
    if request.guidance > 0:
        words.append(say(locale, "parameter-guidance", guidance=text.number(request.guidance)))
    if request.kind is Kind.IMAGE or (
        request.kind is Kind.INPAINT and request.margins is None and request.strength < 1
    ):
        words.append(say(locale, "parameter-strength", strength=text.number(request.strength)))
    words += notes.parameters(locale, request)
    if job.pictures:
        spent = max(picture.seconds for picture in job.pictures)
        words.append(say(locale, "parameter-seconds", seconds=text.seconds(spent)))
    return words


def negative(job: Job) -> str:
    """What was to be left out, where that was said."""
    if not job.request.negative:
        return ""
    return say(job.requester.locale, "parameter-negative", negative=text.inline(job.request.negative, 200))


def _rows(job: Job, card: ModelCard | None, most_steps: int) -> list[Row]:
    """One row for one picture; for several, a row each for what is done to one of them; below, what is rare."""
    locale, count = job.requester.locale, len(job.pictures)
    reroll, edit = (job_button(verb, job.id, locale=locale) for verb in ("reroll", "edit"))
    vary = [picture_button("vary", job.id, p.k, of=count, locale=locale) for p in job.pictures if _may_vary(job, card)]
    upscale = [
        picture_button("upscale", job.id, p.k, of=count, locale=locale) for p in job.pictures if _may_upscale(job, card)
    ]
    only = job.pictures[0].k if count == 1 else None
    more = job_button("which" if only is None else "more", job.id, only or 0, locale=locale, label="more")
    rare = [*_finish(job, card, only, most_steps), *_rest(job)]
    alone, each = [[reroll, *vary, *upscale, edit, more], rare], [upscale, vary, [reroll, edit, more, *rare]]
    return [Row(*buttons) for buttons in (alone if count == 1 else each) if buttons]


def _finish(job: Job, card: ModelCard | None, only: int | None, most_steps: int) -> list[Button]:
    """All of several pictures are finished at once."""
    if card is None or not derive.is_unfinished(job, card, most_steps=most_steps):
        return []
    verb = "finish-all" if only is None else "finish"
    return [job_button(verb, job.id, only or 0, locale=job.requester.locale)]


def _buttons(job: Job, verbs: Sequence[str]) -> list[Row]:
    """One row, where there is anything to press."""
    buttons = [*(job_button(verb, job.id, locale=job.requester.locale) for verb in verbs), *_rest(job)]
    return [Row(*buttons)] if buttons else []


def _rest(job: Job) -> list[Button]:
    """The way to the words that the message leaves out."""
    return [job_button("prompt", job.id, locale=job.requester.locale)] if notes.clipped(job.request) else []


def _may_vary(job: Job, card: ModelCard | None) -> bool:
    """Variations are painted in one piece, so they end at the largest size that the model paints in one piece."""
    if card is None:
        return True
    largest = max((width * height for width, height in card.shapes.values()), default=card.native_pixels)
    return card.offers("vary") and job.request.width * job.request.height <= largest


def _may_upscale(job: Job, card: ModelCard | None) -> bool:
    if card is None:
        return True
    width, height = job.request.width * UPSCALE_FACTOR, job.request.height * UPSCALE_FACTOR
    return card.offers("upscale") and max(width, height) <= card.max_side and width * height <= card.max_pixels
