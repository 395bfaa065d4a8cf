"""Discord's gateway v10: HELLO, IDENTIFY, heartbeats, dispatches, RESUME with replay of what was missed."""

import asyncio
import json
import secrets
import zlib
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from aiohttp import WSMsgType, web

from playground import people
from playground.jsons import Json, is_object

HEARTBEAT_INTERVAL_MS = 41_250
# Seconds, as over the Internet: discord.py notes the time of its heartbeat in a thread after sending it, and an
# answer that overtakes this note reads as one that is 41 s late.
ACK_AFTER = 0.05
REPLAY_LIMIT = 1000  # events kept for a session that is away
SENDS_PER_MINUTE = 120
SEND_SECONDS = 5.0  # a bot that reads nothing for so long is gone
KNOWN_SESSIONS = 16

GUILDS = 1 << 0
GUILD_MESSAGES = 1 << 9
PRIVILEGED_INTENTS = (1 << 1) | (1 << 8) | (1 << 15)  # members, presences, message content: not granted here

DISPATCH, HEARTBEAT, IDENTIFY, RESUME, RECONNECT, REQUEST_MEMBERS = 0, 1, 2, 6, 7, 8
INVALID_SESSION, HELLO, HEARTBEAT_ACK = 9, 10, 11


class _Compressor(Protocol):
    def __call__(self, text: str, /) -> bytes | str: ...


@dataclass(slots=True)
class _Connection:
    socket: web.WebSocketResponse
    pack: _Compressor

    async def send(self, text: str) -> None:
        packed = self.pack(text)
        if isinstance(packed, bytes):
            await self.socket.send_bytes(packed)
        else:
            await self.socket.send_str(packed)


@dataclass(slots=True)
class Session:
    """A bot that identified; it may be away and come back with RESUME."""

    id: str
    intents: int
    shard: tuple[int, int]
    seq: int = 0
    missed: deque[tuple[int, str]] = field(default_factory=lambda: deque[tuple[int, str]](maxlen=REPLAY_LIMIT))
    connection: _Connection | None = None

    def wants(self, event: str) -> bool:
        if event.startswith("MESSAGE_"):
            return bool(self.intents & GUILD_MESSAGES)
        if event.startswith("GUILD_"):
            return bool(self.intents & GUILDS)
        return True

    def holds(self, guild_id: str) -> bool:
        return (int(guild_id) >> 22) % self.shard[1] == self.shard[0]


