"""The engine loop: every order ends once for each of its pictures, whatever happens meanwhile."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import queue
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from engine.metadata.png import read_facts
from engine.worker.device.memory import find_device
from engine.worker.heartbeat import Heartbeat
from engine.worker.image.vae import PendingPixels
from engine.worker.loading.loading import load
from engine.worker.loop import Loop
from engine.worker.pipeline.pipeline import Pipeline
from engine.worker.pipeline.sample import PendingImage, Sample
from engine.worker.results import Results
from engine.worker.scheduling.forward_time import ForwardTime
from engine.worker.scheduling.scheduler import Scheduler
from protocol.messages import Cancel, Cancelled, Command, Event, Failed, Finished, Generate, Progress, Started, Stop
from protocol.request import Kind
from tests.support.likeness import assert_same_pixels, decoded
from tests.support.orders import order


class Inbox(queue.SimpleQueue[Command]):
    """Notes each look into it that was not as it seemed: `busy` is what the supervisor believes meanwhile."""

    def __init__(self, heartbeat: Heartbeat) -> None:
        super().__init__()
        self.heartbeat = heartbeat
        self.lies: list[str] = []
        self.waited_for = threading.Event()

    def get(self, block: bool = True, timeout: float | None = None) -> Command:
        if self.heartbeat.busy is block:
            self.lies.append("waits and seems busy" if block else "works and seems idle")
        if block and self.empty():
            self.waited_for.set()
        return super().get(block, timeout)


def perform(
    pipeline: Pipeline,
    *commands: Command,
    react: Callable[[Event], Command | None] = lambda _: None,
    scheduler: Scheduler[Generate, Sample] | None = None,
    **results: Any,
) -> list[Event]:
    """All events until every picture of every order has ended and the loop waits, as it says that it does.

    `react` may answer an event with a command.
    """
    heartbeat = Heartbeat()
    inbox = Inbox(heartbeat)
    events: list[Event] = []
    over = threading.Event()
    missing = sum(len(command.wanted) for command in commands if isinstance(command, Generate))

    def tell(event: Event) -> None:
        nonlocal missing
        events.append(event)
        answer = react(event)
        if answer is not None:
            inbox.put(answer)
            missing += len(answer.wanted) if isinstance(answer, Generate) else 0
        missing -= isinstance(event, Finished | Failed | Cancelled)
        if missing == 0:
            over.set()

    for command in commands:
        inbox.put(command)
    machine = Results(tell, **results)
    thread = threading.Thread(target=Loop(pipeline, inbox, machine, heartbeat, scheduler).run, daemon=True)
    thread.start()
    assert over.wait(60), events
    assert inbox.waited_for.wait(60)
    assert inbox.lies == []
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


def test_a_request_is_started_shown_at_each_step_and_finished_once_per_picture(pipeline: Pipeline) -> None:
    events = perform(pipeline, order(count=4, width=128))

    assert isinstance(events[0], Started)
    assert [(event.step, event.steps) for event in of(events, Progress)] == [(n, 8) for n in range(1, 9)]
    pictures = of(events, Finished)
    assert [(one.k, one.seed) for one in pictures] == [(0, 7), (1, 8), (2, 9), (3, 10)]
    for one in pictures:
        assert hashlib.sha256(one.png).hexdigest() == one.sha256
        assert Image.open(io.BytesIO(one.png)).size == (one.width, one.height) == (128, 64)


def test_previews_show_all_pictures_side_by_side_and_stay_small(pipeline: Pipeline) -> None:
    one = of(perform(pipeline, order()), Progress)[0]
    four = of(perform(pipeline, order(count=4, width=256)), Progress)[0]

    with Image.open(io.BytesIO(one.preview)) as small, Image.open(io.BytesIO(four.preview)) as wide:
        assert small.format == "JPEG"
        assert small.size == (64, 64)
        assert wide.size == (384, 24)


def test_only_the_pictures_that_are_wanted_are_painted(pipeline: Pipeline) -> None:
    wish = order(count=4).request

    events = perform(pipeline, Generate(job="job", attempt=3, request=wish, wanted=(1, 3)))

    assert [(one.k, one.attempt) for one in of(events, Finished)] == [(1, 3), (3, 3)]


def test_requests_of_every_kind_share_forwards_and_each_picture_is_the_one_it_is_alone(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = png(64, 48)
    orders = [
        order("text", count=2),
        order("wide", width=144, steps=5, guidance=2.5, negative="grey"),
        order("image", kind=Kind.IMAGE, strength=0.6, source=source),
        order("upscale", kind=Kind.UPSCALE, strength=0.25, width=128, height=96, source=source),
    ]
    alone = {one.job: [picture.png for picture in of(perform(pipeline, one), Finished, one.job)] for one in orders}
    companies: list[set[str]] = []
    paint = pipeline.step

    def step(samples: Sequence[Sample]) -> None:
        companies.append({sample.job for sample in samples})
        paint(samples)

    monkeypatch.setattr(pipeline, "step", step)
    free = ForwardTime(points=((0, 1.0), (100_000, 1.0)))  # a forward takes as long with one sample as with all
    together = perform(pipeline, *orders, scheduler=Scheduler(forward_time=free))

    assert companies[0] == {one.job for one in orders}
    assert len(companies) == 12  # those of the upscale; everybody else left earlier
    for one in orders:
        for ours, theirs in zip(of(together, Finished, one.job), alone[one.job], strict=True):
            assert_same_pixels(decoded(ours.png), decoded(theirs))


def test_a_small_picture_passes_an_upscale_that_came_first(pipeline: Pipeline) -> None:
    large = order("large", kind=Kind.UPSCALE, strength=0.25, width=256, height=256, source=png(64, 64))

    events = perform(pipeline, large, order("small"))

    assert [event.job for event in events if isinstance(event, Finished)] == ["small", "large"]


class SlowDecoder:
    """Stands for a GPU's second stream: pixels that are not there yet when first asked for."""

    def __init__(self, pending: PendingPixels, looks: int) -> None:
        self._exposure = pending
        self._looks = looks

    @property
    def ready(self) -> bool:
        self._looks -= 1
        return self._looks < 0

    def wait(self) -> tuple[np.ndarray, bool]:
        return self._exposure.wait()


