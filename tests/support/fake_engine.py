"""An engine without torch that speaks the real protocol over the real link: paced, with small real PNGs.

`python -m tests.support.fake_engine --url ws://127.0.0.1:PORT/engine --secret-file FILE [--step-seconds 0.05] …`
or, inside a test, `async with FakeEngine(...).running():`.
"""

from __future__ import annotations

import argparse
import asyncio
import colorsys
import hashlib
import io
import json
import logging
import os
import signal
import sys
import time
from collections import deque
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
from PIL import Image, ImageDraw

from engine.links.link import make_link
from protocol.card import ModelCard, StepRange
from protocol.messages import (
    PROTOCOL,
    Beat,
    Cancel,
    Cancelled,
    Command,
    CountTokens,
    EngineHello,
    Enhanced,
    Failed,
    Finished,
    Generate,
    Loading,
    Progress,
    Started,
    Stop,
    TokensCounted,
)
from protocol.request import Kind

# The starter's shapes, so that everything that knows the starter knows this one too.
CARD = ModelCard(
    id="fake-1",
    name="Fake Painter",
    shapes={
        "1:1": (256, 256),
        "2:3": (208, 320),
        "3:2": (320, 208),
        "3:4": (224, 288),
        "4:3": (288, 224),
        "9:16": (192, 336),
        "16:9": (336, 192),
    },
    max_side=512,
    max_pixels=512 * 512,
    native_pixels=256 * 256,
    steps=StepRange(default=8),
    prompt_tokens=256,
    features=(
        "text",
        "image",
        "inpaint",
        "outpaint",
        "vary",
        "variety",
        "upscale",
        "creative",
        "guidance",
        "style",
        "enhance",
        "quality",
    ),
    licence="MIT",
)


# Models by the name that `--model` gives; any other is the one above. What has no card does not load.
SMALL = msgspec.structs.replace(
    CARD, id="small", name="Small Painter", shapes={"1:1": (64, 64)}, max_side=64, max_pixels=64 * 64
)
MODELS: dict[str, ModelCard | None] = {"small": SMALL, "broken": None}


@dataclass(frozen=True, kw_only=True)
class Script:
    """How this engine behaves. Steps count from 1 within a job; 0 means never."""

    step_seconds: float = 0.02
    load_seconds: float = 0.0
    die_at_step: int = 0  # SIGKILL to itself (a process) or a broken line (in a test)
    hang_at_step: int = 0  # no further step, while the line stays alive
    hang_attempts: int = 1000  # so often
    fail_at_step: int = 0  # the pictures in `fail_pictures` end with `fail_code` here
    fail_pictures: tuple[int, ...] = (0,)
    fail_code: str = "out-of-memory"
    die_on_prompt: str = ""  # die only for prompts that contain this
    previews: bool = True
    tokens: int | None = 1  # that any text is said to have; None: it never says
    protocol: int = PROTOCOL
    problem: str | None = None  # said in Loading, instead of ever being ready


