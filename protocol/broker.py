"""Where bot and engines meet on a NATS broker: subjects, streams, credentials. Used by both sides; knows no jobs.

A seat is one engine's place at the broker: the public key of its credentials, so nobody else can speak from it.
"""

# pyright: reportUnknownMemberType=false
# (nats-py leaves some of its parameters without types)

from __future__ import annotations

import asyncio
import hashlib
import logging
import re
import secrets
import ssl
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import nats.errors
import nkeys
from nats.aio.client import Client

JOBS = "ZIMAGINE_JOBS"  # orders on their way to engines
RESULTS = "ZIMAGINE_RESULTS"  # pictures that the bot has yet to store
CALL = "zimagine.call"  # from the bot to everybody: who it is, every PULSE seconds
ORDERS = "zimagine.order.*.*"
EVENTS = "zimagine.event.*"
PICTURES = "zimagine.result.*.*.*.*"
IN_TRAY = "zimagine.intray"  # where the broker puts pictures for the bot
BOT_SEAT = "bot"

PULSE = 0.5  # seconds between two calls of the bot
LEASE = 5.0  # seconds after an engine's last sign of progress within which its jobs begin elsewhere
DIAL_AGAIN = 0.5  # seconds
ENGINE = "Zimagine-Engine"  # header of an order: whom it is for; who sits there now may be its successor
NUMBER = "Zimagine-Number"  # header of orders and commands: where they stand in what one bot process said
MOST_ORDER = 31 * 1024 * 1024  # bytes; JetStream takes longer messages and cannot read them back (rlBadThresh)
PIECE = 2 * 1024 * 1024  # bytes of a picture in one message: a slow line must get word in between, or it is cut off
HEADERS = 1024  # bytes that they take at most; a broker counts them with the frame
SEAT = re.compile(r"[A-Za-z0-9_-]{1,64}")
NO_WORD = b""  # to an engine: say who you are; from an engine: I leave

log = logging.getLogger(__name__)


REFUSAL = "permissions violation"  # so the server says it
OUTDATED = (
    "the broker %s refuses these credentials a right that they need (%s). Where its configuration is of an older "
    "version, write it again into the same folder, which keeps its keys: python run_bot.py cluster-config --out DIR "
    "--engines N; then nats-server --signal reload"
)

OPEN = (
    "the broker %s lets everybody in who reaches it, to read people's words and pictures and to paint in an engine's "
    "place; python run_bot.py cluster-config writes a configuration with keys"
)


class BrokenCredentials(Exception):
    """The credentials file cannot be used; the text is one sentence for its owner."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Access:
    """How to reach a broker. `credentials` is a file with an nkey seed, `ca` one with certificates in PEM."""

    url: str
    credentials: Path | None = None
    ca: Path | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Piece:
    """Which message of a frame this is: `part` (from 0) of `parts`; the frame's SHA-256 begins with `whole`."""

    whole: str
    part: int
    parts: int

    def __str__(self) -> str:
        return f"{self.whole}-{self.part}-{self.parts}"


def cut(frame: bytes, most: int) -> list[tuple[Piece, bytes]]:
    """A frame as messages of at most `most` bytes."""
    whole = hashlib.sha256(frame).hexdigest()[:16]
    contents = [frame[start : start + most] for start in range(0, len(frame), most)]
    return [(Piece(whole=whole, part=part, parts=len(contents)), content) for part, content in enumerate(contents)]


def read_piece(token: str) -> Piece:
    """The last word of a result's subject. Raises ValueError."""
    whole, part, parts = token.split("-")
    piece = Piece(whole=whole, part=int(part), parts=int(parts))
    if not 0 <= piece.part < piece.parts or str(piece) != token:
        raise ValueError(f"{token!r} is no piece of anything")
    return piece


def order(seat: str, job: str) -> str:
    """Where the bot leaves an order for the engine in this seat."""
    return f"zimagine.order.{seat}.{job}"


def deal(seat: str) -> str:
    """Where the broker hands that order to the engine."""
    return f"zimagine.deal.{seat}"


def command(seat: str) -> str:
    """Where the bot says everything else."""
    return f"zimagine.command.{seat}"


def event(seat: str) -> str:
    """Where the engine in this seat says what happens."""
    return f"zimagine.event.{seat}"