@pytest.fixture
def slow(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> Pipeline:
    develop = pipeline.start_decoding

    def slowly(sample: Sample) -> Any:
        pending = develop(sample)
        return dataclasses.replace(pending, pending=SlowDecoder(pending.pending, looks=3))

    monkeypatch.setattr(pipeline, "start_decoding", slowly)
    return pipeline


def test_the_next_step_does_not_wait_for_the_last_pictures_decoder(slow: Pipeline) -> None:
    events = perform(slow, order("first"), order("second"))

    told = [(event.job, type(event)) for event in events]
    assert told.index(("first", Finished)) > told.index(("second", Progress))
    assert [job for job, kind in told if kind is Finished] == ["first", "second"]


def test_tiles_go_on_while_earlier_ones_are_decoded(slow: Pipeline, tiny: Path) -> None:
    wish = order(kind=Kind.UPSCALE, strength=0.25, width=128, height=96, source=png(64, 48))
    device = find_device("cpu")

    late, at_once = (of(perform(one, wish), Finished)[0] for one in (slow, Pipeline(load(tiny, device), device)))

    assert_same_pixels(decoded(late.png), decoded(at_once.png))


def test_a_picture_cancelled_while_it_is_decoded_ends_once(slow: Pipeline) -> None:
    def react(event: Event) -> Command | None:
        return Cancel(job="job") if isinstance(event, Progress) and event.step == event.steps else None

    events = perform(slow, order(count=2), order("other", steps=12), react=react)

    endings = of(events, Cancelled) + of(events, Finished)
    assert sorted(event.k for event in endings) == [0, 1]


def test_a_picture_being_decoded_is_handed_over_when_the_only_other_job_is_cancelled(slow: Pipeline) -> None:
    def react(event: Event) -> Command | None:
        return Cancel(job="job") if isinstance(event, Progress) and event.step == event.steps else None

    events = perform(slow, order(count=2), order("shorter"), react=react)

    assert len(of(events, Cancelled)) == 2
    assert len(of(events, Finished, "shorter")) == 1


def test_a_tile_that_breaks_ends_its_picture_once(slow: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    def finish(_: PendingImage) -> None:
        raise ValueError("a bug")

    monkeypatch.setattr(slow, "finish", finish)
    wish = order(kind=Kind.UPSCALE, strength=0.25, width=128, height=96, source=png(64, 48))
    events = perform(slow, wish, Generate(job="next", attempt=1, request=order(width=4096).request, wanted=(0,)))

    assert [event.code for event in of(events, Failed)] == ["worker-error"]


def test_cancel_ends_a_running_job_at_the_next_step_and_leaves_others_alone(pipeline: Pipeline) -> None:
    def react(event: Event) -> Command | None:
        return Cancel(job="job") if isinstance(event, Progress) and event.job == "job" else None

    events = perform(pipeline, order(steps=60, count=2, width=256, height=256), order("other"), react=react)

    assert {event.k for event in of(events, Cancelled)} == {0, 1}
    assert of(events, Finished) == []
    assert len(of(events, Progress)) < 20
    assert len(of(events, Finished, "other")) == 1


@pytest.mark.parametrize("at", [1, 8])
def test_an_engine_whose_only_job_is_cancelled_is_said_to_be_idle(pipeline: Pipeline, at: int) -> None:
    def react(event: Event) -> Command | None:
        return Cancel(job="job") if isinstance(event, Progress) and event.step == at else None

    events = perform(pipeline, order(steps=60, count=4), react=react)  # which sees to it

    assert len(of(events, Cancelled)) == 4


def test_an_engine_whose_only_job_fails_is_said_to_be_idle(pipeline: Pipeline) -> None:
    assert of(perform(pipeline, order(width=4096)), Failed)


def test_an_engine_that_is_told_to_cancel_what_it_does_not_have_is_said_to_be_idle(pipeline: Pipeline) -> None:
    assert perform(pipeline, Cancel(job="unknown"), order(), Cancel(job="job"), react=_cancel_what_is_done)


def _cancel_what_is_done(event: Event) -> Command | None:
    return Cancel(job=event.job) if isinstance(event, Finished) else None


def test_cancel_ends_a_waiting_job_without_starting_it(pipeline: Pipeline) -> None:
    events = perform(pipeline, order("first"), order(count=2), Cancel(job="job"), Cancel(job="unknown"))

    assert len(of(events, Cancelled)) == 2
    assert of(events, Started) == []
    assert len(of(events, Finished, "first")) == 1


def test_a_prompt_over_the_token_limit_fails_with_its_count_and_is_not_cut_off(pipeline: Pipeline) -> None:
    events = perform(pipeline, order(prompt="x" * 600))

    (failed,) = of(events, Failed)
    assert failed.code == "prompt-too-many-tokens"
    assert failed.arguments["limit"] == 512
    assert failed.arguments["tokens"] > 600


@pytest.mark.parametrize("source", [None, b"", b"no picture", png(64, 64)[:60]])
def test_a_source_that_does_not_decode_fails_for_each_picture(pipeline: Pipeline, source: bytes | None) -> None:
    events = perform(pipeline, order(kind=Kind.IMAGE, strength=0.5, source=source, count=2))

    assert [(event.k, event.code) for event in of(events, Failed)] == [(0, "bad-source"), (1, "bad-source")]


def test_a_job_is_said_to_have_begun_before_any_work_for_it_could_end_the_process(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[Event] = []
    told_before: list[bool] = []
    begin = pipeline.begin

    def slow_begin(order: Generate, k: int) -> Sample:
        patience = time.monotonic() + 20  # such work takes its time; the word is out before it is done
        while not (told := any(isinstance(event, Started) for event in said)) and time.monotonic() < patience:
            time.sleep(0.01)
        told_before.append(told)
        return begin(order, k)

    monkeypatch.setattr(pipeline, "begin", slow_begin)
    perform(pipeline, order(), react=said.append)

    assert told_before == [True]


def test_a_picture_beyond_the_models_limits_fails_before_any_work(pipeline: Pipeline) -> None:
    events = perform(pipeline, order(width=4096, height=64))

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
    pipeline: Pipeline, error: Exception, code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    paint = pipeline.step

    def step(samples: Sequence[Sample]) -> None:
        if samples[0].job == "job":
            raise error
        paint(samples)

    monkeypatch.setattr(pipeline, "step", step)
    events = perform(pipeline, order(count=2), order("next"))

    assert [(event.k, event.code) for event in of(events, Failed)] == [(0, code), (1, code)]
    assert len(of(events, Finished, "next")) == 1


def breaking(pipeline: Pipeline, guilty: str, error: Callable[[], Exception], *, company: int) -> Callable[..., None]:
    """Steps that fail when they hold a job together with at least so many others."""
    paint = pipeline.step

    def step(samples: Sequence[Sample]) -> None:
        if len(samples) > company and guilty in {sample.job for sample in samples}:
            raise error()
        paint(samples)

    return step


TOGETHER = ForwardTime(points=((0, 1.0), (100_000, 1.0)))


def test_a_bug_in_a_shared_forward_ends_the_guilty_job_alone(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline, "step", breaking(pipeline, "job", lambda: ValueError("a bug"), company=0))

    events = perform(pipeline, order("other"), order(), order("third"), scheduler=Scheduler(forward_time=TOGETHER))

    assert [event.code for event in of(events, Failed)] == ["worker-error"]
    assert len(of(events, Finished, "other")) == len(of(events, Finished, "third")) == 1


def test_a_forward_that_does_not_fit_is_done_one_sample_at_a_time(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    device = find_device("cpu")
    pipeline = Pipeline(load(tiny, device), device)
    full = breaking(pipeline, "job", lambda: torch.OutOfMemoryError("no more"), company=1)
    monkeypatch.setattr(pipeline, "step", full)

    events = perform(pipeline, order(count=2), order("other"), scheduler=Scheduler(forward_time=TOGETHER))

    assert len(of(events, Finished)) == 2
    assert len(of(events, Finished, "other")) == 1
    assert of(events, Failed) == []


def test_a_decoder_that_does_not_fit_tries_again_in_tiles(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    device = find_device("cpu")
    pipeline = Pipeline(load(tiny, device), device)
    develop = pipeline.start_decoding

    def crowded(sample: Sample) -> PendingImage:
        if not pipeline.vae.model.use_tiling:
            raise torch.OutOfMemoryError("no more")
        return develop(sample)

    monkeypatch.setattr(pipeline, "start_decoding", crowded)

    assert len(of(perform(pipeline, order()), Finished)) == 1


def test_an_upscale_is_painted_tile_by_tile_and_counts_all_its_steps(pipeline: Pipeline) -> None:
    source = png(64, 48)

    events = perform(pipeline, order(kind=Kind.UPSCALE, strength=0.25, width=128, height=96, source=source))

    (picture,) = of(events, Finished)
    steps = [(event.step, event.steps) for event in of(events, Progress)]
    assert (picture.width, picture.height) == (128, 96)
    assert steps == [(n, 12) for n in range(1, 13)]  # 3 x 2 tiles of two steps
    assert of(events, Progress)[0].preview is not None


def test_each_picture_carries_its_own_seed_in_its_metadata(pipeline: Pipeline) -> None:
    events = perform(pipeline, order(count=2))

    facts = [read_facts(one.png) for one in of(events, Finished)]
    assert [fact.seed for fact in facts if fact] == [7, 8]


def test_a_photo_makes_a_composite_and_a_picture_of_ours_does_not(pipeline: Pipeline) -> None:
    ours = of(perform(pipeline, order()), Finished)[0].png
    over_ours, over_photo = (
        of(perform(pipeline, order(kind=Kind.IMAGE, strength=0.5, source=source)), Finished)[0].png
        for source in (ours, png(64, 64))
    )
    again = of(perform(pipeline, order(kind=Kind.IMAGE, strength=0.5, source=over_photo)), Finished)[0].png

    assert [facts.composite for one in (ours, over_ours, over_photo, again) if (facts := read_facts(one))] == [
        False,
        False,
        True,
        True,
    ]


def test_the_log_has_one_line_per_picture_without_the_prompt(
    pipeline: Pipeline, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")

    perform(pipeline, order(count=2))

    lines = [record.getMessage() for record in caplog.records if record.name == "engine.worker.results"]
    assert len(lines) == 2
    assert "job=job k=1 kind=text size=64x64 steps=8 encode=" in lines[1]
    assert hashlib.sha256(order().request.prompt.encode()).hexdigest()[:12] in lines[1]
    assert "red star" not in caplog.text


def test_the_log_shows_prompts_when_that_is_set(pipeline: Pipeline, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")

    perform(pipeline, order(), log_prompts=True)

    assert "a red star above a blue circle" in caplog.text


def test_a_picture_that_cannot_be_encoded_still_ends(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    def encode_png(*_: Any) -> bytes:
        raise MemoryError

    monkeypatch.setattr("engine.worker.results.encode_png", encode_png)

    events = perform(pipeline, order(count=2))

    assert [(event.k, event.code) for event in of(events, Failed)] == [
        (0, "out-of-memory"),
        (1, "out-of-memory"),
    ]


def test_a_broken_accelerator_ends_the_worker_so_that_another_paints_the_job(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    def step(_: Sequence[Sample]) -> None:
        raise torch.AcceleratorError("CUDA error: device-side assert triggered", 59)

    monkeypatch.setattr(pipeline, "step", step)
    inbox: queue.SimpleQueue[Command] = queue.SimpleQueue()
    inbox.put(order())
    events: list[Event] = []
    results = Results(events.append)

    with pytest.raises(torch.AcceleratorError):
        Loop(pipeline, inbox, results, Heartbeat()).run()

    results.close()
    assert of(events, Failed) == []
