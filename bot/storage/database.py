"""One SQLite file, opened and used by one thread: transactions, migrations, backups. Knows nothing of jobs."""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import sqlite3
from collections import deque
from collections.abc import AsyncGenerator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, closing, suppress
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any, Self, TypeVar

Result = TypeVar("Result")

STORAGE_ERRORS = (OSError, sqlite3.Error)  # of the ledger and of the pictures beside it
LONGEST_RETRY = 60.0  # seconds until a full disk is worth another try
# That a write waits for a lock of another program: what comes meanwhile waits as long again, and Discord 3 s for both.
PATIENCE = 1.0  # seconds
MOST_TOGETHER = 64  # pieces of work in one transaction: the first waits for the last


_log = logging.getLogger(__name__)


class LedgerUnusable(Exception):
    """The file cannot be used by this program; the message is one sentence for its owner."""


class LedgerReplaced(OSError):
    """What would be written now, nobody would find again."""


class LedgerBusy(sqlite3.OperationalError):
    """Another program holds the file; nothing was changed, and a later try may do."""


class LedgerFull(sqlite3.OperationalError):
    """The disk, or the file's own limit, has no room for this transaction, which changed nothing."""


def retry_pauses(first: float) -> Iterator[float]:
    """Seconds between the tries of what ends in STORAGE_ERRORS, each twice the one before; for ever."""
    pause = first
    while True:
        yield pause
        pause = min(2 * pause, LONGEST_RETRY)


@dataclass(eq=False, kw_only=True, slots=True)
class _Piece:
    """Work that somebody waits for."""

    work: Callable[[sqlite3.Connection], Any]
    writes: bool
    answer: asyncio.Future[Any]
    result: Any = None
    error: BaseException | None = None
    told: bool = False


class Database:
    """A connection and the only thread that touches it. What waits to be written together is committed together."""

    def __init__(self, connection: sqlite3.Connection, thread: ThreadPoolExecutor, path: Path) -> None:
        self._connection = connection
        self._path = path
        self._file = _identity(path)
        self._thread = thread
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[_Piece] = deque()
        self._called = False  # the thread has yet to look at what waits

    @classmethod
    @asynccontextmanager
    async def open(cls, path: Path) -> AsyncGenerator[Self, None]:
        """The file at `path`, created or migrated to the present schema. Raises LedgerUnusable."""
        thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="ledger")
        loop = asyncio.get_running_loop()
        try:
            connection = await loop.run_in_executor(thread, _connect, path)
            database = cls(connection, thread, path)
            try:
                yield database
            finally:
                await loop.run_in_executor(thread, lambda: database._connection.close())
        finally:
            thread.shutdown(wait=True)

    async def write(self, work: Callable[[sqlite3.Connection], Result]) -> Result:
        """Run `work` as one transaction: all of it is on disk when this returns, or none of it.

        It changes nothing but the database: it is run again where what it was written with could not be stored.
        """
        return await self._hand_over(work, writes=True)

    async def read(self, work: Callable[[sqlite3.Connection], Result]) -> Result:
        """Run `work`, which changes nothing."""
        return await self._hand_over(work, writes=False)

    def _hand_over(self, work: Callable[[sqlite3.Connection], Result], *, writes: bool) -> asyncio.Future[Result]:
        answer: asyncio.Future[Result] = self._loop.create_future()
        self._waiting.append(_Piece(work=work, writes=writes, answer=answer))
        if not self._called:
            self._called = True
            self._thread.submit(self._work_off)
        return answer

    def _work_off(self) -> None:
        """In the thread: all that waits. What is read is as it was before what waits to be written."""
        self._called = False  # before the look, so that whatever comes after it calls again
        while self._waiting:
            pieces = [self._waiting.popleft() for _ in range(min(len(self._waiting), MOST_TOGETHER))]
            reading = [piece for piece in pieces if not piece.writes]
            for piece in reading:
                self._run(piece)
            self._tell(reading)
            if writing := [piece for piece in pieces if piece.writes]:
                self._write(writing)

    def _write(self, pieces: list[_Piece]) -> None:
        """All at once; where that cannot be stored each by itself, so that one that is too large harms no other."""
        try:
            self._look_after_file()
            self._transact(pieces)
        except (sqlite3.Error, OSError, LedgerUnusable) as error:
            if len(pieces) == 1 or _is(error, sqlite3.SQLITE_BUSY) or not isinstance(error, sqlite3.Error):
                # of a lock, and of a file that is not ours, nobody waits once more
                for piece in pieces:
                    piece.error = error
            else:
                for piece in pieces:
                    if not piece.told:
                        self._write([piece])
        self._tell(pieces)

    def _look_after_file(self) -> None:
        """Where somebody deleted it, what is still open of it is written to its place. Raises LedgerReplaced."""
        present = _identity(self._path)
        if present == self._file:
            return
        if present is not None:
            raise LedgerReplaced(f"another file has taken the place of the ledger {self._path}; restart the bot")
        for leftover in ("-wal", "-shm"):
            self._path.with_name(self._path.name + leftover).unlink(missing_ok=True)
        _copy(self._connection, self._path)
        deleted, self._connection = self._connection, _connect(self._path)
        deleted.close()
        self._file = _identity(self._path)
        _log.error(
            "the ledger %s was deleted while the bot ran; it was written anew, with everything in it", self._path
        )

    def _transact(self, pieces: list[_Piece]) -> None:
        """One transaction. A piece that fails is undone alone and told at once, for nothing of it goes to the disk.

        Raises sqlite3.Error where nothing of all this was stored.
        """
        db = self._connection
        db.execute("BEGIN IMMEDIATE")
        try:
            for piece in pieces:
                db.execute("SAVEPOINT piece")
                self._run(piece)
                # After SQLITE_FULL SQLite may have rolled back everything; a second ROLLBACK would hide that error.
                if piece.error is not None and not db.in_transaction:
                    raise piece.error
                if piece.error is not None:
                    db.execute("ROLLBACK TO piece")
                    self._tell([piece])
                db.execute("RELEASE piece")
            db.execute("COMMIT")
        except BaseException:
            if db.in_transaction:
                db.execute("ROLLBACK")
            raise

    def _run(self, piece: _Piece) -> None:
        piece.error = None
        try:
            piece.result = piece.work(self._connection)
        except BaseException as error:  # noqa: BLE001  raised again where somebody waits for it
            piece.error = error

    def _tell(self, pieces: list[_Piece]) -> None:
        """Answer those who wait for these, once."""
        news = [piece for piece in pieces if not piece.told]
        for piece in news:
            piece.told = True
        if news:
            self._loop.call_soon_threadsafe(_answer, news)


