"""The stage of the stories: a playground, the real bot on the real discord.py, and a paced engine without torch."""

from __future__ import annotations

import asyncio
import io
import json
import sys
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import discord

from bot.client import ImageBot
from bot.delivery.edit_limits import EditLimits
from bot.jobs.errors import Refusal
from bot.links.local.command import CommandFor
from bot.links.local.engine_process import local_engine
from bot.links.local.websocket import LocalLink
from bot.requests.defaults import OwnerSettings
from bot.rest.discord_time import DiscordTime
from bot.service.service import JobService, open_service
from playground import Playground
from playground.world import people
from protocol.card import ModelCard
from tests.support.clocks import ManualClock
from tests.support.fake_engine import CARD, FakeEngine, Script
from tests.support.ports import free_port

PAINT, SKETCHBOOK = people.CHANNELS[0].id, people.CHANNELS[1].id
EPHEMERAL = 64
# Edits as quick as a test wants them; the real limits have their own test.
BRISK = EditLimits(gap=0.05, first=0.02, per_minute=10_000, kept_free=5, retry=0.05, calm=0.05)

STEADY = Script()

Message = dict[str, Any]


class Studio:
    """Bot and engine over one data folder; each can stop and start again, as after a crash."""

    def __init__(
        self,
        playground: Playground,
        data: Path,
        *,
        owner: OwnerSettings | None = None,
        edit_limits: EditLimits = BRISK,
        clock: Callable[[], float] | None = None,
    ) -> None:
        self.playground = playground
        self.data = data
        self.owner = owner or OwnerSettings()
        self.edit_limits = edit_limits
        self.clock = clock
        self.refusals: list[Refusal] = []
        self.service: JobService
        self.bot: ImageBot
        self.engine: FakeEngine | None = None
        self._bot_parts: AsyncExitStack | None = None
        self._engine_parts: AsyncExitStack | None = None
        self._port = free_port()  # the same after a restart

    async def open_bot(self, command: CommandFor | None = None) -> None:
        """Service, link and bot, online; with a `command`, over an engine of its own that it starts so."""
        stack = AsyncExitStack()
        timing = {} if self.clock is None else {"wall": self.clock}
        self.service = await stack.enter_async_context(
            open_service(self.data, owner=self.owner, grace=0.1, adoption=0.5, **timing)
        )
        if command is not None:
            await self._start_engine(stack, command)
        else:
            await stack.enter_async_context(
                LocalLink(self.service.dispatcher.engine_events, secret="secret", build="test", port=self._port)
            )
        self.bot = ImageBot(
            self.service,
            endpoint=self.playground.url,
            edit_limits=self.edit_limits,
            on_refusal=lambda _, refusal: self.refusals.append(refusal),
            discord_time=self.clock if isinstance(self.clock, DiscordTime) else None,
            guild_ready_timeout=0.1,
        )
        running = asyncio.create_task(self.bot.start(self.playground.token))
        stack.push_async_callback(_stop, self.bot, running)
        self._bot_parts = stack
        async with asyncio.timeout(30):
            while not self.bot.is_ready():
                if running.done():
                    await running
                await asyncio.sleep(0.01)

    async def _start_engine(self, stack: AsyncExitStack, command: CommandFor) -> None:
        models = self.service.models
        keeper = local_engine(
            self.service.dispatcher, data=self.data, command=command, model=models.first("auto"), build="test"
        )
        engine = await stack.enter_async_context(keeper)
        stack.push_async_callback(engine.stop)
        models.attach(engine, configured="auto", folder=self.data / "models")

    async def close_bot(self) -> None:
        if self._bot_parts is not None:
            await self._bot_parts.aclose()
            self._bot_parts = None

    async def restart_bot(self) -> None:
        await self.close_bot()
        await self.open_bot()

    async def open_engine(
        self,
        script: Script = STEADY,
        card: ModelCard = CARD,
        kind: type[FakeEngine] = FakeEngine,
        *,
        held_after: int | None = None,
    ) -> None:
        """An engine that paints as the script says, ready to; `held_after` so many steps of a job it waits."""
        secret = self.data / "engine.json"
        secret.write_text(json.dumps({"secret": "secret"}), "utf-8")
        url = f"ws://127.0.0.1:{self._port}/engine"
        self.engine = kind(url=url, secret_file=secret, script=script, card=card, held_after=held_after)
        stack = AsyncExitStack()
        await stack.enter_async_context(self.engine.running())
        self._engine_parts = stack
        if not script.load_seconds and not script.problem:
            await until(lambda: any(engine.state == "ready" for engine in self.service.engines.views()))

    def go_on(self) -> None:
        """The engine that was held paints on."""
        assert self.engine is not None
        self.engine.held_after = None

    async def open_worker(self, model: Path, *more: str) -> None:
        """The real worker in a process of its own, once it is ready; ends with the engine."""
        secret = self.data / "engine.json"
        secret.write_text(json.dumps({"secret": "secret"}), "utf-8")
        words = ["--url", f"ws://127.0.0.1:{self._port}/engine", "--secret-file", str(secret), "--model", str(model)]
        process = await asyncio.create_subprocess_exec(sys.executable, "-m", "engine.worker", *words, *more)
        stack = AsyncExitStack()
        stack.push_async_callback(process.wait)
        stack.callback(process.kill)
        self._engine_parts = stack
        await until(lambda: any(one.state == "ready" for one in self.service.engines.views()), within=90)

    async def all_is_told(self) -> None:
        """No message owes its reader anything."""
        async with asyncio.timeout(30):
            while await self.service.ledger.jobs.unposted():  # noqa: ASYNC110  # a row has no event
                await asyncio.sleep(0.02)

    async def close_engine(self) -> None:
        if self._engine_parts is not None:
            await self._engine_parts.aclose()
            self._engine_parts = None

    @asynccontextmanager
    async def visitor(self, person: people.Person, channel: str = PAINT) -> AsyncIterator[Visitor]:
        async with aiohttp.ClientSession() as session:
            yield Visitor(session, self.playground.url, person, channel)


