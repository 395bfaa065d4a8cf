"""Place and expected time of every live job: a replay of the fair queue over the engines there are. Pure."""

from __future__ import annotations

from collections.abc import Collection

from bot.jobs.board import Board, Closed
from bot.jobs.fair_queue import forecast
from bot.jobs.news import Standing
from bot.jobs.painter import Painter

# A new place is always worth telling; a new time only beyond this, or people would watch it flicker.
ETA_STEP = 5.0  # seconds


def standings(
    board: Board, painters: Collection[Painter], *, now: float, monotonic: float, closed: Closed
) -> dict[str, Standing]:
    """By job. `now` is Unix seconds; `closed` holds jobs back that have no time for now."""
    found: dict[str, Standing] = {}
    for painter in painters:
        for job_id, seconds in painter.remaining(monotonic).items():
            eta = None if seconds is None or painter.link is None else now + seconds
            found[job_id] = Standing(place=0, eta=eta)
    lanes = [lane for painter in painters if (lane := painter.lane()) is not None]
    order = board.order(closed)
    moments = forecast([turn.ticket.cost for turn in order], lanes)
    for index, (turn, seconds) in enumerate(zip(order, moments, strict=True)):
        eta = None if seconds is None else now + seconds
        found[turn.ticket.job] = Standing(place=index + 1, eta=eta)
    for index, job in enumerate(board.held_back(closed), start=len(order)):
        found[job.id] = Standing(place=index + 1, eta=None, held=True)
    for job_id in board.jobs.keys() - found.keys():
        found[job_id] = Standing(place=0, eta=None)
    return found


def worth_telling(before: Standing | None, after: Standing) -> bool:
    """Whether a person would want to know."""
    if before is None or (before.place, before.held) != (after.place, after.held):
        return True
    if (before.eta is None) != (after.eta is None):
        return True
    return before.eta is not None and after.eta is not None and abs(before.eta - after.eta) >= ETA_STEP
