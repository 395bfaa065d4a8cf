"""A person at the playground without a browser: types lines, waits for the answer, reads what would be seen.

Speaks the page's own API, so a line does here exactly what it does in the composer.
"""

from __future__ import annotations

import asyncio
import json
import mimetypes
import re
import time
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import aiohttp

from playground.world.people import channel_by_id, person_by_id

Message = Mapping[str, Any]

# `image:@cat.png` names a file. Whether such a file is wanted there is for the playground to say.
ATTACHED = re.compile(r"(?<=\w:)@(\S+)")

# Discord's markdown as far as a terminal has to read past it: escapes, mentions, countdowns, and plain marks.
_MARKS = re.compile(
    r"\\(?P<escaped>[!-/:-@\[-`{-~])|<@(?P<person>\d+)>|<#(?P<channel>\d+)>|<t:(?P<moment>\d+):(?P<style>[RTf])>"
    r"|^(?:-# |#{1,3} )|\*\*|`{3}\n?|`",
    re.MULTILINE,
)
_CLOCKS = {"T": "%H:%M:%S", "f": "%d %B %Y %H:%M"}
_LOOK_AGAIN = 0.05  # seconds
_UNITS = (("day", 86_400), ("hour", 3_600), ("minute", 60), ("second", 1))  # seconds


class Unsaid(Exception):
    """The line could not be said; the text is the sentence that the composer would show."""


@dataclass(kw_only=True)
class Visitor:
    """Somebody in a channel. `seen` holds the messages they can see, by id; `form` is the one that is open.

    `meant` is the command line that a plain message may have been meant for: the application does not hear it.
    """

    session: aiohttp.ClientSession
    url: str
    person: str
    channel: str
    locale: str = "en-US"
    seen: dict[str, Message] = field(default_factory=dict[str, Message])
    form: Mapping[str, Any] | None = None
    meant: str | None = None

    async def say(self, line: str, *, timeout: float = 30.0) -> None:
        """Types a line and waits for the application's first answer. Raises Unsaid, also when none comes."""
        nonce, self.form = uuid.uuid4().hex, None
        async with self.session.ws_connect(f"{self.url}/page/events", params={"person": self.person}) as events:
            interaction = await self._post(line, nonce)
            if interaction is None:
                return
            async with asyncio.timeout(timeout):
                async for event in events:
                    told = cast("Mapping[str, Any]", event.json())
                    if told.get("nonce") != nonce:
                        continue
                    if told["type"] == "modal":
                        self.form = told["modal"]  # told before the answer that it is
                    if told["type"] == "interaction":
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
            self.meant = answer.get("meant")
            return answer["interaction_id"]

    async def news(self) -> list[Message]:
        """Messages that are new or edited since the last call, oldest first."""
        fresh, _ = await self.changes()
        return fresh

    async def changes(self, *, patience: float = 0.0) -> tuple[list[Message], list[Message]]:
        """Messages that are new or edited since the last call, and those that are gone, oldest first.

        Where there is neither, it looks again for `patience` seconds.
        """
        until = time.monotonic() + patience
        while True:
            there = {message["id"]: message for message in await self._messages()}
            oldest = min((int(name) for name in there), default=0)
            fresh = [message for name, message in there.items() if self.seen.get(name) != message]
            gone = [message for name, message in self.seen.items() if name not in there and int(name) >= oldest]
            if fresh or gone or time.monotonic() >= until:
                self.seen = there
                return fresh, gone
            await asyncio.sleep(_LOOK_AGAIN)

    async def _messages(self) -> list[Message]:
        query = {"channel": self.channel, "person": self.person, "limit": "100"}
        async with self.session.get(f"{self.url}/page/messages", params=query) as reply:
            return (await reply.json())["messages"]

    async def download(self, url: str) -> bytes:
        """An attachment of a message."""
        async with self.session.get(url) as reply:
            return await reply.read()


def as_text(message: Message, *, now: float | None = None) -> str:
    """A message as it reads in a terminal. `now` is Unix seconds; without it, the clock's."""
    lines = [readable(message["content"], now=now)] if message.get("content") else []
    for component in message.get("components", ()):
        lines.extend(_lines(component, now))
    return "\n".join(lines)


def form_as_text(form: Mapping[str, Any]) -> str:
    """A form as it reads in a terminal: its title, and each field with its note and what stands in it."""
    lines = [f"[form] {form['title']}"]
    for part in form["components"]:
        inner: Mapping[str, Any] = part.get("component") or {}
        note = f" ({part['description']})" if part.get("description") else ""
        chosen = [one["label"] for one in inner.get("options", ()) if one.get("default")]
        if part.get("label"):
            lines.append(f"{part['label']}{note}: {inner.get('value') or ', '.join(chosen)}".rstrip())
        elif part.get("content"):
            lines.append(readable(part["content"]))
    return "\n".join(lines)


def readable(text: str, *, now: float | None = None) -> str:
    """Markdown as a reader sees it: marks gone, names for ids, the time that is left for a moment."""

    def read(mark: re.Match[str]) -> str:
        if mark["person"]:
            person = person_by_id(mark["person"])
            return f"@{person.name if person else mark['person']}"
        if mark["channel"]:
            channel = channel_by_id(mark["channel"])
            return f"#{channel.name if channel else mark['channel']}"
        if mark["moment"]:
            at = int(mark["moment"])
            clock = time.strftime(_CLOCKS.get(mark["style"], ""), time.localtime(at))
            return clock or _in(at - (time.time() if now is None else now))
        return mark["escaped"] or ""

    return _MARKS.sub(read, text).strip()


def _in(seconds: float) -> str:
    """ "in 12 seconds", as Discord counts."""
    unit, size = next((unit for unit in _UNITS if abs(seconds) >= unit[1]), _UNITS[-1])
    count = round(abs(seconds) / size)
    words = f"{count} {unit}{'' if count == 1 else 's'}"
    return f"{words} ago" if seconds < 0 else f"in {words}"


def _lines(component: Mapping[str, Any], now: float | None) -> Iterator[str]:
    """One component and what it holds; the numbers are Discord's component types."""
    match component["type"]:
        case 10:  # text
            yield readable(component["content"], now=now)
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
                yield from _lines(inner, now)
            if accessory := component.get("accessory"):
                shown = {"type": 1, "components": [accessory]} if accessory["type"] == 2 else accessory
                yield from _lines(shown, now)


def _label(button: Mapping[str, Any]) -> str:
    emoji: Mapping[str, Any] = button.get("emoji") or {}
    label: str = button.get("label") or button.get("placeholder") or ""
    return f"{emoji.get('name') or ''} {label}".strip()
