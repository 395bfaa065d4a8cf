"""People at the playground: one who asks for half of everything, five who ask now and then, one who deletes."""

from __future__ import annotations

import asyncio
import io
import json
import random
import uuid
from collections import Counter
from typing import Any

import aiohttp
from PIL import Image

from playground.world import people
from playground.world.people import Person

PAINT = people.CHANNELS[0].id
HEAVY = Person(id="1100000000000000500", name="Heavy", role="member", color="#000000")
LIGHT = tuple(
    Person(id=f"11000000000000005{number:02}", name=f"Light{number}", role="member", color="#000000")
    for number in range(1, 6)
)
MODERATOR = people.PEOPLE[2]
PAGE = 200  # messages; the most that the playground gives at once
SPARED = 4  # of the waiting messages, those that may be painted at this very moment
FROM_A_PICTURE = 0.2  # of all requests; these are answered with "thinking" while their picture is fetched


def _picture() -> bytes:
    png = io.BytesIO()
    Image.new("RGB", (256, 256), "teal").save(png, "PNG")
    return png.getvalue()


START = _picture()


class Crowd:
    """`asked` counts lines that the page took; whether the bot accepted them is for the ledger to say."""

    def __init__(self, session: aiohttp.ClientSession, url: str, dice: random.Random) -> None:
        self._session = session
        self._url = url
        self._dice = dice
        self._looked_at = set[str]()
        self.asked = 0
        self.deleted = set[str]()  # jobs whose message somebody took away
        self.told = Counter[str]()
        for person in (HEAVY, *LIGHT):
            people.invite(person)

    async def ask(self, person: Person) -> None:
        """Type a request, again until the page takes it: while the bot is away it does not."""
        line = f"/imagine prompt:wish {self.asked} count:{self._dice.randint(1, 2)}"
        picture = self._dice.random() < FROM_A_PICTURE
        self.asked += 1
        while not await self._say(person, line, picture=picture):  # noqa: ASYNC110
            await asyncio.sleep(0.1)

    async def ask_together(self, count: int) -> None:
        """So many requests at one instant, by everybody but the heavy one."""
        async with asyncio.TaskGroup() as tasks:
            for number in range(count):
                tasks.create_task(self.ask(LIGHT[number % len(LIGHT)]))

    async def delete_some(self, share: float) -> None:
        """For ever: this share of all waiting messages is deleted by a moderator while they wait."""
        while True:
            await asyncio.sleep(0.4)
            newest = await self._page()
            waiting = [message for message in newest if jobs_with(message, "cancel")]
            for message in waiting[SPARED:]:
                if message["id"] in self._looked_at:
                    continue
                self._looked_at.add(message["id"])
                if self._dice.random() < share and await self._post("delete", MODERATOR, message=message["id"]):
                    self.deleted |= jobs_with(message, "cancel")

    async def messages(self) -> list[dict[str, Any]]:
        """Everything that stands in the channel, oldest first."""
        page = found = await self._page()
        while len(page) == PAGE:
            page = await self._page(before=page[0]["id"])
            found = page + found
        return found

    async def _page(self, before: str = "") -> list[dict[str, Any]]:
        query = {"person": MODERATOR.id, "channel": PAINT, "limit": str(PAGE), "before": before}
        async with self._session.get(f"{self._url}/page/messages", params=query) as reply:
            return (await reply.json())["messages"]

    async def _say(self, person: Person, line: str, *, picture: bool) -> bool:
        if not picture:
            return await self._post("say", person, text=line)
        form = aiohttp.FormData()
        body = _body(person, text=f"{line} image:@start.png")
        form.add_field("payload", json.dumps(body), content_type="application/json")
        form.add_field("files", START, filename="start.png", content_type="image/png")
        async with self._session.post(f"{self._url}/page/say", data=form) as reply:
            await reply.read()
            return reply.status == 200

    async def _post(self, act: str, person: Person, **body: str) -> bool:
        async with self._session.post(f"{self._url}/page/{act}", json=_body(person, **body)) as reply:
            await reply.read()
            return reply.status == 200


def _body(person: Person, **more: str) -> dict[str, str]:
    return {"person": person.id, "channel": PAINT, "locale": "en-US", "nonce": uuid.uuid4().hex, **more}


def jobs_with(message: Any, verb: str) -> set[str]:
    """The jobs that this message has a button for."""
    found = set[str]()
    for part in message.get("components") or []:
        words = str(part.get("custom_id", "")).split(":")
        if words[:2] == ["z1", verb]:
            found.add(words[2])
        found |= jobs_with(part, verb)
    return found
