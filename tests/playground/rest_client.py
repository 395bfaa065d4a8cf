"""A bot's requests by hand, for what discord.py would never send."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp

from playground import Playground
from playground.world import people
from tests.playground.guest import PAINT

COMMANDS = f"/applications/{people.APPLICATION_ID}/commands"
MESSAGES = f"/channels/{PAINT}/messages"
V2 = 1 << 15


class RestClient:
    """`files` are (field, filename, content); the answer is (status, JSON)."""

    def __init__(self, session: aiohttp.ClientSession, playground: Playground) -> None:
        self._session = session
        self._base = f"{playground.url}/api/v10"
        self.headers = {"Authorization": f"Bot {playground.token}"}

    async def __call__(
        self, method: str, path: str, body: Any = None, files: list[tuple[str, str, bytes]] | None = None
    ) -> tuple[int, Any]:
        content: Any = None
        headers = dict(self.headers)
        if files is not None:
            content = aiohttp.FormData(quote_fields=False)
            content.add_field("payload_json", json.dumps(body))
            for field, filename, part in files:
                content.add_field(field, part, filename=filename, content_type="application/octet-stream")
        elif body is not None:
            content, headers["Content-Type"] = json.dumps(body), "application/json"
        async with self._session.request(method, self._base + path, data=content, headers=headers) as reply:
            self.answer_headers = reply.headers
            return reply.status, await reply.json() if reply.status != 204 else None


@asynccontextmanager
async def rest_client(playground: Playground) -> AsyncIterator[RestClient]:
    async with aiohttp.ClientSession() as session:
        yield RestClient(session, playground)


def codes(errors: Any, path: str = "") -> dict[str, str]:
    """Flattens Discord's nested errors to {"a.b": code}."""
    found: dict[str, str] = {}
    for key, value in errors.items():
        if key == "_errors":
            found[path] = value[0]["code"]
        else:
            found |= codes(value, f"{path}.{key}".lstrip("."))
    return found


def text(content: str = "x") -> Any:
    return {"type": 10, "content": content}


def button(custom_id: str | None = "b", **more: Any) -> Any:
    named = {} if custom_id is None else {"custom_id": custom_id}
    return {"type": 2, "style": 2, "label": "B"} | named | more


def row(*children: Any) -> Any:
    return {"type": 1, "components": list(children)}


def gallery(**item: Any) -> Any:
    return {"type": 12, "items": [{"media": {"url": "attachment://a.png"}} | item]}


def command(**more: Any) -> Any:
    return {"name": "paint", "description": "Paints"} | more


def option(name: str, **more: Any) -> Any:
    return {"type": 3, "name": name, "description": "Something"} | more
