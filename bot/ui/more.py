"""What else can be done with a picture: a panel for whoever presses More, with what the loaded model can do.

A line of `GROUPS` is a row of it, a verb there a button: `button-<verb>` is its label, `more-<group>` the row's title.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import discord
from msgspec import structs

from bot.jobs.errors import Refusal
from bot.jobs.job import Job, Picture
from bot.requests import derive
from bot.requests.derive import Continue
from bot.translations import say
from bot.ui import notes, text, views
from bot.ui.buttons import Button, Row, job_button
from protocol.card import ModelCard

# At most five verbs a group. Each makes a request from the picture; every rule is checked when it is pressed.
GROUPS: Mapping[str, Mapping[str, Continue]] = {
    "zoom": derive.ZOOM,
    "pan": derive.PAN,
    "vary": derive.VARY,
    "upscale": derive.UPSCALE,
    "anew": derive.ANEW,
}
VERBS: Mapping[str, Continue] = {verb: how for group in GROUPS.values() for verb, how in group.items()}
_KEPT = ("original", "command", "parameters")  # what there is of it, whatever a model can do

Shown = Mapping[int, str]  # addresses of the pictures as the message shows them, by their numbers from 0


def question(job: Job, shown: Shown, locale: str) -> discord.ui.LayoutView:
    """Which of several pictures is meant."""
    parts: list[discord.ui.Item[Any]] = [discord.ui.TextDisplay(f"**{say(locale, 'more-question')}**")]
    if there := [picture.k for picture in job.pictures if picture.k in shown]:
        gallery = discord.ui.MediaGallery[Any]()
        for k in there:
            gallery.add_item(media=shown[k], description=say(locale, "button-pick", k=k + 1))
        parts.append(gallery)
    picks = (job_button("more", job.id, picture.k, locale=locale, label="pick") for picture in job.pictures)
    return _layout([*parts, Row(*picks)])


def panel(
    job: Job,
    picture: Picture,
    card: ModelCard | None,
    locale: str,
    *,
    shown: str | None,
    most_steps: int,
    may_delete: bool,
) -> discord.ui.LayoutView:
    """Everything that can be done with the picture, group by group.

    `shown` is the address of the picture, where it is known; `card` None leaves what a model would have to do.
    """
    parts: list[discord.ui.Item[Any]] = [_head(job, picture, shown, locale)]
    for group, buttons in _offered(job, picture, card, locale, most_steps):
        parts += [discord.ui.TextDisplay(f"-# {say(locale, f'more-{group}')}"), Row(*buttons)]
    verbs = [*_KEPT, *(["delete"] if may_delete else [])]
    kept = Row(*(job_button(verb, job.id, picture.k, locale=locale) for verb in verbs))
    return _layout([*parts, discord.ui.TextDisplay(f"-# {say(locale, 'more-kept')}"), kept])


def parameters(job: Job, picture: Picture, locale: str) -> discord.ui.LayoutView:
    """Everything that made this picture, for a reader of this locale."""
    request = structs.replace(job.request, seed=picture.seed, count=1)
    reader = replace(job.requester, locale=locale)
    alone = replace(job, request=request, pictures=(picture,), requester=reader)
    lines = [*views.parameters(alone), views.negative(alone), say(locale, "parameter-model", model=job.model_id)]
    lines.append(say(locale, "parameter-asked", when=text.moment(job.created, day=True), id=job.id))
    words = [f"### {_title(locale, 'parameters', job, picture)}", text.safe(request.prompt), *notes.after(alone)]
    view = _layout([discord.ui.TextDisplay("\n".join([*words, *(f"- {line}" for line in lines if line)]))])
    if notes.clipped(request):
        view.add_item(Row(job_button("prompt", job.id, locale=locale)))
    return view


def _title(locale: str, key: str, job: Job, picture: Picture) -> str:
    """Which picture is spoken of, where there are several."""
    return say(locale, f"title-{key}") if len(job.pictures) == 1 else say(locale, f"title-{key}-of", k=picture.k + 1)


def _layout(parts: list[discord.ui.Item[Any]]) -> discord.ui.LayoutView:
    view = discord.ui.LayoutView(timeout=None)
    view.add_item(discord.ui.Container(*parts, accent_colour=views.ACCENT))
    return view


def _head(job: Job, picture: Picture, shown: str | None, locale: str) -> discord.ui.Item[Any]:
    title = _title(locale, "more", job, picture)
    facts = f"{say(locale, 'parameter-seed', seed=str(picture.seed))} · {picture.width} × {picture.height}"
    said = discord.ui.TextDisplay[Any](f"**{title}**\n-# {facts}")
    return said if shown is None else discord.ui.Section(said, accessory=discord.ui.Thumbnail(shown))


def _offered(
    job: Job, picture: Picture, card: ModelCard | None, locale: str, most_steps: int
) -> Iterator[tuple[str, list[Button]]]:
    if card is None:
        return
    for group, verbs in GROUPS.items():
        able = [verb for verb, how in verbs.items() if _is_able(card, how, job, picture)]
        if group == "anew":
            able = [*_with_forms(job, card, most_steps), *able]
        if able:
            yield group, [job_button(verb, job.id, picture.k, locale=locale) for verb in able]


def _with_forms(job: Job, card: ModelCard, most_steps: int) -> Iterator[str]:
    if derive.is_unfinished(job, card, most_steps=most_steps):
        yield "finish"
    if card.offers("inpaint"):
        yield "region"


def _is_able(card: ModelCard, how: Continue, job: Job, picture: Picture) -> bool:
    try:
        return card.can_paint(how(job, picture, card=card, seed=0))
    except Refusal:
        return False
