"""Where the local engine dials and what it was started with: `engine.json`, for its owner's eyes."""

from __future__ import annotations

import asyncio
import errno
import os
import secrets
from pathlib import Path
from typing import Annotated

import msgspec


class Address(msgspec.Struct, frozen=True, kw_only=True):
    """The content of `engine.json`. `command` is what was started: an engine with other options is not adopted."""

    port: Annotated[int, msgspec.Meta(ge=1, le=65535)]
    secret: Annotated[str, msgspec.Meta(min_length=1)]
    pid: Annotated[int, msgspec.Meta(ge=1)] | None = None
    command: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"Address(port={self.port}, pid={self.pid})"


def read_address(file: Path) -> Address | None:
    """What `engine.json` says, or None where it is missing or broken."""
    try:
        return msgspec.json.decode(file.read_bytes(), type=Address)
    except (FileNotFoundError, msgspec.MsgspecError):
        return None


def write_address(file: Path, address: Address) -> None:
    """Replace `engine.json` as a whole; nobody but its owner may read the secret. Raises OSError."""
    unfinished = file.with_name(f".{file.name}.{secrets.token_hex(4)}")
    handle = os.open(unfinished, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(msgspec.json.encode(address))
        unfinished.replace(file)
    finally:
        unfinished.unlink(missing_ok=True)


async def is_free(port: int) -> bool:
    """Whether this port can be listened on."""
    try:
        server = await asyncio.start_server(lambda _reader, _writer: None, "127.0.0.1", port)
    except OSError as error:
        if error.errno in (errno.EADDRINUSE, errno.EACCES):
            return False
        raise
    server.close()
    await server.wait_closed()
    return True
