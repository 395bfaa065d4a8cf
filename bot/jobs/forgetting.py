"""Takes a person out of the ledger: their words, their pictures, their requests.

What they asked for in the last day stays as an empty row until the day is over, or forgetting would refill allowances.
"""

from __future__ import annotations

import sqlite3

from bot.jobs.blob_uses import NAMED
from bot.jobs.database import Database
from bot.jobs.limits import DAY

EMPTY = (
    "json_set(spec, '$.prompt', '', '$.negative', '', '$.enhanced', '',"
    " '$.source', NULL, '$.mask', NULL, '$.control', NULL)"
)
EMPTIED = "json_extract(spec, '$.prompt') = ''"  # no wish that was accepted is without words


class Forgetting(Database):
    """The part of the ledger behind /forget me."""

    async def forget(self, principal: str, *, now: float) -> tuple[int, set[str]]:
        """How many requests this person had, and the SHA-256 of every picture in them. `now` is Unix seconds."""

        def work(db: sqlite3.Connection) -> tuple[int, set[str]]:
            mine = "(SELECT id FROM job WHERE principal = ?)"
            who = (principal,)
            count: int = db.execute(
                f"SELECT count(*) FROM job WHERE principal = ? AND NOT {EMPTIED}",  # noqa: S608 (our own names)
                who,
            ).fetchone()[0]
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
                f"UPDATE job SET told = 1, guild = NULL, channel = NULL, spec = {EMPTY} WHERE principal = ?",  # noqa: S608
            ):
                db.execute(change, who)
            db.execute("DELETE FROM job WHERE principal = ? AND created <= ?", (principal, now - DAY))
            return count, {row[0] for row in blobs if row[0] is not None}

        return await self.write(work)

    async def drop_emptied(self, now: float) -> int:
        """Delete the empty rows of people who were forgotten more than a day ago."""
        return await self.write(
            lambda db: (
                db.execute(
                    f"DELETE FROM job WHERE {EMPTIED} AND created <= ?",  # noqa: S608
                    (now - DAY,),
                ).rowcount
            )
        )
