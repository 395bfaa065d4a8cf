"""The LoRAs of a request: names as people type them, each once, with a weight in range. Pure."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence

from bot.jobs.errors import LoraWeightWithoutLora, NotOffered, OutOfRange, SameLoraTwice, TooManyLoras, UnknownLora
from protocol.card import ModelCard
from protocol.request import Lora

MOST_LORAS = 4  # the options have room for two; more can be typed
USUAL_WEIGHT = 1.0
LEAST_WEIGHT, MOST_WEIGHT = -4.0, 4.0


def wanted(given: Iterable[tuple[str | None, float | None]]) -> tuple[Lora, ...] | None:
    """LoRAs from options (name, weight); None where nothing was said. Raises LoraWeightWithoutLora."""
    said = [(name, weight) for name, weight in given if name is not None or weight is not None]
    if any(name is None for name, _ in said):
        raise LoraWeightWithoutLora
    named = [(name.strip(), weight) for name, weight in said if name is not None]
    return tuple(Lora(name=name, weight=USUAL_WEIGHT if weight is None else weight) for name, weight in named) or None


def resolved(loras: Sequence[Lora], card: ModelCard) -> tuple[Lora, ...]:
    """The same under the names of their files.

    Raises NotOffered, TooManyLoras, UnknownLora, SameLoraTwice, OutOfRange.
    """
    if loras and not card.offers("lora"):
        raise NotOffered(feature="lora")
    if len(loras) > MOST_LORAS:
        raise TooManyLoras(limit=MOST_LORAS)
    found = tuple(Lora(name=_name(one.name, card), weight=one.weight) for one in loras)
    for one in found:
        if not LEAST_WEIGHT <= one.weight <= MOST_WEIGHT:
            raise OutOfRange(name="lora_weight", value=one.weight, least=LEAST_WEIGHT, most=MOST_WEIGHT)
        if sum(other.name == one.name for other in found) > 1:
            raise SameLoraTwice(lora=one.name)
    return found


def _name(typed: str, card: ModelCard) -> str:
    """The file's name exactly, else without regard to capitals, or to how accents are coded, where that leaves one."""
    if typed in card.loras:
        return typed
    alike = [name for name in card.loras if _folded(name) == _folded(typed)]
    if len(alike) != 1:
        raise UnknownLora(lora=typed)
    return alike[0]


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()
