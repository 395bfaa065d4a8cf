"""The line to Discord as this bot keeps it: waited for, taken up again within seconds, unharmed by what it brings."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, TypeVar

import aiohttp
import discord
import yarl
from discord.ext import commands
from discord.gateway import DiscordWebSocket, ReconnectWebSocket
from discord.shard import EventItem, EventType, Shard

PAUSE = (1.0, 3.0)  # seconds from one try to the next, at random, so that not all bots come back at once
ATTEMPT = 8.0  # seconds for one try: a network that swallows everything must not hold the next one up
REFUSED = 30.0  # seconds until another try where Discord answers, and says no
GOODBYE = 1.0  # seconds for a line that is given up

# https://docs.discord.com/developers/events/gateway#rate-limiting: 1000 IDENTIFY a day, one in five seconds.
IDENTIFY_GAP = 5.0  # seconds
LONGEST_IDENTIFY_GAP = 320.0  # for a shard whose sessions do not last; 270 a day
LASTING = 3600.0  # seconds after which an IDENTIFY is forgotten

# What makes a session; without it there is nothing to go on with. Any other event can be done without.
MAKES_A_SESSION = ("READY", "RESUMED")
# What an outage looks like; it passes.
OUTAGES = (
    OSError, TimeoutError, aiohttp.ClientError,
    discord.HTTPException, discord.GatewayNotFound, discord.RateLimited, ReconnectWebSocket,
)  # fmt: skip

Result = TypeVar("Result")

_log = logging.getLogger(__name__)


class SteadyBot(commands.AutoShardedBot):
    """Keeps its line up. `connect` ends only where Discord says that it always will be so (ConnectionClosed)."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.identifies = IdentifyGaps(time.monotonic)
        self._away = False
        self._skipped = set[tuple[str, str]]()
        parsers = self._connection.parsers
        self._connection.parsers = {event: self._guarded(event, parser) for event, parser in parsers.items()}

    async def start(self, token: str, *, reconnect: bool = True) -> None:
        """As the library's, but an outage is waited for. Raises LoginFailure and ConnectionClosed."""
        await self._until_done(lambda: self._log_in(token))
        await self.connect(reconnect=reconnect)

    async def launch_shards(self) -> None:
        """Called by the library once it is logged in."""
        await self._until_done(super().launch_shards)

    async def launch_shard(self, gateway: yarl.URL, shard_id: int, *, initial: bool = False) -> None:
        """Until it is there; the library's own tries would call one another deeper and deeper."""
        ws = await self._until_done(lambda: self._open(gateway, shard_id, initial))
        ours = vars(self)  # private to the library, which makes its shards nowhere else
        shard = SteadyShard(ws, self, ours["_AutoShardedClient__queue"].put_nowait)
        ours["_AutoShardedClient__shards"][shard_id] = shard
        shard.launch()

    async def _log_in(self, token: str) -> None:
        await self.http.close()  # of an earlier try
        self.http.connector = discord.utils.MISSING
        try:
            await self.login(token)
        except discord.HTTPException as error:
            if error.status == 401:
                raise discord.LoginFailure(str(error)) from error
            raise

    async def _open(self, gateway: yarl.URL, shard_id: int, initial: bool) -> DiscordWebSocket:
        await asyncio.sleep(self.identifies.wait(shard_id))
        async with asyncio.timeout(ATTEMPT):
            return await DiscordWebSocket.from_client(self, initial=initial, gateway=gateway, shard_id=shard_id)

    async def _until_done(self, step: Callable[[], Awaitable[Result]]) -> Result:
        while True:
            try:
                return await step()
            except OUTAGES as trouble:
                self.note_trouble(trouble)
                await asyncio.sleep(_pause_after(trouble))

    async def before_identify_hook(self, shard_id: int | None, *, initial: bool = False) -> None:
        """The library would sleep here, on an open line; the pause was made before it was opened."""
        self.identifies.sent(shard_id or 0)

    def note_trouble(self, trouble: Exception) -> None:
        """One line for each outage."""
        if not self._away:
            self._away = True
            _log.warning("Discord cannot be reached; trying again until it can: %s", _sentence(trouble))

    def skip(self, event: str, data: Any, error: Exception) -> None:
        """An event that the library cannot read is as good as not sent. Each kind of mistake is logged once."""
        kind = (event, type(error).__name__)
        if kind not in self._skipped:
            self._skipped.add(kind)
            _log.error("an event that cannot be read is skipped: %s", event, exc_info=error)

    def _guarded(self, event: str, parser: Callable[[Any], None]) -> Callable[[Any], None]:
        def guarded(data: Any) -> None:
            try:
                parser(data)
            except Exception as error:  # the border of events: any field may be what nobody expects
                if event in MAKES_A_SESSION:
                    raise
                self.skip(event, data, error)

        return guarded

    async def on_shard_connect(self, _shard_id: int) -> None:
        self._note_return()

    async def on_shard_resumed(self, _shard_id: int) -> None:
        self._note_return()

    def _note_return(self) -> None:
        if self._away:
            self._away = False
            _log.warning("Discord can be reached again")


