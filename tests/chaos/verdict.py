"""What a run came to: every job of the ledger held against what stands in the channel and what engines wrote down."""

from __future__ import annotations

import json
import sqlite3
import statistics
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence, Set
from contextlib import closing
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from playground import Exchange
from playground.rules.messages import LOADING
from tests.chaos.crowd import HEAVY, jobs_with


@dataclass(kw_only=True)
class Witness:
    """Looks on at every REST exchange: which messages ever showed a job's pictures, which jobs were answered."""

    shown: dict[str, set[str]] = field(default_factory=lambda: defaultdict[str, set[str]](set))
    answered: set[str] = field(default_factory=set[str])

    def __call__(self, exchange: Exchange) -> None:
        body = exchange.response_json
        if exchange.injected or exchange.status >= 300 or exchange.method == "GET" or not isinstance(body, dict):
            return
        message: Any = body.get("resource", {}).get("message", body)
        self.answered |= jobs_with(message, "cancel")
        for file in message.get("attachments", []):
            job, dash, _ = file["filename"].partition("-")
            if dash:
                self.shown[job].add(message["id"])


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """`needless`: re-runs that began while the engine of the first run lived. Times in seconds, medians.

    `recovery` is from the death of an engine to the start of a job that it painted, elsewhere.
    """

    kills: Mapping[str, int]
    ended: Mapping[str, int]
    failed: Mapping[str, int]  # by code
    lost: Sequence[str]
    duplicates: Sequence[str]
    reruns: int
    needless: Sequence[str]
    deleted: int
    ambiguous: int
    recovery: float
    light_wait: float
    heavy_wait: float
    seconds: float

    @property
    def jobs(self) -> int:
        return sum(self.ended.values())


def owed(ledger: Path) -> int:
    """Jobs that have not said how they ended."""
    return _rows(ledger, "SELECT count(*) FROM job WHERE told = 0")[0][0]


def thinking(messages: Sequence[Mapping[str, Any]]) -> list[str]:
    """Messages that say that the bot is thinking: the first answer to a request whose picture it fetches."""
    return [message["id"] for message in messages if message["flags"] & LOADING]


def accepted(ledger: Path) -> int:
    return _rows(ledger, "SELECT count(*) FROM job")[0][0] if ledger.exists() else 0


def judge(
    *,
    ledger: Path,
    journal: Path,
    witness: Witness,
    messages: Sequence[Mapping[str, Any]],
    kills: Mapping[str, int],
    deaths: Mapping[str, float],
    deleted: Set[str],
    ambiguous: int,
    seconds: float,
) -> Verdict:
    """`deaths` maps an engine's name to the Unix second of its end; `messages` is what stands in the channel.

    `deleted` are the jobs whose waiting message was taken away: nothing may have come in its place, and the picture is
    kept for its author.
    """
    jobs = _rows(ledger, "SELECT id, state, told, principal, posted - created, error FROM job ORDER BY seq")
    bound = dict(_rows(ledger, "SELECT job, message FROM message_ref"))
    painted = dict(_rows(ledger, "SELECT job, count(*) FROM image WHERE state = 'painted' GROUP BY job"))
    standing = {message["id"]: message for message in messages}
    lost = [f"{job}: answered, but not in the ledger" for job in witness.answered - {row[0] for row in jobs}]
    lost += [f"message {message}: thinking for ever" for message in thinking(messages)]
    told_jobs = {row[0] for row in jobs if row[2]}
    lost += [
        f"{job}: ended, but message {message['id']} still offers to cancel it"
        for message in messages
        for job in jobs_with(message, "cancel") & told_jobs
    ]
    duplicates, waits = list[str](), defaultdict[bool, list[float]](list)
    for job, state, told, principal, wait, _ in jobs:
        message = standing.get(str(bound.get(job)))
        says = told and message is not None
        if state == "posted":
            files = [file for file in (message or {}).get("attachments", []) if file["filename"].startswith(job)]
            says = says and len(files) == painted[job]
            waits[principal.endswith(HEAVY.id)].append(wait)
        if job in deleted:
            says = told and message is None and (state != "posted" or job in witness.shown)
        elif state == "undeliverable":
            says = False
        if not says:
            lost.append(f"{job}: {state}, told {told}, message {bound.get(job)}, deleted {job in deleted}")
        if len(witness.shown[job]) > 1:
            duplicates.append(f"{job}: messages {', '.join(sorted(witness.shown[job]))}")
    recoveries, needless = _reruns(journal, deaths)
    return Verdict(
        kills=kills,
        ended=Counter(row[1] for row in jobs),
        failed=Counter(row[5] for row in jobs if row[1] == "failed"),
        lost=lost,
        duplicates=duplicates,
        reruns=len(recoveries) + len(needless),
        needless=needless,
        deleted=len(deleted),
        ambiguous=ambiguous,
        recovery=statistics.median(recoveries or [0.0]),
        light_wait=statistics.median(waits[False] or [0.0]),
        heavy_wait=statistics.median(waits[True] or [0.0]),
        seconds=seconds,
    )


def _reruns(journal: Path, deaths: Mapping[str, float]) -> tuple[list[float], list[str]]:
    """Seconds from death to re-run for each that was needed, and a sentence for each that was not."""
    starts = defaultdict[str, list[tuple[float, str]]](list)
    for line in journal.read_text("utf-8").splitlines():
        start = json.loads(line)
        starts[start["job"]].append((start["at"], start["engine"]))
    recoveries, needless = list[float](), list[str]()
    for job, runs in starts.items():
        runs.sort()
        for (began, first), (again, second) in pairwise(runs):
            died = deaths.get(first, float("inf"))
            if died > again:
                needless.append(f"{job}: {first} at {began:.2f} lived when {second} began at {again:.2f}")
            else:
                recoveries.append(again - died)
    return recoveries, needless


def _rows(ledger: Path, sql: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(f"file:{ledger}?mode=ro", uri=True, timeout=10)) as db:
        return db.execute(sql).fetchall()
