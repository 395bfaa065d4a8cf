"""Things that go wrong on purpose: tests ask for them, the REST side and the gateway let them happen."""

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from playground.wire.jsons import Json

Kind: TypeAlias = Literal["status", "strange", "lost", "late", "reset", "delay", "cut"]
AMBIGUOUS: tuple[Kind, ...] = ("status", "lost", "late", "reset")  # the bot cannot tell whether it was done
# Clear refusals that say nothing about the request: Discord's own network, and codes that no list has.
STRANGE = ((403, 40333), (400, 999_001), (409, 999_002), (403, 999_003))


@dataclass(slots=True)
class Fault:
    """Waits for `times` requests whose method and path match, and that have `over` so many bytes.

    status, strange: refused with `status` before anything happens. lost: all happens, the answer does not arrive.
    late: everything happens, the answer says `status`. reset: the connection breaks before anything happens.
    delay: `seconds` pass first, then all goes well. cut: a file breaks off in the middle.
    """

    kind: Kind
    method: str | None
    path: re.Pattern[str]
    times: int
    status: int = 500
    body: Json = field(default_factory=lambda: {"message": "500: Internal Server Error", "code": 0})
    headers: dict[str, str] = field(default_factory=dict[str, str])
    seconds: float = 0.0
    hits: int = 0
    over: int = -1


@dataclass(kw_only=True, slots=True)
class Weather:
    """A share of all requests whose path matches goes wrong, in one of these ways."""

    path: re.Pattern[str]
    chance: float
    dice: random.Random
    kinds: Sequence[Kind]
    hits: int = 0


class Faults:
    """The faults that are still to happen; `path` is a regular expression searched in the request's path."""

    def __init__(self) -> None:
        self._waiting: list[Fault] = []
        self._weather: Weather | None = None

    def bad_weather(
        self, path: str, *, chance: float, dice: random.Random, kinds: Sequence[Kind] = AMBIGUOUS
    ) -> Weather:
        """From now on, until `clear`, this share of these requests meets a fault that leaves the bot in doubt."""
        self._weather = Weather(path=re.compile(path), chance=chance, dice=dice, kinds=kinds)
        return self._weather

    def refuse(
        self,
        path: str,
        *,
        method: str | None = None,
        times: int = 1,
        status: int = 500,
        code: int = 0,
        message: str = "Internal Server Error",
        over: int = -1,
    ) -> Fault:
        body: Json = {"message": message, "code": code}
        return self._add(Fault("status", method, re.compile(path), times, status=status, body=body, over=over))

    def rate_limit(self, path: str, *, method: str | None = None, times: int = 1, retry_after: float = 0.2) -> Fault:
        body: Json = {"message": "You are being rate limited.", "code": 0, "retry_after": retry_after, "global": False}
        headers = {"Retry-After": str(retry_after), "Via": "1.1 playground", "X-RateLimit-Scope": "shared"}
        return self._add(Fault("status", method, re.compile(path), times, 429, body, headers))

    def lose_answer(self, path: str, *, method: str | None = None, times: int = 1) -> Fault:
        return self._add(Fault("lost", method, re.compile(path), times))

    def reset(self, path: str, *, method: str | None = None, times: int = 1) -> Fault:
        return self._add(Fault("reset", method, re.compile(path), times))

    def answer_late(self, path: str, *, method: str | None = None, times: int = 1, status: int = 502) -> Fault:
        return self._add(Fault("late", method, re.compile(path), times, status=status))

    def delay(self, path: str, seconds: float, *, method: str | None = None, times: int = 1) -> Fault:
        return self._add(Fault("delay", method, re.compile(path), times, seconds=seconds))

    def cut(self, path: str, *, times: int = 1) -> Fault:
        return self._add(Fault("cut", "GET", re.compile(path), times))

    def clear(self) -> None:
        self._waiting.clear()
        self._weather = None

    def next_fault(self, method: str, path: str, size: int) -> Fault | None:
        """The fault that this request of `size` bytes meets, counted; None when all is well."""
        for fault in self._waiting:
            if fault.method in (None, method) and fault.path.search(path) and size > fault.over:
                fault.hits += 1
                if fault.hits >= fault.times:
                    self._waiting.remove(fault)
                return fault
        weather = self._weather
        if weather is not None and weather.path.search(path) and weather.dice.random() < weather.chance:
            weather.hits += 1
            kind = weather.dice.choice(weather.kinds)
            if kind == "strange":
                status, code = weather.dice.choice(STRANGE)
                body: Json = {"message": "Something that nobody has written down", "code": code}
                return Fault(kind, None, weather.path, 1, status=status, body=body, hits=1)
            return Fault(kind, None, weather.path, 1, status=502, hits=1)
        return None

    def _add(self, fault: Fault) -> Fault:
        self._waiting.append(fault)
        return fault
