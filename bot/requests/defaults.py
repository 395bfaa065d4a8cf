"""What a picture is like, and how much a person may have, when a request does not say.

Four scopes, the later one wins: owner, guild, channel, user. Nothing passes the owner's ceilings.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal

from bot.jobs.errors import BadSetting, NeedsAdmin, NeedsOwner, NotAllowed, OverCeiling, UnknownShape
from bot.jobs.job import Requester
from bot.jobs.limits import Limits
from bot.requests.sizes import size_of
from bot.storage.settings import Scope, SettingStore, UnreadableSetting
from protocol.card import ModelCard
from protocol.request import MAX_COUNT, MAX_GUIDANCE, MAX_STEPS

Value = str | int | float | bool
SHAPE = re.compile(r"[1-9]\d?:[1-9]\d?|[1-9]\d{1,4}x[1-9]\d{1,4}")
LEAST_GUIDANCE = 0.1  # where it is on

OF_PICTURES = ("shape", "steps", "guidance", "count", "variety")
LIMITS = ("per_minute", "per_day", "in_flight")
KEYS = OF_PICTURES + LIMITS  # "paused" is set by pause and resume alone
_FRACTIONS = ("guidance", "variety")
_CEILINGS = ("steps", *LIMITS)  # of which the owner says the most


@dataclass(frozen=True, kw_only=True, slots=True)
class OwnerSettings:
    """The owner's defaults and ceilings, from the settings file. None is what the model's card says."""

    shape: str = "1:1"
    steps: int | None = None
    guidance: float | None = None  # where the model or a negative prompt turns it on
    count: int = 1
    variety: float = 0.0
    most_steps: int | None = None
    per_minute: int = 20  # pictures
    per_day: int = 500  # pictures
    in_flight: int = 5  # requests
    queue: int = 200  # requests of everybody
    least_free: int = 0  # bytes of the disk


@dataclass(frozen=True, kw_only=True, slots=True)
class Shown:
    """A setting in force: who set it and when, or nobody where it is the owner's file or the model."""

    value: Value | None
    scope: Scope
    by: str | None
    at: float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class PictureDefaults:
    """What fills the gaps of a draft. None is what the model's card says."""

    shape: str
    steps: int | None
    guidance: float | None
    count: int
    variety: float = 0.0


