"""Rows of the ledger as values, and values as rows."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NotRequired, TypedDict

import msgspec

from bot.jobs.errors import Argument, UnreadableJob
from bot.jobs.interaction_token import InteractionToken
from bot.jobs.job import Failure, Job, Picture, Requester
from bot.jobs.states import JobState
from protocol.request import ImageRequest

# Raised when ImageRequest changes its meaning; older rows are then read by their number, newer ones not at all.
SPEC_VERSION = 1

log = logging.getLogger(__name__)

MODERATOR, ADMIN, OWNER = 1, 2, 4  # bits of job.permissions


class Origin(TypedDict):
    """What makes a job, once: the id of an interaction, with the token that edits its answer, or another name."""

    origin: str
    token: NotRequired[InteractionToken]


@dataclass(frozen=True, kw_only=True, slots=True)
class Draft:
    """A job before it is accepted."""

    id: str
    origin: str
    request: ImageRequest
    model_id: str
    requester: Requester
    parent: tuple[str, int | None] | None
    cost: float  # megapixel-forwards
    created: float  # Unix seconds
    priority: int = 0
    token: InteractionToken | None = None


def insert_job(db: sqlite3.Connection, draft: Draft) -> None:
    """A row for the job, one for each picture that it wants, and one for the token that edits its message."""
    who, request = draft.requester, draft.request
    parent_job, parent_k = draft.parent or (None, None)
    values: dict[str, str | int | float | None] = {
        "id": draft.id,
        "origin": draft.origin,
        "spec": msgspec.json.encode(request).decode(),
        "spec_version": SPEC_VERSION,
        "model_id": draft.model_id,
        "kind": request.kind.value,
        "parent_job": parent_job,
        "parent_k": parent_k,
        "principal": who.principal,
        "guild": who.guild,
        "channel": who.channel,
        "context": "guild" if who.guild is not None else "private",
        "permissions": MODERATOR * who.moderator | ADMIN * who.admin | OWNER * who.owner,
        "locale": who.locale,
        "priority": draft.priority,
        "cost": draft.cost,
        "count": request.count,
        "state": JobState.QUEUED.value,
        "created": draft.created,
    }
    marks = ", ".join(f":{name}" for name in values)
    db.execute(f"INSERT INTO job ({', '.join(values)}) VALUES ({marks})", values)  # noqa: S608 (our own names)
    db.executemany(
        "INSERT INTO image (job, k, seed, width, height) VALUES (?, ?, ?, ?, ?)",
        [(draft.id, k, request.seed_of(k), request.width, request.height) for k in range(request.count)],
    )
    if draft.token is not None:
        db.execute(
            "INSERT INTO interaction_token (job, token, application, at) VALUES (?, ?, ?, ?)",
            (draft.id, draft.token.token, draft.token.application, draft.token.at),
        )


def read_job(db: sqlite3.Connection, row: sqlite3.Row) -> Job:
    """The job of this row, with the pictures that it has so far. Raises UnreadableJob."""
    try:
        return _job(db, row)
    except (ValueError, TypeError, msgspec.MsgspecError) as error:  # of another version, or damaged
        raise UnreadableJob from error


def _job(db: sqlite3.Connection, row: sqlite3.Row) -> Job:
    images = db.execute("SELECT * FROM image WHERE job = ? AND state = 'painted' ORDER BY k", (row["id"],))
    return Job(
        id=row["id"],
        origin=row["origin"],
        request=_request(row),
        model_id=row["model_id"],
        requester=_requester(row),
        parent=None if row["parent_job"] is None else (row["parent_job"], row["parent_k"]),
        priority=row["priority"],
        cost=row["cost"],
        state=JobState(row["state"]),
        attempt=row["attempt"],
        failure=_failure(row),
        pictures=tuple(_picture(image) for image in images),
        created=row["created"],
        started=row["started"],
        ended=row["ended"],
    )


def read_token(row: sqlite3.Row) -> InteractionToken:
    """The token of a row that has one."""
    return InteractionToken(token=row["token"], application=row["application"], at=row["at"])


def readable_jobs(db: sqlite3.Connection, rows: Iterable[sqlite3.Row]) -> Iterator[tuple[sqlite3.Row, Job]]:
    """These rows with their jobs; one that cannot be read is left where it lies, with a line in the log."""
    for row in rows:
        try:
            yield row, read_job(db, row)
        except UnreadableJob as error:
            log.warning(
                "Job %s is passed over: its row cannot be read by this version (%s).", row["id"], error.__cause__
            )


def encode_arguments(arguments: dict[str, Argument]) -> str:
    """Arguments of an error for their column."""
    return msgspec.json.encode(arguments).decode()


def _request(row: sqlite3.Row) -> ImageRequest:
    if row["spec_version"] > SPEC_VERSION:
        raise ValueError(f"its request has form {row['spec_version']}, the newest known is {SPEC_VERSION}")
    return msgspec.json.decode(row["spec"], type=ImageRequest)


def _requester(row: sqlite3.Row) -> Requester:
    permissions: int = row["permissions"]
    return Requester(
        principal=row["principal"],
        guild=row["guild"],
        channel=row["channel"],
        locale=row["locale"],
        moderator=bool(permissions & MODERATOR),
        admin=bool(permissions & ADMIN),
        owner=bool(permissions & OWNER),
    )


def _failure(row: sqlite3.Row) -> Failure | None:
    if row["error"] is None:
        return None
    arguments = msgspec.json.decode(row["error_arguments"] or "{}", type=dict[str, str | int | float])
    return Failure(code=row["error"], arguments=arguments)


def _picture(row: sqlite3.Row) -> Picture:
    return Picture(
        k=row["k"],
        seed=row["seed"],
        width=row["width"],
        height=row["height"],
        blob=row["blob"],
        size=row["bytes"],
        seconds=row["seconds"],
    )
