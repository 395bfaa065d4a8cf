"""What an engine says to its bot and does at its word, whatever carries it. Runs on one asyncio loop."""

from __future__ import annotations

import asyncio
import logging
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Sequence

import msgspec

from engine.links.outstanding import Desk, Ending
from protocol.messages import (
    PROTOCOL,
    Beat,
    BotHello,
    Command,
    EngineHello,
    Enhanced,
    Event,
    Generate,
    Loading,
    Progress,
    Refused,
    Stored,
)

log = logging.getLogger(__name__)


class Talk(ABC):
    """Hands the bot's commands to `hear`. `bot` names it for the log. All methods belong to the loop's thread."""

    def __init__(self, *, hear: Callable[[Command], None], bot: str) -> None:
        self.greeted = False  # the bot has answered the hello
        self._hear = hear
        self._bot_name = bot
        self._desk = Desk()
        self._introduction: Loading | EngineHello | None = None
        self._outbox: deque[Event] = deque()
        self._spoken = asyncio.Event()
        self._said = ""

    def introduce(self, introduction: Loading | EngineHello) -> None:
        """Say who this is, now and whenever the bot comes back."""
        self._introduction = introduction
        self._introduce()

    @property
    @abstractmethod
    def _connected(self) -> bool: ...

    @abstractmethod
    def _hand_over(self, endings: Sequence[Ending]) -> None:
        """Bring these endings, which the bot wants again, on their way."""

    def _introduce(self) -> None:
        match self._introduction:
            case None:
                pass
            case Loading() as loading:
                self._post(loading)
            case hello:
                self._post(msgspec.structs.replace(hello, running=self._desk.running, held=self._desk.held))

    def _post(self, event: Event) -> None:
        """Queue for sending; what is newer of its kind takes the place of one that still waits."""
        if not self._connected:
            return
        for index, waiting in enumerate(self._outbox):
            if _is_outdated(waiting, by=event):
                self._outbox[index] = event
                return
        self._outbox.append(event)
        self._spoken.set()

    async def _next(self) -> Event:
        """What is to be sent now."""
        while not self._outbox:
            self._spoken.clear()
            await self._spoken.wait()
        return self._outbox.popleft()

    def _obey(self, command: Command) -> bool:
        """Act on one command; False where bot and engine do not go together."""
        match command:
            case Refused(reason=reason):
                self._note(f"the bot refused this engine: {reason}")
                return False
            case BotHello(protocol=protocol, build=build) if protocol != PROTOCOL:
                self._note(f"the bot (build {build}) speaks protocol {protocol}, this engine {PROTOCOL}")
                return False
            case BotHello():
                self.greeted = True
                self._note(f"linked to {self._bot_name}")
            case Stored():
                self._desk.confirm(command)
            case Generate():
                order, ready = self._desk.take(command)
                self._hand_over(ready)
                if order is not None:
                    self._hear(order)
            case _:
                self._hear(command)
        return True

    def _note(self, sentence: str) -> None:
        """Log a change once, not at every turn."""
        if sentence != self._said:
            self._said = sentence
            log.info(sentence)


def _is_outdated(one: Event, *, by: Event) -> bool:
    match by:
        case Beat():
            return isinstance(one, Beat)
        case EngineHello() | Loading():
            return isinstance(one, EngineHello | Loading)
        case Progress(job=job):
            return isinstance(one, Progress) and one.job == job
        case Enhanced(job=job):
            return isinstance(one, Enhanced) and one.job == job
        case _:
            return False