class Gateway:
    """All sessions of the bot. `on_online` hears when the first one comes and when the last one goes."""

    def __init__(self, *, token: str, on_online: Callable[[bool], None]) -> None:
        self._token = token
        self._on_online = on_online
        self._sessions: dict[str, Session] = {}
        self._online = False
        self.url = ""

    @property
    def online(self) -> bool:
        return self._online

    async def dispatch(self, event: str, data: Json) -> None:
        """To every session of this guild that asked for such events, or into what they will be replayed."""
        for session in list(self._sessions.values()):
            if session.wants(event) and session.holds(people.GUILD_ID):
                await self._emit(session, event, data)

    async def drop(self, *, code: int = 4000) -> None:
        """Closes every connection; sessions stay resumable."""
        for connection in self._connections():
            await connection.socket.close(code=code)

    async def ask_to_reconnect(self) -> None:
        """Op 7, as Discord sends before it restarts a gateway."""
        for connection in self._connections():
            await connection.send(_frame(RECONNECT, None))

    async def invalidate(self, *, resumable: bool = False) -> None:
        """Op 9; without `resumable` the sessions are forgotten."""
        connections = self._connections()
        if not resumable:
            self._sessions.clear()
        for connection in connections:
            await connection.send(_frame(INVALID_SESSION, resumable))

    async def handle(self, request: web.Request) -> web.WebSocketResponse:
        """One connection, from HELLO to its close."""
        socket = web.WebSocketResponse(max_msg_size=16 * 1024)
        await socket.prepare(request)
        connection = _Connection(socket, _compressor(request.query.get("compress")))
        await connection.send(_frame(HELLO, {"heartbeat_interval": HEARTBEAT_INTERVAL_MS}))
        session: Session | None = None
        recent: deque[float] = deque(maxlen=SENDS_PER_MINUTE)
        loop = asyncio.get_running_loop()
        try:
            while not socket.closed:
                message = await socket.receive(timeout=HEARTBEAT_INTERVAL_MS / 1000 * 1.5)
                if message.type is not WSMsgType.TEXT:
                    break
                if len(recent) == SENDS_PER_MINUTE and loop.time() - recent[0] < 60:
                    await socket.close(code=4008, message=b"You are being rate limited.")
                    break
                recent.append(loop.time())
                session = await self._hear(connection, session, message.data)
        except TimeoutError:
            await socket.close(code=4009, message=b"Session timed out.")
        except ConnectionError:
            pass  # it went away while it was answered
        finally:
            if session is not None and session.connection is connection:
                session.connection = None
                self._tell_online()
        return socket

    async def _hear(self, connection: _Connection, session: Session | None, text: str) -> Session | None:
        try:
            frame: Any = json.loads(text)
            op, data = frame["op"], frame.get("d")
        except (ValueError, KeyError, TypeError):
            await connection.socket.close(code=4002, message=b"Error while decoding payload.")
            return session
        if op == HEARTBEAT:
            await asyncio.sleep(ACK_AFTER)
            await connection.send(_frame(HEARTBEAT_ACK, None))
        elif op == IDENTIFY:
            if session is not None:
                await connection.socket.close(code=4005, message=b"Already authenticated.")
                return session
            return await self._identify(connection, data)
        elif op == RESUME:
            return await self._resume(connection, data)
        elif session is None:
            await connection.socket.close(code=4003, message=b"Not authenticated.")
        elif op == REQUEST_MEMBERS:
            await self._emit(session, "GUILD_MEMBERS_CHUNK", _members_chunk(data))
        return session

    async def _identify(self, connection: _Connection, data: Json) -> Session | None:
        refused = self._why_not(data)
        if refused:
            await connection.socket.close(code=refused[0], message=refused[1])
            return None
        shard = data.get("shard") or [0, 1]
        session = Session(secrets.token_hex(16), data["intents"], (shard[0], shard[1]), connection=connection)
        for other in list(self._sessions.values()):
            if other.connection is None and other.shard == session.shard:
                self._sessions.pop(other.id)
        self._sessions[session.id] = session
        while len(self._sessions) > KNOWN_SESSIONS:
            self._sessions.pop(next(iter(self._sessions)))
        await self._emit(session, "READY", self._ready(session))
        if session.holds(people.GUILD_ID) and session.intents & GUILDS:
            await self._emit(session, "GUILD_CREATE", people.guild_create_payload())
        self._tell_online()
        return session

    def _why_not(self, data: Json) -> tuple[int, bytes] | None:
        if str(data.get("token", "")).removeprefix("Bot ") != self._token:
            return 4004, b"Authentication failed."
        if not isinstance(data.get("intents"), int):
            return 4013, b"Invalid intent(s)."
        if data["intents"] & PRIVILEGED_INTENTS:
            return 4014, b"Disallowed intent(s)."
        if not is_object(data.get("properties")):
            return 4002, b"Error while decoding payload."
        return None

    def _ready(self, session: Session) -> Json:
        holds = session.holds(people.GUILD_ID)
        return {
            "v": 10,
            "user": people.BOT.user() | {"mfa_enabled": False, "verified": True, "email": None},
            "guilds": [{"id": people.GUILD_ID, "unavailable": True}] if holds else [],
            "session_id": session.id,
            "resume_gateway_url": self.url,
            "shard": list(session.shard),
            "application": {"id": people.APPLICATION_ID, "flags": 0},
            "session_type": "normal",
            "private_channels": [],
            "user_settings": {},
            "_trace": ["playground"],
        }

    async def _resume(self, connection: _Connection, data: Json) -> Session | None:
        if str(data.get("token", "")).removeprefix("Bot ") != self._token:
            await connection.socket.close(code=4004, message=b"Authentication failed.")
            return None
        session = self._sessions.get(data.get("session_id", ""))
        seq = data.get("seq")
        oldest = session.missed[0][0] if session and session.missed else (session.seq + 1 if session else 0)
        if session is None or not isinstance(seq, int) or seq > session.seq or seq + 1 < oldest:
            await connection.send(_frame(INVALID_SESSION, False))
            return None
        while missed := [entry for entry in session.missed if entry[0] > seq]:  # more may come while we send
            for _, text in missed:
                await connection.send(text)
            seq = missed[-1][0]
        session.connection = connection
        await self._emit(session, "RESUMED", {"_trace": ["playground"]})
        self._tell_online()
        return session

    async def _emit(self, session: Session, event: str, data: Json) -> None:
        session.seq += 1
        text = json.dumps({"op": DISPATCH, "t": event, "s": session.seq, "d": data})
        session.missed.append((session.seq, text))
        if session.connection is not None and not session.connection.socket.closed:
            try:
                async with asyncio.timeout(SEND_SECONDS):
                    await session.connection.send(text)
            except (ConnectionError, TimeoutError):
                session.connection = None  # it went or froze while we wrote; RESUME will replay this

    def _connections(self) -> list[_Connection]:
        return [session.connection for session in self._sessions.values() if session.connection is not None]

    def _tell_online(self) -> None:
        online = bool(self._connections())
        if online != self._online:
            self._online = online
            self._on_online(online)


def _frame(op: int, data: Any) -> str:
    return json.dumps({"op": op, "d": data, "s": None, "t": None})


def _compressor(wanted: str | None) -> _Compressor:
    if wanted == "zlib-stream":
        stream = zlib.compressobj()  # one stream per connection, each message ends with a sync flush
        return lambda text: stream.compress(text.encode()) + stream.flush(zlib.Z_SYNC_FLUSH)
    return lambda text: text  # clients accept text frames whatever they asked for


def _members_chunk(data: Json) -> Json:
    wanted = data.get("user_ids") or [person.id for person in people.PEOPLE]
    found = [person for person_id in wanted if (person := people.person_by_id(str(person_id)))]
    return {
        "guild_id": people.GUILD_ID,
        "members": [person.member() for person in found],
        "chunk_index": 0,
        "chunk_count": 1,
        "nonce": data.get("nonce"),
    }