async def until(condition: Callable[[], Any], *, within: float = 30.0) -> None:
    """Wait for something that has no event of its own."""
    async with asyncio.timeout(within):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def _stop(bot: ImageBot, running: asyncio.Task[None]) -> None:
    await bot.close()
    await running


@dataclass
class Visitor:
    """Somebody at the page, without a browser."""

    session: aiohttp.ClientSession
    url: str
    person: people.Person
    channel: str
    seen: set[str] = field(default_factory=set[str])

    @property
    def locale(self) -> str:
        return self.person.locale

    async def say(self, text: str, **files: bytes) -> str:
        """Type it and press Enter; `cat=…` attaches the file that `@cat.png` names. Returns the interaction's id."""
        status, body = await self._post("say", {f"{name}.png": data for name, data in files.items()}, text=text)
        assert status == 200, body
        return body["interaction_id"]

    async def refused_by_the_page(self, text: str) -> str:
        status, body = await self._post("say", text=text)
        assert status == 400, body
        return body["error"]

    async def click(self, label: str, *, on: Message | None = None) -> str:
        """Press the button; without `on`, that of the newest message that has it. Returns the interaction's id."""
        message = on or await self.sees(lambda m: label in buttons(m))
        custom_id = buttons(message)[label]
        status, body = await self._post("click", message=message["id"], custom_id=custom_id)
        assert status == 200, body
        return body["interaction_id"]

    async def more(self, k: int = 1, *, on: Message | None = None) -> Message:
        """The panel behind More, of picture `k` where there are several; without `on`, of the newest picture."""
        pick = f"第 {k} 张" if self.locale == "zh-CN" else f"Picture {k}"
        if on is None:
            on = await self.sees(lambda m: finished(m) and buttons(m).keys() & {"More", "更多"})
        label = next(name for name in ("More", "更多") if name in buttons(on))
        job = buttons(on)[label].split(":")[2]
        before = {m["id"] for m in await self.messages()}
        await self.click(label, on=on)
        panel = await self.sees(lambda m: m["id"] not in before and job in str(buttons(m)))
        if pick not in buttons(panel):
            return panel
        await self.click(pick, on=panel)
        return await self.sees(lambda m: m["id"] == panel["id"] and pick not in buttons(m))

    async def delete_picture(self, *, on: Message | None = None) -> None:
        """By the panel behind More, as far as the question."""
        panel = await self.more(on=on)
        await self.click("删除" if self.locale == "zh-CN" else "Delete", on=panel)

    async def press_edit(self, label: str = "Edit") -> dict[str, str]:
        """Press Edit and look at the form: the fields' ids and what stands in them."""
        async with self.session.ws_connect(f"{self.url}/page/events", params={"person": self.person.id}) as events:
            await self.click(label)
            async with asyncio.timeout(30):
                async for event in events:
                    said = event.json()
                    if said["type"] == "modal":
                        self.form = said["modal"]
                        return {part["custom_id"]: filled(part) for part in inputs(self.form)}
        raise AssertionError("no form came")

    async def submit(self, **fields: str) -> str:
        """Send the form that is open, with these fields changed. Returns the interaction's id."""
        values = {part["custom_id"]: filled(part) for part in inputs(self.form)} | fields
        status, body = await self._post("submit", interaction_id=self.form["interaction_id"], fields=values)
        assert status == 200, body
        return body["interaction_id"]

    async def cannot_submit(self, form: Any) -> str:
        """Send a form that the page did not open for this person; what the page says to that."""
        status, body = await self._post("submit", interaction_id=form["interaction_id"], fields={})
        assert status == 400, body
        return body["error"]

    async def delete(self, message: Message) -> None:
        status, body = await self._post("delete", message=message["id"])
        assert status == 200, body

    async def completions(self, text: str) -> list[str]:
        status, body = await self._post("complete", text=text, cursor=len(text))
        assert status == 200, body
        return [item["label"] for item in body["items"]]

    async def misses(self, option: str) -> None:
        """Wait until /imagine has no such option: Discord's list follows the model a moment later."""
        async with asyncio.timeout(30):
            while option in await self.completions("/imagine prompt:x "):  # noqa: ASYNC110
                await asyncio.sleep(0.02)

    async def sees_status(self, wanted: str) -> None:
        """What stands beside the bot's name: online, idle (its painter loads) or dnd (it cannot)."""
        async with asyncio.timeout(30):
            while True:
                async with self.session.get(f"{self.url}/page/state", params={"person": self.person.id}) as reply:
                    if (await reply.json())["bot"]["status"] == wanted:
                        return
                await asyncio.sleep(0.02)

    async def messages(self) -> list[Message]:
        query = {"person": self.person.id, "channel": self.channel}
        async with self.session.get(f"{self.url}/page/messages", params=query) as reply:
            return (await reply.json())["messages"]

    async def sees(self, wanted: str | Callable[[Message], Any], *, within: float = 30.0) -> Message:
        """The newest message that is as wanted (or says these words), as soon as there is one."""
        fits = (lambda m: wanted in words(m)) if isinstance(wanted, str) else wanted
        messages: list[Message] = []
        try:
            async with asyncio.timeout(within):
                while True:
                    messages = await self.messages()
                    for message in reversed(messages):
                        if fits(message):
                            return message
                    await asyncio.sleep(0.02)
        except TimeoutError:
            said = "\n---\n".join(words(m) for m in messages)
            raise AssertionError(f"nothing as wanted ({wanted}) among:\n{said}") from None

    async def sees_pictures(self, *, more_than: int = 0, within: float = 30.0) -> Message:
        """The newest finished message, once there are more than that many."""
        async with asyncio.timeout(within):
            while True:
                done = [m for m in await self.messages() if finished(m)]
                if len(done) > more_than:
                    return done[-1]
                await asyncio.sleep(0.02)

    async def is_told(self, sentence: str) -> None:
        """A message that nobody else sees says this."""
        message = await self.sees(lambda m: sentence in words(m) and m["flags"] & EPHEMERAL)
        assert message["ephemeral_for"] == self.person.id

    async def sees_gone(self, message: Message) -> None:
        async with asyncio.timeout(30):
            while message["id"] in [m["id"] for m in await self.messages()]:  # noqa: ASYNC110
                await asyncio.sleep(0.02)

    async def download(self, url: str) -> bytes:
        async with self.session.get(url) as reply:
            assert reply.status == 200
            return await reply.read()

    async def _post(self, act: str, files: dict[str, bytes] | None = None, **body: Any) -> tuple[int, Any]:
        payload = {
            "person": self.person.id, "channel": self.channel, "locale": self.locale, "nonce": uuid.uuid4().hex, **body
        }  # fmt: skip
        form = aiohttp.FormData()
        form.add_field("payload", json.dumps(payload), content_type="application/json")
        for name, content in (files or {}).items():
            form.add_field("file", io.BytesIO(content), filename=name, content_type="application/octet-stream")
        arguments: dict[str, Any] = {"data": form} if files else {"json": payload}
        async with self.session.post(f"{self.url}/page/{act}", **arguments) as reply:
            return reply.status, await reply.json()


