"""What /imagine can be asked. A new option is a line in `Asked`, where a field of `ImageRequest` of that name takes it
over as it is, and `protocol.request.FEATURES` says what it needs; where there is more to it, `Asked.draft` says so.

Its words are `option-<name>` and `option-<name>-text` in the translations, those of a choice `<name>-<value>`.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import MISSING, dataclass, fields
from enum import StrEnum
from functools import wraps
from typing import Any, get_type_hints

import discord
from discord import app_commands
from discord.app_commands import Range

from bot.command_sync import NEEDS
from bot.jobs.errors import NotOffered
from bot.requests import flags, loras
from bot.requests.control import LEAST_CONTROL, MOST_CONTROL, guide
from bot.requests.draft import AS_SAID, LEAST_STRENGTH, RequestDraft
from bot.requests.loras import LEAST_WEIGHT, MOST_WEIGHT
from bot.requests.styles import MOST_NAME
from bot.storage.blobs import UNSTORED
from bot.translations import locales, say
from bot.translations.commands import named
from bot.ui import text
from protocol.card import ModelCard
from protocol.request import MAX_COUNT, MAX_GUIDANCE, MAX_PROMPT, MAX_STEPS, SEED_RANGE, Region

CHOICES: Mapping[str, type[StrEnum]] = {"region": Region}  # options whose values are a list, as Discord shows it


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """The options as Discord hands them over, in the order in which it shows them. None was left out."""

    prompt: Range[str, 1, MAX_PROMPT]
    shape: Range[str, 1, 40] | None = None
    seed: Range[int, 0, SEED_RANGE - 1] | None = None
    count: Range[int, 1, MAX_COUNT] | None = None
    steps: Range[int, 1, MAX_STEPS] | None = None
    guidance: Range[float, 0.0, MAX_GUIDANCE] | None = None
    negative: Range[str, 1, MAX_PROMPT] | None = None
    image: discord.Attachment | None = None
    strength: Range[float, LEAST_STRENGTH, 1.0] | None = None
    mask: discord.Attachment | None = None
    region: str | None = None
    style: Range[str, 1, MOST_NAME] | None = None
    enhance: bool | None = None
    quality: bool | None = None
    variety: Range[float, 0.0, 1.0] | None = None
    lora: Range[str, 1, 100] | None = None
    lora_weight: Range[float, LEAST_WEIGHT, MOST_WEIGHT] | None = None
    lora2: Range[str, 1, 100] | None = None
    lora2_weight: Range[float, LEAST_WEIGHT, MOST_WEIGHT] | None = None
    control: Range[str, 1, 40] | None = None
    control_image: discord.Attachment | None = None
    control_strength: Range[float, LEAST_CONTROL, MOST_CONTROL] | None = None

    @property
    def attachments(self) -> dict[str, discord.Attachment]:
        """The files that were given, by the field of a request that they are for: an image before its mask."""
        given = {"source": self.image, "mask": self.mask, "control": self.control_image}
        return {field: attachment for field, attachment in given.items() if attachment is not None}

    def draft(self, card: ModelCard) -> RequestDraft:
        """What was said, by options and by flags among the words, for the model of this card.

        Raises BadFlag refusals, and NotOffered for an option among the words that the model lacks.
        """
        _check_words(self.prompt, card)
        return flags.applied(self._options(card), shape_of=lambda typed: text.shape_of(typed, card.shapes))

    def _options(self, card: ModelCard) -> RequestDraft:
        unstored = dict.fromkeys(self.attachments, UNSTORED)
        return RequestDraft(
            prompt=self.prompt,
            shape=text.shape_of(self.shape, card.shapes) if self.shape else None,
            seed=self.seed,
            count=self.count,
            steps=self.steps,
            guidance=self.guidance,
            negative=self.negative,
            source=unstored.get("source"),
            strength=self.strength,
            mask=unstored.get("mask"),
            region=Region(self.region) if self.region else None,
            style=self.style,
            enhance=self.enhance,
            variety=self.variety,
            loras=loras.wanted([(self.lora, self.lora_weight), (self.lora2, self.lora2_weight)]),
            control=guide(
                text.control_of(self.control) if self.control else None,
                unstored.get("control"),
                self.control_strength,
            ),
            as_said={name: said for name in AS_SAID if (said := getattr(self, name, None)) is not None},
        )


def _check_words(prompt: str, card: ModelCard) -> None:
    """Raise NotOffered for "style:anime" among the words, where the model has no styles.

    Such an option is not on Discord's list, so the client takes it for a part of the prompt.
    """
    for option, feature in NEEDS.items():
        names = {say(locale, f"option-{option}") for locale in locales()}
        if not card.offers(feature) and re.search(rf"(?<!\S)({'|'.join(names)})[:：]\s*\S", prompt, re.IGNORECASE):
            raise NotOffered(feature=feature)


def asks(options: type[Any]) -> Callable[[Callable[..., Coroutine[Any, Any, None]]], Any]:
    """Lets a command's method take all its options as one value of this dataclass."""
    names = [field.name for field in fields(options)]

    def decorate(method: Callable[..., Coroutine[Any, Any, None]]) -> Any:
        @wraps(method)
        async def command(cog: Any, interaction: discord.Interaction[Any], **given: Any) -> None:
            await method(cog, interaction, options(**given))

        command.__signature__ = _signature(options)  # pyright: ignore[reportAttributeAccessIssue]  # discord.py reads it
        described = app_commands.describe(**{name: named(f"option-{name}-text") for name in names})(command)
        choices = {name: _choices(name, values) for name, values in CHOICES.items() if name in names}
        return app_commands.rename(**{name: named(f"option-{name}") for name in names})(
            app_commands.choices(**choices)(described)
        )

    return decorate


def _signature(options: type[Any]) -> inspect.Signature:
    """Of a method with the fields of a dataclass as its options."""
    hints = get_type_hints(options)
    own = [inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD) for name in ("self", "interaction")]
    given = [
        inspect.Parameter(
            field.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=inspect.Parameter.empty if field.default is MISSING else field.default,
            annotation=hints[field.name],
        )
        for field in fields(options)
    ]
    return inspect.Signature([*own, *given])


def _choices(name: str, values: type[StrEnum]) -> list[app_commands.Choice[str]]:
    return [app_commands.Choice(name=named(f"{name}-{value}"), value=value.value) for value in values]
