"""One SQLite file, opened and used by one thread: transactions, migrations, backups. Knows nothing of jobs."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, closing
from importlib import resources
from pathlib import Path
from typing import Self, TypeVar

Result = TypeVar("Result")


class LedgerUnusable(Exception):
    """The file cannot be used by this program; the message is one sentence for its owner."""


class LedgerFull(sqlite3.OperationalError):
    """The disk, or the file's own limit, has no room for this transaction, which changed nothing."""


class Database:
    """A connection and the only thread that touches it."""

    def __init__(self, connection: sqlite3.Connection, thread: ThreadPoolExecutor) -> None:
        self._connection = connection
        self._thread = thread

    @classmethod
    @asynccontextmanager
    async def open(cls, path: Path) -> AsyncGenerator[Self, None]:
        """The file at `path`, created or migrated to the present schema. Raises LedgerUnusable."""
        thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="ledger")
        loop = asyncio.get_running_loop()
        try:
            connection = await loop.run_in_executor(thread, _connect, path)
            try:
                yield cls(connection, thread)
            finally:
                await loop.run_in_executor(thread, connection.close)
        finally:
            thread.shutdown(wait=True)

    async def write(self, work: Callable[[sqlite3.Connection], Result]) -> Result:
        """Run `work` as one transaction: all of it is on disk when this returns, or none of it."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._transact, work)

    async def read(self, work: Callable[[sqlite3.Connection], Result]) -> Result:
        """Run `work`, which changes nothing."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, work, self._connection)

    def _transact(self, work: Callable[[sqlite3.Connection], Result]) -> Result:
        db = self._connection
        db.execute("BEGIN IMMEDIATE")
        try:
            result = work(db)
            db.execute("COMMIT")
        except BaseException as error:
            # After SQLITE_FULL SQLite has rolled back by itself; a second ROLLBACK would hide that error.
            if db.in_transaction:
                db.execute("ROLLBACK")
            if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL:
                raise LedgerFull(str(error)) from error
            raise
        return result


def back_up(path: Path, to: Path) -> None:
    """A consistent copy of the file at `path`, also while a bot writes to it. Raises LedgerUnusable."""
    if not path.is_file():
        raise LedgerUnusable(f"There is no ledger {path}.")
    try:
        os.close(os.open(to, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))  # it holds interaction tokens
    except OSError as error:
        raise LedgerUnusable(f"The backup {to} cannot be written: {error.strerror or error}.") from error
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as db:
            db.execute("VACUUM INTO ?", (str(to),))
    except sqlite3.Error as error:
        to.unlink()
        raise LedgerUnusable(f"The ledger {path} cannot be saved to {to}: {error}.") from error


def migrations() -> list[tuple[int, str]]:
    """(number, SQL) of every step of the schema, in order."""
    folder = resources.files("bot.jobs.migrations")
    names = sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(".sql"))
    return [(int(name.split("_")[0]), (folder / name).read_text("utf-8")) for name in names]


def _connect(path: Path) -> sqlite3.Connection:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)  # it holds interaction tokens; its WAL takes the same mode
        db = sqlite3.connect(path, isolation_level=None)
    except (OSError, sqlite3.OperationalError) as error:
        raise LedgerUnusable(f"The ledger {path} cannot be opened: {error}.") from error
    try:
        db.row_factory = sqlite3.Row
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")
        db.execute("PRAGMA foreign_keys = ON")
        db.execute("PRAGMA busy_timeout = 5000")
        _migrate(db, path)
    except sqlite3.DatabaseError as error:
        db.close()
        raise LedgerUnusable(f"The ledger {path} cannot be used: {error}.") from error
    except BaseException:
        db.close()
        raise
    return db


def _migrate(db: sqlite3.Connection, path: Path) -> None:
    steps = migrations()
    version: int = db.execute("PRAGMA user_version").fetchone()[0]
    newest = steps[-1][0]
    if version > newest:
        raise LedgerUnusable(
            f"The ledger {path} was written by a newer version of this program (schema {version}, "
            f"this one knows {newest}); install that version or move the file away."
        )
    if 0 < version < newest:
        backup = path.with_name(f"{path.stem}.schema{version}.backup.db")
        backup.unlink(missing_ok=True)
        db.execute("VACUUM INTO ?", (str(backup),))
    for number, sql in steps:
        if number > version:
            _apply(db, number, sql)


def _apply(db: sqlite3.Connection, number: int, sql: str) -> None:
    try:
        db.executescript(f"BEGIN IMMEDIATE;\n{sql}\nPRAGMA user_version = {number};\nCOMMIT;")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise
