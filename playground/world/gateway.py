"""Discord's gateway v10: HELLO, IDENTIFY, heartbeats, dispatches, RESUME with replay of what was missed."""

import asyncio
import json
import secrets
from collections import deque
from collections.abc import Callable
from typing import Any

from aiohttp import WSMsgType, web

from playground.wire.jsons import Json, is_list, is_object
from playground.world import people
from playground.world.sessions import GUILDS, Connection, GatewaySession, compressor

HEARTBEAT_INTERVAL_MS = 41_250
# Seconds, as over the Internet: discord.py notes the time of its heartbeat in a thread after sending it, and an
# answer that overtakes this note reads as one that is 41 s late.
ACK_AFTER = 0.05
SENDS_PER_MINUTE = 120
KNOWN_SESSIONS = 16

PRIVILEGED_INTENTS = (1 << 1) | (1 << 8) | (1 << 15)  # members, presences, message content: not granted here

HEARTBEAT, IDENTIFY, PRESENCE, RESUME, RECONNECT, REQUEST_MEMBERS = 1, 2, 3, 6, 7, 8
STATUSES = ("online", "idle", "dnd", "invisible", "offline")
INVALID_SESSION, HELLO, HEARTBEAT_ACK = 9, 10, 11


class Gateway:
    """All sessions of the bot. `on_presence` hears when the first comes, the last goes, and its status changes."""

    def __init__(self, *, token: str, on_presence: Callable[[Json], None]) -> None:
        self._token = token
        self._on_presence = on_presence
        self._sessions: dict[str, GatewaySession] = {}
        self._online = False
        self._status = "online"
        self.url = ""
        self.spoil: Callable[[str, Json], Any] = lambda _, data: data  # what becomes of each event on its way out
        self.down = False  # answers 503 to whoever dials
        self.turned_away = 0  # dials that were answered so

    @property
    def online(self) -> bool:
        return self._online

    @property
    def presence(self) -> Json:
        """Whether the bot is there, and the status that it has chosen."""
        return {"online": self._online, "status": self._status if self._online else "offline"}

    async def dispatch(self, event: str, data: Json) -> None:
        """To every session of this guild that asked for such events, or into what they will be replayed."""
        for session in list(self._sessions.values()):
            if session.wants(event) and session.holds(people.GUILD_ID):
                await session.emit(event, self.spoil(event, data))

    async def send(self, event: str, data: Any) -> None:
        """To every session, whatever it asked for."""
        for session in list(self._sessions.values()):
            await session.emit(event, data)

    async def drop(self, *, code: int = 4000) -> None:
        """Closes every connection; sessions stay resumable."""
        for connection in self._connections():
            await connection.socket.close(code=code)

    async def ask_to_reconnect(self) -> None:
        """Op 7, as Discord sends before it restarts a gateway."""
        for connection in self._connections():
            await connection.send_op(RECONNECT, None)

    async def invalidate(self, *, resumable: bool = False) -> None:
        """Op 9; without `resumable` the sessions are forgotten."""
        connections = self._connections()
        if not resumable:
            self._sessions.clear()
        for connection in connections:
            await connection.send_op(INVALID_SESSION, resumable)

    async def handle(self, request: web.Request) -> web.WebSocketResponse:
        """One connection, from HELLO to its close."""
        if self.down:
            self.turned_away += 1
            raise web.HTTPServiceUnavailable
        socket = web.WebSocketResponse(max_msg_size=16 * 1024)
        await socket.prepare(request)
        connection = Connection(socket, compressor(request.query.get("compress")))
        await connection.send_op(HELLO, {"heartbeat_interval": HEARTBEAT_INTERVAL_MS})
        session: GatewaySession | None = None
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

    async def _hear(self, connection: Connection, session: GatewaySession | None, text: str) -> GatewaySession | None:
        try:
            frame: Any = json.loads(text)
            op, data = frame["op"], frame.get("d")
        except (ValueError, KeyError, TypeError):
            await connection.socket.close(code=4002, message=b"Error while decoding payload.")
            return session
        if op == HEARTBEAT:
            await asyncio.sleep(ACK_AFTER)
            await connection.send_op(HEARTBEAT_ACK, None)
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
            await session.emit("GUILD_MEMBERS_CHUNK", _members_chunk(data))
        elif op == PRESENCE:
            if not is_object(data) or data.get("status") not in STATUSES or not is_list(data.get("activities")):
                await connection.socket.close(code=4002, message=b"Error while decoding payload.")
                return session
            self._status = data["status"]
            self._on_presence(self.presence)
        return session

    async def _identify(self, connection: Connection, data: Json) -> GatewaySession | None:
        refused = self._why_not(data)
        if refused:
            await connection.socket.close(code=refused[0], message=refused[1])
            return None
        shard = data.get("shard") or [0, 1]
        session = GatewaySession(secrets.token_hex(16), data["intents"], (shard[0], shard[1]), connection=connection)
        for other in list(self._sessions.values()):
            if other.connection is None and other.shard == session.shard:
                self._sessions.pop(other.id)
        self._sessions[session.id] = session
        self._status = "online"  # a new session has said nothing of itself yet
        while len(self._sessions) > KNOWN_SESSIONS:
            self._sessions.pop(next(iter(self._sessions)))
        await session.emit("READY", self.spoil("READY", self._ready(session)))
        if session.holds(people.GUILD_ID) and session.intents & GUILDS:
            await session.emit("GUILD_CREATE", people.guild_create_payload())
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

    def _ready(self, session: GatewaySession) -> Json:
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

    async def _resume(self, connection: Connection, data: Json) -> GatewaySession | None:
        if str(data.get("token", "")).removeprefix("Bot ") != self._token:
            await connection.socket.close(code=4004, message=b"Authentication failed.")
            return None
        session = self._sessions.get(data.get("session_id", ""))
        seq = data.get("seq")
        oldest = session.missed[0][0] if session and session.missed else (session.seq + 1 if session else 0)
        if session is None or not isinstance(seq, int) or seq > session.seq or seq + 1 < oldest:
            await connection.send_op(INVALID_SESSION, False)
            return None
        while missed := [entry for entry in session.missed if entry[0] > seq]:  # more may come while we send
            for _, text in missed:
                await connection.send(text)
            seq = missed[-1][0]
        session.connection = connection
        await session.emit("RESUMED", self.spoil("RESUMED", {"_trace": ["playground"]}))
        self._tell_online()
        return session

    def _connections(self) -> list[Connection]:
        return [session.connection for session in self._sessions.values() if session.connection is not None]

    def _tell_online(self) -> None:
        online = bool(self._connections())
        if online != self._online:
            self._online = online
            self._on_presence(self.presence)


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