def _identity(path: Path) -> tuple[int, int] | None:
    """Which file lies there, or None where none does."""
    try:
        facts = path.stat()
    except FileNotFoundError:
        return None
    return facts.st_dev, facts.st_ino


def _answer(pieces: list[_Piece]) -> None:
    """In the loop."""
    for piece in pieces:
        if piece.answer.done():  # whoever waited was cancelled
            continue
        if piece.error is None:
            piece.answer.set_result(piece.result)
        else:
            piece.answer.set_exception(_named(piece.error))


def _named(error: BaseException) -> BaseException:
    for code, kind in ((sqlite3.SQLITE_FULL, LedgerFull), (sqlite3.SQLITE_BUSY, LedgerBusy)):
        if _is(error, code):
            named = kind(str(error))
            named.__cause__ = error
            return named
    return error


def _is(error: BaseException, code: int) -> bool:
    """Whether SQLite said this, in whichever of its shades (the higher bits)."""
    said = getattr(error, "sqlite_errorcode", None)
    return said is not None and said & 0xFF == code


def back_up(path: Path, to: Path) -> None:
    """A consistent copy of the file at `path`, also while a bot writes to it. Raises LedgerUnusable.

    It is there when it is whole: what a death or a full disk leaves has another name, which the next backup takes anew.
    """
    if not path.is_file():
        raise LedgerUnusable(f"There is no ledger {path}.")
    if to.exists():
        raise LedgerUnusable(f"The backup {to} cannot be written: {os.strerror(errno.EEXIST)}.")
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as db:
            _copy(db, to)
    except OSError as error:
        raise LedgerUnusable(f"The backup {to} cannot be written: {error.strerror or error}.") from error
    except sqlite3.Error as error:
        raise LedgerUnusable(f"The ledger {path} cannot be saved to {to}: {error}.") from error


def _copy(db: sqlite3.Connection, to: Path) -> None:
    unfinished = to.with_name(f"{to.name}.unfinished")
    journal = to.with_name(f"{unfinished.name}-journal")
    try:
        for leftover in (unfinished, journal):
            leftover.unlink(missing_ok=True)
        os.close(os.open(unfinished, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))  # it holds interaction tokens
        db.execute("VACUUM INTO ?", (str(unfinished),))
        with unfinished.open("rb+") as file:
            os.fsync(file.fileno())
        unfinished.replace(to)
    except (OSError, sqlite3.Error):
        for leftover in (unfinished, journal):
            with suppress(OSError):
                leftover.unlink(missing_ok=True)
        raise


def migrations() -> list[tuple[int, str]]:
    """(number, SQL) of every step of the schema, in order."""
    folder = resources.files("bot.storage.migrations")
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
        db.execute(f"PRAGMA busy_timeout = {PATIENCE * 1000:.0f}")
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
        try:
            _copy(db, path.with_name(f"{path.stem}.schema{version}.backup.db"))
        except OSError as error:
            raise LedgerUnusable(f"What was in {path} before cannot be saved: {error.strerror or error}.") from error
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
