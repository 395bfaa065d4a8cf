"""Parts of a picture that does not fit into one message, on disk until it is whole."""

from __future__ import annotations

import os
import random
import time
from pathlib import Path

import pytest

from bot.links.broker.parts import MOST_WHOLES, PartStore, TooMuch
from protocol import broker as cluster
from protocol import frames as wire
from tests.support.clocks import ManualClock

FRAME = random.Random(2).randbytes(1000)
PIECES = cluster.cut(FRAME, 300)
DAY = 24 * 3600.0  # seconds


def files_in(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


async def test_parts_come_in_any_order_and_more_than_once(tmp_path: Path) -> None:
    parts = PartStore(tmp_path)

    wholes = [await parts.put("seat", "job 0", *PIECES[number]) for number in (3, 1, 1, 0, 2, 2)]

    assert wholes == [None] * 4 + [FRAME] * 2


async def test_parts_outlive_the_bot_and_go_when_their_whole_is_stored(tmp_path: Path) -> None:
    for piece in PIECES[:3]:
        await PartStore(tmp_path).put("seat", "job 0", *piece)
        await PartStore(tmp_path).put("seat", "job 1", *piece)

    parts = PartStore(tmp_path)
    whole = await parts.put("seat", "job 0", *PIECES[3])
    await parts.drop("seat", "job 0", PIECES[3][0])
    await parts.drop("seat", "job 7", PIECES[3][0])  # was never there

    assert whole == FRAME
    assert len(files_in(tmp_path)) == 3


async def test_neither_seats_nor_pictures_share_parts(tmp_path: Path) -> None:
    parts, others = PartStore(tmp_path), cluster.cut(FRAME[::-1], 300)

    await parts.put("seat", "job 0", *PIECES[0])
    await parts.put("another", "job 0", *PIECES[1])
    await parts.put("seat", "job 1", *PIECES[2])
    await parts.put("seat", "job 0", *others[3])

    assert await parts.put("seat", "job 0", *PIECES[3]) is None
    assert len(files_in(tmp_path)) == 5


async def test_whatever_strangers_call_it_a_part_lies_in_its_folder(tmp_path: Path) -> None:
    root = tmp_path / "parts"
    for seat, ending in (("../outside", "/job 0"), ("..", "../../job 0"), (300 * "x", 300 * "y")):
        await PartStore(root).put(seat, ending, *PIECES[0])

    assert len(files_in(root)) == len(files_in(tmp_path)) == 3


def all_older_by_a_minute(folder: Path) -> None:
    for path in folder.glob("*/*"):
        before = path.stat().st_mtime - 60
        os.utime(path, (before, before))


async def test_of_one_seat_only_the_newest_are_kept(tmp_path: Path) -> None:
    parts = PartStore(tmp_path)
    for number in range(MOST_WHOLES + 2):
        all_older_by_a_minute(tmp_path)
        await parts.put("seat", f"job {number}", *PIECES[0])
    await parts.put("another", "job", *PIECES[0])
    left = len(files_in(tmp_path))

    kept = [await parts.put("seat", "job 2", *piece) for piece in PIECES[1:]]
    gone = [await parts.put("seat", "job 1", *piece) for piece in PIECES[1:]]

    assert left == MOST_WHOLES + 1
    assert (kept[-1], gone[-1]) == (FRAME, None)


async def test_no_more_is_kept_than_a_frame_may_have(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fits, too_much = PartStore(tmp_path / "fits"), PartStore(tmp_path / "too much")

    monkeypatch.setattr(wire, "MAX_FRAME", len(FRAME))
    wholes = [await fits.put("seat", "job", *PIECES[number]) for number in (0, 1, 2, 2, 3)]
    monkeypatch.setattr(wire, "MAX_FRAME", len(FRAME) - 1)
    for piece in PIECES[:3]:
        await too_much.put("seat", "job", *piece)
    with pytest.raises(TooMuch):
        await too_much.put("seat", "job", *PIECES[3])

    assert wholes[-1] == FRAME
    assert len(files_in(tmp_path / "too much")) == 3


async def test_parts_that_never_become_whole_go_by_their_age_and_not_for_a_bot_that_was_away(tmp_path: Path) -> None:
    clock = ManualClock(float(round(time.time())))  # whole seconds are counted exactly
    parts = PartStore(tmp_path, wall=clock)
    for seat in ("one", "another"):
        await parts.put(seat, "abandoned", *PIECES[0])
    clock.advance(DAY - 60)

    await parts.tidy()
    kept = len(files_in(tmp_path))
    clock.advance(120)
    fresh = PartStore(tmp_path, wall=clock)  # a new bot: its engines may have had nobody to send the rest to
    await fresh.tidy()
    clock.advance(DAY)
    await fresh.tidy()
    kept_by_new = len(files_in(tmp_path))
    clock.advance(1)
    await fresh.tidy()

    assert (kept, kept_by_new) == (2, 2)
    assert list(tmp_path.iterdir()) == []  # noqa: ASYNC240


@pytest.mark.parametrize("token", ["", "ab", "ab-0", "ab-1-1", "ab--1-1", "ab-0-0", "ab-00-2", "ab-x-2", "a-b-0-2"])
def test_what_is_no_piece_is_refused(token: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        cluster.read_piece(token)