def parts(message: Any) -> Iterator[dict[str, Any]]:
    """Every component, in the order in which it is shown."""
    for part in message.get("components") or []:
        yield part
        yield from parts(part)
    if isinstance(message.get("component"), dict):
        yield message["component"]


def words(message: Message) -> str:
    """All text that a reader sees, without the buttons."""
    texts = [part["content"] for part in parts(message) if part.get("content")]
    return "\n".join([message.get("content") or "", *texts]).strip()


def buttons(message: Message) -> dict[str, str]:
    """Labels with their custom ids, in order."""
    return {part["label"]: part["custom_id"] for part in parts(message) if part["type"] == 2}


def rows(message: Message) -> list[list[str]]:
    """The labels of its buttons, row by row."""
    return [[one["label"] for one in part["components"]] for part in parts(message) if part["type"] == 1]


def inputs(form: Any) -> list[dict[str, Any]]:
    """The text inputs and selects of a form."""
    return [part for part in parts(form) if part["type"] in (3, 4)]


def filled(part: dict[str, Any]) -> str:
    """What stands in a field as the form opens: its text, or the value of the option that is chosen."""
    chosen = (one["value"] for one in part.get("options", ()) if one.get("default"))
    return part.get("value") or next(chosen, "")


def gallery(message: Message) -> list[dict[str, Any]]:
    """The pictures shown, each with `media` and `description`."""
    return [item for part in parts(message) if part["type"] == 12 for item in part["items"]]


def finished(message: Message) -> bool:
    """Whether it shows pictures that can be worked with."""
    return bool(gallery(message)) and "Cancel" not in buttons(message) and "取消" not in buttons(message)


def is_from_the_bot(message: Message) -> bool:
    return message["author"]["id"] == people.BOT.id


def manual_clock() -> ManualClock:
    """Starts at Discord's own time, for snowflakes tell it too."""
    return ManualClock(discord.utils.utcnow().timestamp())