class SteadyShard(Shard):
    """One session. Where the library pauses ever longer and then begins a new one, this resumes the old one soon."""

    def __init__(self, ws: DiscordWebSocket, client: SteadyBot, queue_put: Callable[[EventItem], None]) -> None:
        super().__init__(ws, client, self._put)
        self._bot = client
        self._queue = queue_put
        self._next_try = 0.0  # of the loop's clock
        self._tried_in_vain = False

    async def reidentify(self, exc: ReconnectWebSocket) -> None:
        """Resume, or begin anew where the session is gone. Called by the library; waits without holding it up."""
        await self._hang_up()
        loop = asyncio.get_running_loop()
        wait = self._next_try - loop.time()
        if not exc.resume:
            wait = max(wait, self._bot.identifies.wait(self.id))
        if wait > 0:
            loop.call_later(wait, self._try_again, exc)
            return
        self._next_try = loop.time() + random.uniform(*PAUSE)
        try:
            async with asyncio.timeout(ATTEMPT):
                self.ws = await DiscordWebSocket.from_client(
                    self._bot,
                    resume=exc.resume,
                    # The session's own address may be gone for good; the general one knows the session too.
                    gateway=self.ws.gateway if exc.resume and not self._tried_in_vain else None,
                    shard_id=self.id,
                    session=self.ws.session_id,
                    sequence=self.ws.sequence,
                )
        except ReconnectWebSocket as other:
            self._try_again(other)
        except OUTAGES as trouble:
            self._tried_in_vain = True
            self._bot.note_trouble(trouble)
            self._try_again(exc)
        else:
            self._tried_in_vain = False
            self.launch()

    async def _handle_disconnect(self, e: Exception) -> None:
        """What the library calls when a line that was up breaks in another way than a gateway usually hangs up."""
        if isinstance(e, discord.ConnectionClosed) and e.code != 1000:  # it may not be resumed nor begun anew
            self._queue_put(EventItem(EventType.terminate, self, e))
        else:
            self._try_again(ReconnectWebSocket(self.id, resume=self.ws.session_id is not None))

    def _put(self, item: EventItem) -> None:
        """To the library, which would end the bot over a line whose words make no sense: that line is given up."""
        if item.type == EventType.terminate and not isinstance(item.error, discord.ConnectionClosed):
            _log.error("what the gateway says cannot be read; beginning a new session", exc_info=item.error)
            item = EventItem(EventType.identify, self, ReconnectWebSocket(self.id, resume=False))
        self._queue(item)

    async def _hang_up(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(GOODBYE):
                if self.ws.open:
                    await self.ws.close(code=4000)

    def _try_again(self, exc: ReconnectWebSocket) -> None:
        if not self._bot.is_closed():
            self._queue_put(EventItem(EventType.resume if exc.resume else EventType.identify, self, exc))


class IdentifyGaps:
    """When a shard may begin a session: 5 s after any other did, and ever later where its sessions do not last."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._sent = defaultdict[int, deque[float]](lambda: deque(maxlen=10))
        self._last = float("-inf")

    def wait(self, shard: int) -> float:
        """Seconds from now."""
        now = self._monotonic()
        recent = [at for at in self._sent[shard] if now - at < LASTING]
        gap = min(IDENTIFY_GAP * 2 ** (len(recent) - 1), LONGEST_IDENTIFY_GAP) if recent else 0.0
        return max(self._last + IDENTIFY_GAP - now, (recent[-1] + gap - now) if recent else 0.0, 0.0)

    def sent(self, shard: int) -> None:
        """An IDENTIFY goes out now."""
        self._last = self._monotonic()
        self._sent[shard].append(self._last)


def _pause_after(trouble: Exception) -> float:
    """Seconds. What is away may be back at any moment; what refuses is not to be pressed."""
    if isinstance(trouble, discord.RateLimited):
        return trouble.retry_after
    refused = isinstance(trouble, discord.HTTPException) and trouble.status < 500
    return REFUSED if refused else random.uniform(*PAUSE)


def _sentence(trouble: Exception) -> str:
    cause = trouble.__cause__ if isinstance(trouble, discord.GatewayNotFound) and trouble.__cause__ else trouble
    return str(cause) or type(cause).__name__
