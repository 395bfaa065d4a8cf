"""Files of strangers, from Discord's own hosts alone: no redirects, no more bytes than asked for, within seconds."""

from __future__ import annotations

import asyncio
import logging

import aiohttp
import yarl

from bot.decoding import MAX_BYTES
from bot.jobs.errors import BadPicture, ForeignPicture, PictureNotFetched, PictureTooHeavy

SECONDS = 15.0  # for all tries of one file together
TRIES = 2  # a connection may be cut
MIB = 1024 * 1024

_DISCORD_HOSTS = frozenset({"cdn.discordapp.com", "media.discordapp.net"})
_CHUNK = 64 * 1024  # bytes

_log = logging.getLogger(__name__)


class Downloads:
    """`endpoint` is a Discord-compatible server whose files may be read too; `proxy` is the way to all of them."""

    def __init__(self, *, endpoint: str | None = None, proxy: str | None = None) -> None:
        self._endpoint = yarl.URL(endpoint).origin() if endpoint else None
        self._proxy = proxy

    def check(self, address: str) -> yarl.URL:
        """The address as it will be asked. Raises ForeignPicture."""
        try:
            url = yarl.URL(address)
            origin = url.origin()
        except ValueError:
            raise ForeignPicture() from None
        at_discord = url.scheme == "https" and url.host in _DISCORD_HOSTS and url.port == 443
        if url.user is not None or not (at_discord or origin == self._endpoint):
            raise ForeignPicture()
        return url

    async def fetch(self, address: str) -> bytearray:
        """The file. Raises BadPicture where it is not there (any more), ForeignPicture, PictureTooHeavy and
        PictureNotFetched."""
        url = self.check(address)
        try:
            async with asyncio.timeout(SECONDS):
                for left in reversed(range(TRIES)):
                    try:
                        return await self._fetched(url)
                    except (aiohttp.ClientError, ConnectionError) as error:
                        _log.info("a picture was not fetched: %s", type(error).__name__)
                        if not left:
                            raise PictureNotFetched from error
        except TimeoutError as error:
            raise PictureNotFetched from error
        raise AssertionError  # the last try has returned or raised

    async def _fetched(self, url: yarl.URL) -> bytearray:
        # As it lies there: a packed answer would be unpacked to any size.
        headers = {"Accept-Encoding": "identity"}
        async with (
            aiohttp.ClientSession(auto_decompress=False, headers=headers) as session,
            session.get(url, allow_redirects=False, proxy=self._proxy) as answer,
        ):
            if answer.status >= 500 or answer.status == 429:
                raise aiohttp.ClientConnectionError(f"status {answer.status}")
            if answer.status != 200:
                raise BadPicture  # its address has expired, it was deleted meanwhile, or it is said to lie elsewhere
            body = bytearray()
            async for chunk in answer.content.iter_chunked(_CHUNK):
                body += chunk
                if len(body) > MAX_BYTES:
                    raise PictureTooHeavy(size=round(len(body) / MIB, 1), limit=MAX_BYTES // MIB)
            return body
