"""The engine loop: every order ends once for each of its pictures, whatever happens meanwhile."""

from __future__ import annotations

import hashlib
import io
import queue
import threading
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from engine import metadata
from engine.protocol import (
    Cancel,
    Cancelled,
    Command,
    Event,
    Failed,
    Finished,
    Generate,
    Kind,
    Progress,
    Started,
    Stop,
)
from engine.worker.loop import Loop
from engine.worker.painter import Painter, Sample
from engine.worker.press import Press
from engine.worker.pulse import Pulse
from tests.support.orders import order


def perform(
    painter: Painter, *commands: Command, react: Callable[[Event], Command | None] = lambda _: None, **press: Any
) -> list[Event]:
    """All events until every picture of every order has ended. `react` may answer an event with a command."""
    inbox: queue.SimpleQueue[Command] = queue.SimpleQueue()
    events: list[Event] = []
    over = threading.Event()
    missing = sum(len(command.wanted) for command in commands if isinstance(command, Generate))

    def tell(event: Event) -> None:
        nonlocal missing
        events.append(event)
        answer = react(event)
        if answer is not None:
            inbox.put(answer)
        missing -= isinstance(event, Finished | Failed | Cancelled)
        if missing == 0:
            over.set()

    for command in commands:
        inbox.put(command)
    machine = Press(tell, **press)
    thread = threading.Thread(target=Loop(painter, inbox, machine, Pulse()).run)
    thread.start()
    assert over.wait(50)
    inbox.put(Stop())
    thread.join(10)
    machine.close()
    return events


def of(events: Sequence[Event], kind: type[Any], job: str = "job") -> list[Any]:
    return [event for event in events if isinstance(event, kind) and event.job == job]


def png(width: int, height: int) -> bytes:
    pixels = np.random.default_rng(2).integers(0, 255, (height, width, 3), dtype=np.uint8)
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()


def test_a_request_is_started_shown_at_each_step_and_finished_once_per_picture(painter: Painter) -> None:
    events = perform(painter, order(count=4, width=128))

    assert isinstance(events[0], Started)
    assert [(event.step, event.steps) for event in of(events, Progress)] == [(n, 8) for n in range(1, 9)]
    pictures = of(events, Finished)
    assert [(one.k, one.seed) for one in pictures] == [(0, 7), (1, 8), (2, 9), (3, 10)]
    for one in pictures:
        assert hashlib.sha256(one.png).hexdigest() == one.sha256
        assert Image.open(io.BytesIO(one.png)).size == (one.width, one.height) == (128, 64)


def test_previews_show_all_pictures_side_by_side_and_stay_small(painter: Painter) -> None:
    one = of(perform(painter, order()), Progress)[0]
    four = of(perform(painter, order(count=4, width=256)), Progress)[0]

    with Image.open(io.BytesIO(one.preview)) as small, Image.open(io.BytesIO(four.preview)) as wide:
        assert small.format == "JPEG"
        assert small.size == (64, 64)
        assert wide.size == (384, 24)


def test_only_the_pictures_that_are_wanted_are_painted(painter: Painter) -> None:
    wish = order(count=4).request

    events = perform(painter, Generate(job="job", attempt=3, request=wish, wanted=(1, 3)))

    assert [(one.k, one.attempt) for one in of(events, Finished)] == [(1, 3), (3, 3)]


def test_cancel_ends_a_running_job_at_the_next_step_and_leaves_others_alone(painter: Painter) -> None:
    def react(event: Event) -> Command | None:
        return Cancel(job="job") if isinstance(event, Progress) and event.job == "job" else None

    events = perform(painter, order(steps=60, count=2, width=256, height=256), order("other"), react=react)

    assert {event.k for event in of(events, Cancelled)} == {0, 1}
    assert of(events, Finished) == []
    assert len(of(events, Progress)) < 20
    assert len(of(events, Finished, "other")) == 1


def test_cancel_ends_a_waiting_job_without_starting_it(painter: Painter) -> None:
    events = perform(painter, order("first"), order(count=2), Cancel(job="job"), Cancel(job="unknown"))

    assert len(of(events, Cancelled)) == 2
    assert of(events, Started) == []
    assert len(of(events, Finished, "first")) == 1


def test_a_prompt_over_the_token_limit_fails_with_its_count_and_is_not_cut_off(painter: Painter) -> None:
    events = perform(painter, order(prompt="x" * 600))

    (failed,) = of(events, Failed)
    assert failed.code == "prompt-too-many-tokens"
    assert failed.arguments["limit"] == 512
    assert failed.arguments["tokens"] > 600