def result(seat: str, job: str, k: int | str, piece: Piece | str) -> str:
    """Where it leaves picture k, or that there will be none."""
    return f"zimagine.result.{seat}.{job}.{k}.{piece}"


def is_seat(name: str) -> bool:
    """Whether this can be a seat: consumers are named after them, and JetStream does not take every name."""
    return SEAT.fullmatch(name) is not None


def inbox(seat: str) -> str:
    """Prefix of the answers that this seat waits for; nobody else may listen there."""
    return f"_INBOX.{seat}"


def read_seed(file: Path) -> str:
    """The nkey seed in a credentials file; lines that begin with # are comments. Raises BrokenCredentials."""
    try:
        lines = [line.strip() for line in file.read_text("ascii").splitlines()]
        seed = next((line for line in lines if line and not line.startswith("#")), "")
        public_key(seed)
    except (OSError, UnicodeDecodeError) as error:
        raise BrokenCredentials(f"{file} cannot be read: {error}.") from error
    except (nkeys.NkeysError, ValueError) as error:
        raise BrokenCredentials(f"{file} holds no nkey seed of a user.") from error
    return seed


def public_key(seed: str) -> str:
    """Of an nkey seed. Raises nkeys.NkeysError, ValueError."""
    return cast(bytes, nkeys.from_seed(bytearray(seed.encode())).public_key).decode()


def seat_of(access: Access) -> str:
    """The seat that these credentials are for; at a broker that asks for none, a name made up now."""
    if access.credentials is None:
        return f"open-{secrets.token_hex(8)}"
    return public_key(read_seed(access.credentials))


@asynccontextmanager
async def connected(access: Access, *, seat: str, back: Callable[[], None]) -> AsyncGenerator[Client, None]:
    """A connection that dials again for ever. `back` is called after each return.

    Raises nats.errors.Error, and BrokenCredentials or OSError where a file of `access` cannot be used.
    """
    said = set[str]()

    async def complain(error: Exception) -> None:
        words = f"{type(error).__name__} {error}".strip()
        if REFUSAL in words.lower():
            if REFUSAL not in said:  # one is enough: a right that is missing is missed with every word
                said.add(REFUSAL)
                log.warning(OUTDATED, _shown(access.url), error)
        elif words not in said:  # the client says the same at every dial
            said.add(words)
            log.info("broker %s: %s", _shown(access.url), words)

    async def returned() -> None:
        said.clear()
        log.info("the broker %s is back", _shown(access.url))
        back()

    seed = None if access.credentials is None else read_seed(access.credentials)
    tls = None if access.ca is None else ssl.create_default_context(cafile=access.ca)
    client = Client()
    try:
        await client.connect(
            access.url,
            name=f"zimagine {seat}",
            nkeys_seed_str=seed,
            tls=tls,
            inbox_prefix=inbox(seat),
            error_cb=complain,
            reconnected_cb=returned,
            max_reconnect_attempts=-1,
            reconnect_time_wait=DIAL_AGAIN,  # pyright: ignore[reportArgumentType]  (any number of seconds will do)
            connect_timeout=5,
            ping_interval=5,
        )
        if (task := asyncio.current_task()) and task.cancelling():  # lost while dialling: see `ended`
            raise asyncio.CancelledError
        if not client._server_info.get("auth_required"):  # pyright: ignore[reportPrivateUsage]  it has no other name
            log.warning(OPEN, _shown(access.url))
        yield client
    finally:
        with suppress(nats.errors.Error, OSError, TimeoutError):
            async with asyncio.timeout(1.0):
                await client.flush()
        with suppress(TimeoutError):  # a broker that reads no more would be waited for until all is written
            async with asyncio.timeout(1.0):
                await client.close()


async def ended(*tasks: asyncio.Task[Any], again: float = 1.0) -> None:
    """Cancel tasks, every `again` seconds, until they have ended.

    Once is not enough before Python 3.12: `asyncio.wait_for`, with which the broker's client waits, drops a
    cancellation that comes in the same turn of the loop as the answer: https://github.com/python/cpython/issues/86296.
    """
    while left := [task for task in tasks if not task.done()]:
        for task in left:
            task.cancel()
        await asyncio.wait(left, timeout=again)


def _shown(url: str) -> str:
    """The address without the password that may be in it."""
    return url.rsplit("@", 1)[-1]
