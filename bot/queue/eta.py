"""Place and expected time of live jobs: the fair queue's line over the engines there are. Pure."""

from __future__ import annotations

from collections.abc import Collection

from bot.jobs.events import Standing
from bot.queue.engine import Painter
from bot.queue.fair_queue import Lane, forecast, last_of
from bot.queue.waiting import Board

# A new place is always worth telling; a new time only beyond this, or people would watch it flicker.
ETA_STEP = 5.0  # seconds


def all_of(board: Board, painters: Collection[Painter], *, now: float, monotonic: float) -> dict[str, Standing]:
    """By job. `now` is Unix seconds."""
    found = dict.fromkeys(board.jobs, Standing(place=0, eta=None)) | _handed(painters, now, monotonic)
    turns = board.line.turns
    moments = forecast(board.line.costs, _lanes(painters))
    for index, (turn, seconds) in enumerate(zip(turns, moments, strict=True)):
        eta = None if seconds is None else now + seconds
        found[turn.ticket.job] = Standing(place=index + 1, eta=eta)
    for index, job in enumerate(board.held_back(), start=len(turns)):
        found[job.id] = Standing(place=index + 1, eta=None, held=True)
    return found


def one_of(
    board: Board, painters: Collection[Painter], job_id: str, *, now: float, monotonic: float
) -> Standing | None:
    """That of one job without the others', as each of a crowd is told it first: it costs little, however many wait."""
    if job_id not in board.jobs:
        return None
    line, place = board.line, board.line.place(job_id)
    if place is not None:
        seconds = last_of(line.costs[:place], _lanes(painters))
        return Standing(place=place, eta=None if seconds is None else now + seconds)
    for index, job in enumerate(board.held_back(), start=len(line.turns)):
        if job.id == job_id:
            return Standing(place=index + 1, eta=None, held=True)
    return _handed(painters, now, monotonic).get(job_id, Standing(place=0, eta=None))


def worth_telling(before: Standing | None, after: Standing) -> bool:
    """Whether a person would want to know."""
    if before is None or (before.place, before.held) != (after.place, after.held):
        return True
    if (before.eta is None) != (after.eta is None):
        return True
    return before.eta is not None and after.eta is not None and abs(before.eta - after.eta) >= ETA_STEP


def _handed(painters: Collection[Painter], now: float, monotonic: float) -> dict[str, Standing]:
    """Jobs that engines have."""
    found = dict[str, Standing]()
    for painter in painters:
        for job_id, seconds in painter.remaining(monotonic).items():
            eta = None if seconds is None or painter.link is None else now + seconds
            found[job_id] = Standing(place=0, eta=eta)
    return found


def _lanes(painters: Collection[Painter]) -> list[Lane]:
    return [lane for painter in painters if (lane := painter.lane()) is not None]