@dataclass
class FakeEngine:
    """Paints one job after another. `begun` lists (job, attempt) of every start, for assertions.

    While `held_after` is a number it takes so many steps of a job and no more, unless that is cancelled.
    """

    url: str
    secret_file: Path | None = None
    name: str = "fake"
    card: ModelCard = CARD
    script: Script = Script()
    alone_for: float = 60.0
    credentials: Path | None = None  # at a broker that asks for them
    ca: Path | None = None
    threads: int = 1
    capacity: int = 2
    begun: list[tuple[str, int]] = field(default_factory=list[tuple[str, int]])
    written: list[str] = field(default_factory=list[str])  # jobs whose prompt was written out
    orders: list[Generate] = field(default_factory=list[Generate])
    questions: list[CountTokens] = field(default_factory=list[CountTokens])
    held_after: int | None = None
    held_words: int | None = None  # while it is a number, so many words of a prompt are written out and no more
    journal: Path | None = None  # where every start is written down, for whoever looks from another process
    picture: Callable[[Generate, int], bytes] | None = None  # instead of `draw`
    in_process: bool = True
    beats: bool = False  # printed as a worker prints them for its supervisor

    def __post_init__(self) -> None:
        self._jobs: deque[Generate] = deque()
        self._cancelled: set[str] = set()
        self._arrived = asyncio.Event()
        self._steps = 0
        self._busy = False
        self._link = make_link(
            self.url, secret_file=self.secret_file, credentials=self.credentials, ca=self.ca,
            on_command=self._on_command, alone_for=self.alone_for, retry=0.1,
        )  # fmt: skip
        self._left = asyncio.Event()

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[FakeEngine, None]:
        """At work until the block ends; then gone without a word."""
        task = asyncio.create_task(self.run())
        try:
            yield self
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def run(self) -> None:
        """At work until the bot says Stop or was away for `alone_for` seconds."""
        parts = (self._paint_all(), self._beat(), self._link.run(), self._leave())
        work = [asyncio.create_task(part) for part in parts]
        try:
            done, _ = await asyncio.wait(work, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in work:
                task.cancel()
            await asyncio.wait(work)

    async def _leave(self) -> None:
        await self._left.wait()

    def _on_command(self, command: Command) -> None:
        match command:
            case Generate():
                self._cancelled.discard(command.job)
                self._jobs.append(command)
                self._arrived.set()
            case Cancel(job=job):
                self._cancelled.add(job)
            case CountTokens(ticket=ticket):
                self.questions.append(command)
                if (tokens := self.script.tokens) is not None:
                    counted = TokensCounted(ticket=ticket, tokens=tokens, limit=self.card.prompt_tokens)
                    self._link.send_event(counted)
            case Stop():
                self._left.set()
            case _:
                pass

    async def _beat(self) -> None:
        while True:
            self._link.send_event(Beat(steps=self._steps, busy=self._busy))
            if self.beats:
                print(self._steps, int(self._busy), 1, flush=True)
            await asyncio.sleep(0.5)

    async def _paint_all(self) -> None:
        loading = Loading(
            protocol=self.script.protocol, build="fake", engine=self.name, model=self.card.name,
            problem=self.script.problem,
        )  # fmt: skip
        if self.script.load_seconds or self.script.problem:
            self._link.introduce(loading)
            await asyncio.sleep(1e6 if self.script.problem else self.script.load_seconds)
        self._link.introduce(self._hello())
        await self._work()

    def offer(self, card: ModelCard) -> None:
        """From now on this is what it can do."""
        self.card = card
        self._link.introduce(self._hello())

    async def _work(self) -> None:
        while True:
            while not self._jobs:
                self._arrived.clear()
                await self._arrived.wait()
            self._busy = True
            await self._paint(self._jobs.popleft())
            self._busy = False

    def _hello(self) -> EngineHello:
        return EngineHello(
            protocol=self.script.protocol, build="fake", engine=self.name, card=self.card, device="cpu",
            dtype="float32", threads=self.threads, memory=2**30, policy="fake", capacity=self.capacity,
        )  # fmt: skip

    async def _paint(self, order: Generate) -> None:
        request, wanted = order.request, list(order.wanted)
        self.begun.append((order.job, order.attempt))
        self.orders.append(order)
        if self.journal is not None:
            line = {"at": time.time(), "engine": self.name, "job": order.job, "attempt": order.attempt}
            with self.journal.open("a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")
        if order.job not in self._cancelled:
            self._link.send_event(Started(job=order.job, attempt=order.attempt))
        if request.to_be_written and order.job not in self._cancelled:
            order = await self._write(order)
            request = order.request
        steps = request.steps - request.first_step + request.detail_steps
        for step in range(1, steps + 1):
            await asyncio.sleep(self.script.step_seconds)
            while self.is_held(step) and order.job not in self._cancelled:  # noqa: ASYNC110  (a test turns it)
                await asyncio.sleep(0.01)
            if order.job in self._cancelled:
                for k in wanted:
                    self._link.send_event(Cancelled(job=order.job, attempt=order.attempt, k=k))
                return
            self._steps += 1
            await self._misbehave(order, step, wanted)
            preview = _preview(order) if self.script.previews else None
            self._link.send_event(
                Progress(job=order.job, attempt=order.attempt, step=step, steps=steps, preview=preview)
            )
        for k in wanted:
            self._finish(order, k, steps * self.script.step_seconds)

    def is_held(self, step: int) -> bool:
        """Whether this step of a job is not to be taken yet; steps count from 1."""
        return self.held_after is not None and step > self.held_after

    def _finish(self, order: Generate, k: int, seconds: float) -> None:
        request, png = order.request, (self.picture or draw)(order, k)
        self._link.send_event(
            Finished(
                job=order.job, attempt=order.attempt, k=k, seed=request.seed_of(k), width=request.width,
                height=request.height, sha256=hashlib.sha256(png).hexdigest(), png=png, seconds=seconds,
                enhanced=request.enhanced,
            )
        )  # fmt: skip

    async def _write(self, order: Generate) -> Generate:
        """Write the prompt out, a few words at a time."""
        words = written_out(order.request.prompt).split(" ")
        for count in range(1, len(words) + 1):
            await asyncio.sleep(self.script.step_seconds)
            while self.held_words is not None and count > self.held_words:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            if order.job in self._cancelled:
                return order
            text, done = " ".join(words[:count]), count == len(words)
            self._link.send_event(Enhanced(job=order.job, attempt=order.attempt, text=text, done=done))
        self.written.append(order.job)
        return msgspec.structs.replace(order, request=msgspec.structs.replace(order.request, enhanced=" ".join(words)))

    async def _misbehave(self, order: Generate, step: int, wanted: list[int]) -> None:
        script = self.script
        if step == script.die_at_step and script.die_on_prompt in order.request.prompt:
            if not self.in_process:
                os.kill(os.getpid(), signal.SIGKILL)
            self._left.set()
            await asyncio.sleep(1e6)
        if step == script.hang_at_step and order.attempt <= script.hang_attempts:
            await asyncio.sleep(1e6)
        if step == script.fail_at_step:
            for k in script.fail_pictures:
                if k in wanted:
                    wanted.remove(k)
                    self._link.send_event(Failed(job=order.job, attempt=order.attempt, k=k, code=script.fail_code))


def written_out(prompt: str) -> str:
    """What this engine makes of a prompt."""
    return f"{prompt}, seen from below in the light of a late afternoon, with long soft shadows on the ground"


def draw(order: Generate, k: int) -> bytes:
    """A PNG whose colour is the seed's and whose rings count the steps; a picture of a picture keeps its middle."""
    request, seed = order.request, order.request.seed_of(k)
    image = Image.new("RGB", (request.width, request.height), _colour(seed))
    image.putpixel((0, 0), (seed >> 16 & 255, seed >> 8 & 255, seed & 255))  # each seed's own file: colours are 828
    pen = ImageDraw.Draw(image)
    for ring in range(request.steps):
        pen.ellipse((8 + 6 * ring, 8 + 6 * ring, 40 + 6 * ring, 40 + 6 * ring), outline="white")
    if order.source is not None and request.kind is not Kind.TEXT:
        with Image.open(io.BytesIO(order.source)) as source:
            image.paste(source.convert("RGB").resize((request.width // 2, request.height // 2)), (16, 16))
    return _encoded(image, "PNG")


def _preview(order: Generate) -> bytes:
    return _encoded(Image.new("RGB", (32 * len(order.wanted), 32), _colour(order.request.seed)), "JPEG")


def _colour(seed: int) -> tuple[int, int, int]:
    red, green, blue = colorsys.hsv_to_rgb(seed * 0.618 % 1, 0.6, 0.9)
    return int(255 * red), int(255 * green), int(255 * blue)


def _encoded(image: Image.Image, format_name: str) -> bytes:
    file = io.BytesIO()
    image.save(file, format_name)
    return file.getvalue()


def main(arguments: Sequence[str] | None = None) -> None:
    """The process form."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--url", required=True)
    parser.add_argument("--secret-file", type=Path)
    parser.add_argument("--creds", type=Path)
    parser.add_argument("--name", default=f"fake-{os.getpid()}")
    parser.add_argument("--step-seconds", type=float, default=0.02)
    parser.add_argument("--load-seconds", type=float, default=0.0)
    parser.add_argument("--alone-for", type=float, default=60.0)
    parser.add_argument("--die-at-step", type=int, default=0)
    parser.add_argument("--die-on-prompt", default="")
    parser.add_argument("--hang-at-step", type=int, default=0)
    parser.add_argument("--hang-attempts", type=int, default=1000)
    parser.add_argument("--beats", action="store_true")
    parser.add_argument("--fail-at-step", type=int, default=0)
    parser.add_argument("--fail-code", default="out-of-memory")
    parser.add_argument("--journal", type=Path)
    parser.add_argument("--model", type=lambda word: Path(word).stem, default="")
    options, _ = parser.parse_known_args(arguments)  # the real engine's --threads, --device … mean nothing here

    if options.model == "deadly":
        sys.exit(9)
    card = MODELS.get(options.model, CARD)
    script = Script(
        step_seconds=options.step_seconds,
        load_seconds=options.load_seconds,
        die_at_step=options.die_at_step,
        die_on_prompt=options.die_on_prompt,
        hang_at_step=options.hang_at_step,
        hang_attempts=options.hang_attempts,
        fail_at_step=options.fail_at_step,
        fail_code=options.fail_code,
        problem="This model is broken." if card is None else None,
    )

    async def work() -> None:
        engine = FakeEngine(
            url=options.url, secret_file=options.secret_file, name=options.name, script=script,
            alone_for=options.alone_for, in_process=False, journal=options.journal,
            beats=options.beats, credentials=options.creds, card=card or CARD,
        )  # fmt: skip
        await engine.run()

    logging.basicConfig(level=logging.INFO, format="%(asctime)s.%(msecs)03d %(message)s", datefmt="%H:%M:%S")
    asyncio.run(work())


if __name__ == "__main__":
    main()
