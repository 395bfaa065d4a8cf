"""What leaves the ledger, by its age or at its person's request, and which pictures it still speaks of then.

What a person asked for in the last day stays as an empty row until the day is over, or forgetting would refill their
allowance.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from bot.jobs.limits import DAY
from bot.storage.database import Database
from bot.storage.left_behind import leave_behind, take_along, those_of
from bot.storage.transitions import LIVE

# The SHA-256 of each picture that a request starts from, as a table beside its row; NULL where it names none.
NAMED = "json_each(json_extract(spec, '$.source', '$.mask', '$.control.picture')) AS named"
EMPTY = (
    "json_set(spec, '$.prompt', '', '$.negative', '', '$.enhanced', '',"
    " '$.source', NULL, '$.mask', NULL, '$.control', NULL)"
)
EMPTIED = "json_extract(spec, '$.prompt') = ''"  # no request that was accepted is without words


@dataclass(frozen=True, kw_only=True, slots=True)
class Use:
    """The newest job that painted or started from a blob (Unix seconds), and whether any has yet to say its end."""

    last: float
    owed: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredData:
    """What there is of a person: their requests, and the messages that still show them."""

    requests: int
    messages: int


class Privacy:
    """Behind retention and /forget me; it reaches into the rows of all parts."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def blob_uses(self) -> dict[str, Use]:
        """By the blob's SHA-256. What is not in it belongs to no job."""

        def work(db: sqlite3.Connection) -> dict[str, Use]:
            rows = db.execute(
                "SELECT blob, max(created) AS last, min(told) = 0 AS owed FROM ("  # noqa: S608 (our own names)
                " SELECT blob, job.created, told FROM image JOIN job ON job.id = image.job WHERE blob IS NOT NULL"
                f" UNION ALL SELECT named.value, created, told FROM job, {NAMED} WHERE named.value IS NOT NULL"
                ") GROUP BY blob"
            ).fetchall()
            return {row["blob"]: Use(last=row["last"], owed=bool(row["owed"])) for row in rows}

        return await self._database.read(work)

    async def drop_jobs(self, older_than: float) -> int:
        """Forget jobs accepted before this moment (Unix seconds) that have said their end; returns how many.

        One from which a younger job came stays as long as that.
        """

        def work(db: sqlite3.Connection) -> int:
            dropped = 0
            old = "told = 1 AND created < ? AND NOT EXISTS (SELECT 1 FROM job AS child WHERE child.parent_job = job.id)"
            while True:
                leave_behind(db, old, (older_than,))
                gone = db.execute(f"DELETE FROM job WHERE {old}", (older_than,)).rowcount  # noqa: S608 (our own names)
                dropped += gone
                if not gone:
                    return dropped

        return await self._database.write(work)

    async def stored(self, principal: str) -> StoredData:
        """What /forget me would find."""

        def work(db: sqlite3.Connection) -> StoredData:
            shown = db.execute(
                "SELECT count(*) FROM message_ref WHERE gone = 0 AND message <> 0"
                " AND job IN (SELECT id FROM job WHERE principal = ?)",
                (principal,),
            ).fetchone()[0]
            return StoredData(requests=_requests(db, principal), messages=shown + len(those_of(db, principal)))

        return await self._database.read(work)

    async def forget(self, principal: str, *, now: float, messages: bool) -> tuple[int, set[str]] | None:
        """How many requests this person had, and the SHA-256 of every picture in them. `now` is Unix seconds.

        Their posted messages are to be deleted too where `messages` says so; else each can still be deleted by them.
        None: something of theirs has not ended, and nothing was changed. One transaction sees that and forgets, so a
        request that is accepted at the same time is either given up before or comes after.
        """

        def work(db: sqlite3.Connection) -> tuple[int, set[str]] | None:
            mine = "(SELECT id FROM job WHERE principal = ?)"
            who = (principal,)
            if db.execute(f"SELECT 1 FROM job WHERE principal = ? AND state IN {LIVE}", who).fetchone():  # noqa: S608
                return None
            count = _requests(db, principal)
            leave_behind(db, "principal = ?", who)
            if messages:
                take_along(db, principal, at=now)
            blobs = db.execute(
                f"SELECT blob FROM image WHERE blob IS NOT NULL AND job IN {mine}"  # noqa: S608
                f" UNION SELECT named.value FROM job, {NAMED} WHERE principal = ?",
                who * 2,
            ).fetchall()
            for change in (
                f"UPDATE job SET parent_job = NULL, parent_k = NULL WHERE parent_job IN {mine}",  # noqa: S608
                *(
                    f"DELETE FROM {table} WHERE job IN {mine}"  # noqa: S608
                    for table in ("message_ref", "interaction_token", "job_event")
                ),
                f"DELETE FROM image WHERE state = 'painted' AND job IN {mine}",  # noqa: S608
                "DELETE FROM setting WHERE scope = 'user' AND scope_id = ?",
                "DELETE FROM setting_event WHERE scope = 'user' AND scope_id = ?",
                "DELETE FROM usr WHERE principal = ?",
                "DELETE FROM pending WHERE principal = ?",
                f"UPDATE job SET told = 1, guild = NULL, channel = NULL, spec = {EMPTY} WHERE principal = ?",  # noqa: S608
            ):
                db.execute(change, who)
            db.execute("DELETE FROM job WHERE principal = ? AND created <= ?", (principal, now - DAY))
            return count, {row[0] for row in blobs if row[0] is not None}

        return await self._database.write(work)

    async def drop_emptied(self, now: float) -> int:
        """Delete the empty rows of people who were forgotten more than a day ago."""

        def work(db: sqlite3.Connection) -> int:
            day_over = f"{EMPTIED} AND created <= ?"
            leave_behind(db, day_over, (now - DAY,))  # one that was noted only after its person was forgotten
            return db.execute(f"DELETE FROM job WHERE {day_over}", (now - DAY,)).rowcount  # noqa: S608

        return await self._database.write(work)


def _requests(db: sqlite3.Connection, principal: str) -> int:
    sql = f"SELECT count(*) FROM job WHERE principal = ? AND NOT {EMPTIED}"  # noqa: S608 (our own names)
    return db.execute(sql, (principal,)).fetchone()[0]
