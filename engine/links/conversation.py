"""An engine's conversation with its bot: events go out, commands come in, whatever carries them. One asyncio loop."""

from __future__ import annotations

import asyncio
import logging
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Sequence

import msgspec

from engine.links.outstanding import Ending, Outstanding
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


class Conversation(ABC):
    """Hands the bot's commands to `on_command`. `bot` names it for the log. All methods belong to the loop's thread."""

    def __init__(self, *, on_command: Callable[[Command], None], bot: str) -> None:
        self.greeted = False  # the bot has answered the hello
        self._on_command = on_command
        self._bot_name = bot
        self._outstanding = Outstanding()
        self._introduction: Loading | EngineHello | None = None
        self._outbox: deque[Event] = deque()
        self._queued = asyncio.Event()
        self._last_note = ""

    def introduce(self, introduction: Loading | EngineHello) -> None:
        """Say who this is, now and whenever the bot comes back."""
        self._introduction = introduction
        self._introduce()

    @property
    @abstractmethod
    def _connected(self) -> bool: ...

    @abstractmethod
    def _resend_endings(self, endings: Sequence[Ending]) -> None:
        """Bring these endings, which the bot wants again, on their way."""

    def _introduce(self) -> None:
        match self._introduction:
            case None:
                pass
            case Loading() as loading:
                self._queue_event(loading)
            case hello:
                running, held = self._outstanding.running, self._outstanding.held
                self._queue_event(msgspec.structs.replace(hello, running=running, held=held))

    def _queue_event(self, event: Event) -> None:
        """Queue for sending; what is newer of its kind takes the place of one that still waits."""
        if not self._connected:
            return
        for index, waiting in enumerate(self._outbox):
            if _is_outdated(waiting, by=event):
                self._outbox[index] = event
                return
        self._outbox.append(event)
        self._queued.set()

    async def _next_event(self) -> Event:
        """What is to be sent now."""
        while not self._outbox:
            self._queued.clear()
            await self._queued.wait()
        return self._outbox.popleft()

    def _act_on(self, command: Command) -> bool:
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
                self._outstanding.confirm(command)
            case Generate():
                order, ready = self._outstanding.take_order(command)
                self._resend_endings(ready)
                if order is not None:
                    self._on_command(order)
            case _:
                self._on_command(command)
        return True

    def _note(self, sentence: str) -> None:
        """Log a change once, not at every turn."""
        if sentence != self._last_note:
            self._last_note = sentence
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
