"""What a painting follows: the kind of a control picture, the picture, and how closely. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from bot.jobs.errors import ControlPictureWithoutKind, ControlWithoutPicture, NotOffered, OutOfRange, UnknownControl
from protocol.card import ModelCard
from protocol.request import Control, ControlKind

USUAL_CONTROL = 0.75  # the published ControlNet is at its best from 0.65 to 0.8
LEAST_CONTROL, MOST_CONTROL = 0.05, 2.0


@dataclass(frozen=True, kw_only=True, slots=True)
class ControlChoice:
    """What was said about it. `kind` as it was typed; `picture` is a SHA-256, or UNSTORED where one comes along."""

    kind: str | None = None
    picture: str | None = None
    strength: float | None = None

    @classmethod
    def of(cls, control: Control | None) -> ControlChoice | None:
        """The guide of a request that is there already."""
        if control is None:
            return None
        return cls(kind=control.kind.value, picture=control.picture, strength=control.strength)


def guide(kind: str | None, picture: str | None, strength: float | None) -> ControlChoice | None:
    """None where nothing was said."""
    if kind is None and picture is None and strength is None:
        return None
    return ControlChoice(kind=kind, picture=picture, strength=strength)


def resolved(guide: ControlChoice | None, card: ModelCard) -> Control | None:
    """What a request says of it.

    Raises NotOffered, ControlWithoutPicture, ControlPictureWithoutKind, UnknownControl, OutOfRange.
    """
    if guide is None:
        return None
    if not card.offers("control"):
        raise NotOffered(feature="control")
    if guide.picture is None:
        raise ControlWithoutPicture
    if guide.kind is None:
        raise ControlPictureWithoutKind
    strength = USUAL_CONTROL if guide.strength is None else guide.strength
    if not LEAST_CONTROL <= strength <= MOST_CONTROL:
        raise OutOfRange(name="control_strength", value=strength, least=LEAST_CONTROL, most=MOST_CONTROL)
    control = Control(kind=_kind(guide.kind, card), picture=guide.picture, strength=strength)
    known(control, card)
    return control


def known(control: Control | None, card: ModelCard) -> None:
    """Raise UnknownControl where this engine cannot follow such a picture."""
    if control is not None and control.kind not in card.controls:
        raise UnknownControl(control=control.kind.value, controls=_names(card))


def _kind(typed: str, card: ModelCard) -> ControlKind:
    try:
        return ControlKind(typed.strip().casefold())
    except ValueError:
        raise UnknownControl(control=typed, controls=_names(card)) from None


def _names(card: ModelCard) -> str:
    return ", ".join(kind.value for kind in card.controls)