class Defaults:
    """What holds where, and who may change it. `card` tells what the loaded model can do."""

    def __init__(self, settings: SettingStore, *, owner: OwnerSettings, card: Callable[[], ModelCard | None]) -> None:
        self._settings = settings
        self._card = card
        self.owner = owner

    @property
    def most_steps(self) -> int:
        """As many as anybody may ask for."""
        if self.owner.most_steps is not None:
            return self.owner.most_steps
        card = self._card()
        return MAX_STEPS if card is None else card.steps.ceiling

    def show(self, guild: int | None, channel: int | None, principal: str | None = None) -> dict[str, Shown]:
        """Every setting as it holds in this place, and for this person."""
        return {key: self._shown(key, guild, channel, principal) for key in KEYS}

    def chosen_by(self, who: Requester) -> bool:
        """Whether this person has any setting of their own."""
        return any(self._settings.get("user", who.principal, key) is not None for key in OF_PICTURES)

    def of_pictures(self, who: Requester) -> PictureDefaults:
        """What fills the gaps of this person's drafts."""
        shape, steps, guidance, count, variety = (
            self._shown(key, who.guild, who.settled_by, who.principal).value for key in OF_PICTURES
        )
        return PictureDefaults(
            shape=str(shape),
            steps=min(steps, self.most_steps) if isinstance(steps, int) else None,
            guidance=float(guidance) if isinstance(guidance, int | float) else self.owner.guidance,
            count=count if isinstance(count, int) else self.owner.count,
            variety=float(variety) if isinstance(variety, int | float) else self.owner.variety,
        )

    def limits(self, who: Requester) -> Limits:
        """This person's allowance in this place, never above the owner's ceilings."""
        shown = (self._shown(key, who.guild, who.settled_by, None) for key in LIMITS)
        per_minute, per_day, in_flight = (
            min(int(one.value or 1), int(getattr(self.owner, key))) for key, one in zip(LIMITS, shown, strict=True)
        )
        return Limits(per_minute=per_minute, per_day=per_day, in_flight=in_flight, queue=self.owner.queue)

    async def set(self, scope: Scope, scope_id: int | str | None, key: str, value: Value, *, by: Requester) -> Value:
        """Set it and return the value as understood. Raises NotAllowed, BadSetting or OverCeiling."""
        _authorise(scope, scope_id, by)
        known = self._understood(scope, key, value)
        await self._settings.put(scope, scope_id, key, known, by=by.principal)
        return known

    async def reset(self, scope: Scope, scope_id: int | str | None, key: str | None, *, by: Requester) -> int:
        """Unset one setting of this scope, or all of them where `key` is None; returns how many were set."""
        _authorise(scope, scope_id, by)
        if key is not None and key not in KEYS:
            raise BadSetting(key=key, value="", allowed=", ".join(KEYS))
        dropped = 0
        for name in KEYS if key is None else (key,):
            dropped += await self._settings.drop(scope, scope_id, name, by=by.principal)
        return dropped

    async def set_paused(
        self, scope: Literal["owner", "guild"], guild: int | None, paused: bool, by: Requester
    ) -> None:
        """Pause or resume a guild (its admins) or everything (the owner)."""
        scope_id = guild if scope == "guild" else None
        _authorise(scope, scope_id, by)
        if paused:
            await self._settings.put(scope, scope_id, "paused", True, by=by.principal)
        else:
            await self._settings.drop(scope, scope_id, "paused", by=by.principal)

    def range_of(self, key: str) -> tuple[float, float] | None:
        """The least and the most that a setting can be; None where it is no number."""
        match key:
            case "shape":
                return None
            case "guidance":
                return LEAST_GUIDANCE, MAX_GUIDANCE
            case "variety":
                return 0, 1
            case "count":
                return 1, MAX_COUNT
            case "steps":
                return 1, self.most_steps
            case _:
                return 1, int(getattr(self.owner, key))

    def paused(self) -> frozenset[int | None]:
        """Guilds that are paused; None stands for everything."""
        return frozenset(
            None if row.scope == "owner" else int(row.scope_id) for row in self._settings.rows() if row.key == "paused"
        )

    def _shown(self, key: str, guild: int | None, channel: int | None, principal: str | None) -> Shown:
        places: tuple[tuple[Scope, int | str | None], ...] = (
            ("user", principal),
            ("channel", channel),
            ("guild", guild),
            ("owner", None),
        )
        for scope, scope_id in places:
            if (row := self._settings.get(scope, scope_id, key)) is not None:
                with suppress(UnreadableSetting):
                    value = self._settings.value(row, str if key == "shape" else int | float)
                    return Shown(value=value, scope=row.scope, by=row.by, at=row.at)
        value: Value | None = getattr(self.owner, key)
        card = self._card()
        if key == "steps" and value is None and card is not None:
            value = min(card.steps.default, self.most_steps)
        if key == "guidance" and value is None and card is not None:
            value = card.guidance.usual
        return Shown(value=value, scope="owner", by=None, at=None)

    def _understood(self, scope: Scope, key: str, value: Value) -> Value:
        """The value in its type and within its bounds."""
        if key == "shape":
            return self._understood_shape(str(value))
        if key not in KEYS or (scope == "user" and key in LIMITS):
            raise BadSetting(key=key, value=str(value), allowed=", ".join(OF_PICTURES if scope == "user" else KEYS))
        within = self.range_of(key)
        assert within is not None
        least, most = within
        number = _number(value, float if key in _FRACTIONS else int)
        if number is not None and number > most and key in _CEILINGS:
            raise OverCeiling(key=key, value=number, ceiling=most)
        if number is None or not least <= number <= most:
            raise BadSetting(key=key, value=str(value), allowed=f"{_said(least)}-{_said(most)}")
        return number

    def _understood_shape(self, value: str) -> str:
        card = self._card()
        if card is not None:
            try:
                size_of(value, card)
            except UnknownShape as unknown:
                raise BadSetting(key="shape", value=value, allowed=", ".join(card.shapes)) from unknown
        elif not SHAPE.fullmatch(value):
            raise BadSetting(key="shape", value=value, allowed="1:1, 2:3, 3:2")
        return value


def _authorise(scope: Scope, scope_id: int | str | None, by: Requester) -> None:
    """Who may change what: checked at the moment of the change."""
    match scope:
        case "owner":
            if not by.owner:
                raise NeedsOwner
        case "guild" | "channel":
            here = by.guild if scope == "guild" else by.channel
            if not by.admin or by.guild is None or here != scope_id:
                raise NeedsAdmin
        case "user":
            if scope_id != by.principal:
                raise NotAllowed


def _said(bound: float) -> str:
    return str(bound) if isinstance(bound, int) else f"{bound:g}"


def _number(value: Value, kind: type[int] | type[float]) -> int | float | None:
    try:
        return kind(value)
    except (ValueError, OverflowError):
        return None
