"""Somebody at the page without a browser."""

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from io import BytesIO
from typing import Any

import aiohttp

from playground import Playground
from playground.world import people

PAINT, SKETCHBOOK = people.CHANNELS[0].id, people.CHANNELS[1].id
MIA, BAO, ROBIN, GUEST, NOOR = (person.id for person in people.PEOPLE)


class Guest:
    """One person in one channel, who hears what their page would hear."""

    def __init__(self, session: aiohttp.ClientSession, url: str, person: str, channel: str = PAINT) -> None:
        self.session = session
        self.url = url
        self.person = person
        self.channel = channel
        self.locale = "en-US"
        self.events: list[Any] = []

    async def post(self, act: str, files: dict[str, bytes] | None = None, **body: Any) -> tuple[int, Any]:
        payload = {"person": self.person, "channel": self.channel, "locale": self.locale, "nonce": uuid.uuid4().hex}
        payload |= body
        if files is None:
            request = self.session.post(f"{self.url}/page/{act}", json=payload)
        else:
            form = aiohttp.FormData()
            form.add_field("payload", json.dumps(payload), content_type="application/json")
            for name, content in files.items():
                form.add_field("file", BytesIO(content), filename=name, content_type="application/octet-stream")
            request = self.session.post(f"{self.url}/page/{act}", data=form)
        async with request as reply:
            return reply.status, await reply.json()

    async def say(self, text: str, files: dict[str, bytes] | None = None, **more: Any) -> Any:
        status, body = await self.post("say", files, text=text, **more)
        assert status == 200, body
        return body

    async def refused(self, text: str, files: dict[str, bytes] | None = None) -> str:
        status, body = await self.post("say", files, text=text)
        assert status == 400, body
        return body["error"]

    async def messages(self) -> list[Any]:
        query = {"person": self.person, "channel": self.channel}
        async with self.session.get(f"{self.url}/page/messages", params=query) as reply:
            return (await reply.json())["messages"]

    async def sees(self, wanted: Callable[[Any], Any], *, within: float = 30.0) -> Any:
        """The first message that is as wanted."""
        async with asyncio.timeout(within):
            while True:
                for message in await self.messages():
                    if wanted(message):
                        return message
                await asyncio.sleep(0.02)

    async def hears(self, wanted: Callable[[Any], Any], *, within: float = 30.0) -> Any:
        """The first event that is as wanted."""
        async with asyncio.timeout(within):
            while True:
                for event in self.events:
                    if wanted(event):
                        return event
                await asyncio.sleep(0.02)


async def becomes(condition: Callable[[], Any], *, within: float = 30.0) -> None:
    """Waits until a condition holds."""
    async with asyncio.timeout(within):
        while not condition():  # noqa: ASYNC110 - what is waited for lies in other parts and tells nobody
            await asyncio.sleep(0.02)


@asynccontextmanager
async def at_the_page(playground: Playground, person: str = MIA, channel: str = PAINT) -> AsyncIterator[Guest]:
    """A guest with an open page."""
    async with aiohttp.ClientSession() as session:
        guest = Guest(session, playground.url, person, channel)
        async with session.ws_connect(f"{playground.url}/page/events", params={"person": person}) as socket:

            async def listen() -> None:
                async for message in socket:
                    guest.events.append(message.json())

            listening = asyncio.create_task(listen())
            yield guest
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)


def content_is(text: str) -> Callable[[Any], bool]:
    return lambda message: message["content"] == text