@pytest.mark.parametrize("source", [None, b"", b"no picture", png(64, 64)[:60]])
def test_a_source_that_does_not_decode_fails_for_each_picture(painter: Painter, source: bytes | None) -> None:
    events = perform(painter, order(kind=Kind.IMAGE, strength=0.5, source=source, count=2))

    assert [(event.k, event.code) for event in of(events, Failed)] == [(0, "bad-source"), (1, "bad-source")]
    assert of(events, Started) == []


def test_a_picture_beyond_the_models_limits_fails_before_any_work(painter: Painter) -> None:
    events = perform(painter, order(width=4096, height=64))

    assert [event.code for event in of(events, Failed)] == ["too-large"]


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (torch.OutOfMemoryError("no more"), "out-of-memory"),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"), "out-of-memory"),
        (ValueError("a bug"), "worker-error"),
    ],
)
def test_a_job_that_breaks_fails_and_the_next_one_is_painted(
    painter: Painter, error: Exception, code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    paint = painter.step

    def step(samples: Sequence[Sample]) -> None:
        if samples[0].job == "job":
            raise error
        paint(samples)

    monkeypatch.setattr(painter, "step", step)
    events = perform(painter, order(count=2), order("next"))

    assert [(event.k, event.code) for event in of(events, Failed)] == [(0, code), (1, code)]
    assert len(of(events, Finished, "next")) == 1


def test_an_upscale_is_painted_tile_by_tile_and_counts_all_its_steps(painter: Painter) -> None:
    source = png(64, 48)

    events = perform(painter, order(kind=Kind.UPSCALE, strength=0.25, width=128, height=96, source=source))

    (picture,) = of(events, Finished)
    steps = [(event.step, event.steps) for event in of(events, Progress)]
    assert (picture.width, picture.height) == (128, 96)
    assert steps == [(n, 12) for n in range(1, 13)]  # 3 x 2 tiles of two steps
    assert of(events, Progress)[0].preview is not None


def test_each_picture_carries_its_own_seed_in_its_metadata(painter: Painter) -> None:
    events = perform(painter, order(count=2))

    facts = [metadata.read(one.png) for one in of(events, Finished)]
    assert [fact.seed for fact in facts if fact] == [7, 8]


def test_a_photo_makes_a_composite_and_a_picture_of_ours_does_not(painter: Painter) -> None:
    ours = of(perform(painter, order()), Finished)[0].png
    over_ours, over_photo = (
        of(perform(painter, order(kind=Kind.IMAGE, strength=0.5, source=source)), Finished)[0].png
        for source in (ours, png(64, 64))
    )
    again = of(perform(painter, order(kind=Kind.IMAGE, strength=0.5, source=over_photo)), Finished)[0].png

    assert [facts.composite for one in (ours, over_ours, over_photo, again) if (facts := metadata.read(one))] == [
        False,
        False,
        True,
        True,
    ]


def test_the_log_has_one_line_per_picture_without_the_prompt(
    painter: Painter, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")

    perform(painter, order(count=2))

    lines = [record.getMessage() for record in caplog.records if record.name == "engine.worker.press"]
    assert len(lines) == 2
    assert "job=job k=1 kind=text size=64x64 steps=8 encode=" in lines[1]
    assert hashlib.sha256(order().request.prompt.encode()).hexdigest()[:12] in lines[1]
    assert "red star" not in caplog.text


def test_the_log_shows_prompts_when_that_is_set(painter: Painter, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")

    perform(painter, order(), log_prompts=True)

    assert "a red star above a blue circle" in caplog.text


def test_a_picture_that_cannot_be_encoded_still_ends(painter: Painter, monkeypatch: pytest.MonkeyPatch) -> None:
    def encode_png(*_: Any) -> bytes:
        raise MemoryError

    monkeypatch.setattr("engine.worker.images.encode_png", encode_png)

    events = perform(painter, order(count=2))

    assert [(event.k, event.code) for event in of(events, Failed)] == [
        (0, "out-of-memory"),
        (1, "out-of-memory"),
    ]


def test_a_broken_accelerator_ends_the_worker_so_that_another_paints_the_job(
    painter: Painter, monkeypatch: pytest.MonkeyPatch
) -> None:
    def step(_: Sequence[Sample]) -> None:
        raise torch.AcceleratorError("CUDA error: device-side assert triggered", 59)

    monkeypatch.setattr(painter, "step", step)
    inbox: queue.SimpleQueue[Command] = queue.SimpleQueue()
    inbox.put(order())
    events: list[Event] = []
    press = Press(events.append)

    with pytest.raises(torch.AcceleratorError):
        Loop(painter, inbox, press, Pulse()).run()

    press.close()
    assert of(events, Failed) == []
