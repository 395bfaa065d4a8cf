"""Which pictures the ledger still speaks of, and which of its rows are old enough to go."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from bot.jobs.database import Database

# The SHA-256 of each picture that a request starts from, as a table beside its row; NULL where it names none.
NAMED = "json_each(json_extract(spec, '$.source', '$.mask', '$.control.picture')) AS named"


@dataclass(frozen=True, kw_only=True, slots=True)
class Use:
    """The newest job that painted or started from a blob (Unix seconds), and whether any has yet to say its end."""

    last: float
    owed: bool


class BlobUses(Database):
    """The part of the ledger that retention uses."""

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

        return await self.read(work)

    async def drop_jobs(self, older_than: float) -> int:
        """Forget jobs accepted before this moment (Unix seconds) that have said their end; returns how many.

        One from which a younger job came stays as long as that.
        """

        def work(db: sqlite3.Connection) -> int:
            dropped = 0
            while True:
                gone = db.execute(
                    "DELETE FROM job WHERE told = 1 AND created < ?"
                    " AND NOT EXISTS (SELECT 1 FROM job AS child WHERE child.parent_job = job.id)",
                    (older_than,),
                ).rowcount
                dropped += gone
                if not gone:
                    return dropped

        return await self.write(work)
