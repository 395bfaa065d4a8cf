"""Five hundred pictures in a row: memory does not grow."""

from __future__ import annotations

import gc
import queue
import threading

import psutil
import pytest

from engine.worker.heartbeat import Heartbeat
from engine.worker.loop import Loop
from engine.worker.pipeline.pipeline import Pipeline
from engine.worker.results import Results
from protocol.messages import Command, Event, Failed, Finished, Stop
from protocol.request import Kind, Region
from tests.engine.worker.test_loop import png
from tests.support.orders import order

PICTURES = 500
WARM = 100  # caches of torch and of the allocator are filled by then
SOURCE = png(64, 48)


def wish(n: int) -> Command:
    """Prompts are new each time; sizes, kinds and counts come round."""
    prompt = f"picture number {n}"
    match n % 5:
        case 0:
            return order(str(n), prompt=prompt, steps=2, width=96)
        case 1:
            return order(str(n), prompt=prompt, steps=2, guidance=2.0, negative="grey")
        case 2:
            return order(str(n), prompt=prompt, steps=4, kind=Kind.IMAGE, strength=0.5, source=SOURCE)
        case 3:
            return order(str(n), prompt=prompt, steps=2, kind=Kind.INPAINT, region=Region.LEFT, source=SOURCE)
        case _:
            return order(str(n), prompt=prompt, steps=4, kind=Kind.UPSCALE, strength=0.25, width=96, source=SOURCE)


def resident() -> int:
    gc.collect()
    return psutil.Process().memory_info().rss


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_five_hundred_pictures_in_a_row_leave_no_more_memory_behind_than_one_hundred(pipeline: Pipeline) -> None:
    inbox: queue.SimpleQueue[Command] = queue.SimpleQueue()
    endings: queue.SimpleQueue[Event] = queue.SimpleQueue()
    results = Results(lambda event: endings.put(event) if isinstance(event, Finished | Failed) else None)
    thread = threading.Thread(target=Loop(pipeline, inbox, results, Heartbeat()).run, daemon=True)
    thread.start()
    sizes: list[int] = []

    for n in range(PICTURES):
        inbox.put(wish(n))
        ending = endings.get(timeout=30)
        assert isinstance(ending, Finished), ending
        if n + 1 in (WARM, PICTURES):
            sizes.append(resident())
    inbox.put(Stop())
    thread.join(10)
    results.close()

    assert sizes[1] <= 1.02 * sizes[0], f"from {sizes[0] >> 20} to {sizes[1] >> 20} MiB"
