"""A person at the playground without a browser: types lines, waits for the answer, reads what would be seen.

Speaks the page's own API, so a line does here exactly what it does in the composer.
"""

from __future__ import annotations

import asyncio
import json
import mimetypes
import re
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import aiohttp

Message = Mapping[str, Any]

# `image:@cat.png` names a file. Whether such a file is wanted there is for the playground to say.
ATTACHED = re.compile(r"(?<=\w:)@(\S+)")


class Unsaid(Exception):
    """The line could not be said; the text is the sentence that the composer would show."""


@dataclass(kw_only=True)
class Visitor:
    """Somebody in a channel. `seen` holds the messages they can see, by id."""

    session: aiohttp.ClientSession
    url: str
    person: str
    channel: str
    locale: str = "en-US"
    seen: dict[str, Message] = field(default_factory=dict[str, Message])

    async def say(self, line: str, *, timeout: float = 30.0) -> None:
        """Types a line and waits for the application's first answer. Raises Unsaid, also when none comes."""
        nonce = uuid.uuid4().hex
        async with self.session.ws_connect(f"{self.url}/page/events", params={"person": self.person}) as events:
            interaction = await self._post(line, nonce)
            if interaction is None:
                return
            async with asyncio.timeout(timeout):
                async for event in events:
                    told = cast("Mapping[str, Any]", event.json())
                    if told.get("type") == "interaction" and told.get("nonce") == nonce:
                        if told["state"] == "failed":
                            raise Unsaid(told.get("error") or "The application did not respond.")
                        if told["state"] == "answered":
                            return

    async def _post(self, line: str, nonce: str) -> str | None:
        paths = [path for name in ATTACHED.findall(line) if (path := Path(name)).is_file()]
        for path in paths:
            line = line.replace(f":@{path}", f":@{path.name}")
        form = aiohttp.FormData()
        payload = {
            "person": self.person,
            "channel": self.channel,
            "locale": self.locale,
            "text": line,
            "nonce": nonce,
        }
        form.add_field("payload", json.dumps(payload), content_type="application/json")
        for path in paths:
            kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
            content = await asyncio.to_thread(path.read_bytes)
            form.add_field("files", content, filename=path.name, content_type=kind)
        async with self.session.post(f"{self.url}/page/say", data=form) as reply:
            answer = await reply.json()
            if reply.status != 200:
                raise Unsaid(answer["error"])
            return answer["interaction_id"]

    async def news(self) -> list[Message]:
        """Messages that are new or edited since the last call, oldest first."""
        query = {"channel": self.channel, "person": self.person, "limit": "100"}
        async with self.session.get(f"{self.url}/page/messages", params=query) as reply:
            messages: list[Message] = (await reply.json())["messages"]
        fresh = [message for message in messages if self.seen.get(message["id"]) != message]
        self.seen |= {message["id"]: message for message in messages}
        return fresh

    async def save(self, message: Message, folder: Path) -> list[Path]:
        """Downloads a message's attachments into a folder."""
        saved: list[Path] = []
        for attachment in message["attachments"]:
            async with self.session.get(attachment["url"]) as reply:
                content = await reply.read()
            path = folder / Path(attachment["filename"]).name
            await asyncio.to_thread(path.write_bytes, content)
            saved.append(path)
        return saved


def as_text(message: Message) -> str:
    """A message as it reads in a terminal."""
    lines = [message["content"]] if message.get("content") else []
    for component in message.get("components", ()):
        lines.extend(_lines(component))
    return "\n".join(lines)


def _lines(component: Mapping[str, Any]) -> Iterator[str]:
    """One component and what it holds; the numbers are Discord's component types."""
    match component["type"]:
        case 10:  # text
            yield component["content"]
        case 12:  # gallery
            for item in component["items"]:
                media = item["media"]
                size = f"{media.get('width')}×{media.get('height')}"
                yield f"[picture {size}] {item.get('description') or ''}".rstrip()
        case 13:  # file
            yield f"[file] {component.get('name', '')}".rstrip()
        case 1:  # a row of buttons
            yield " ".join(f"[{_label(button)}]" for button in component["components"])
        case _:
            for inner in component.get("components", ()):
                yield from _lines(inner)
            if accessory := component.get("accessory"):
                yield from _lines({"type": 1, "components": [accessory]} if accessory["type"] == 2 else accessory)


def _label(button: Mapping[str, Any]) -> str:
    emoji: Mapping[str, Any] = button.get("emoji") or {}
    label: str = button.get("label") or button.get("placeholder") or ""
    return f"{emoji.get('name') or ''} {label}".strip()
