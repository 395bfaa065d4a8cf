"""What survives a restart: token, commands, messages, interactions (SQLite), and files.

Statements are single rows in WAL mode and take well under a millisecond, so they run on the event loop.
"""

import json
import secrets
import shutil
import sqlite3
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from playground.wire.jsons import Json

SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS command (scope TEXT PRIMARY KEY, body TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS message (
    id INTEGER PRIMARY KEY, channel TEXT NOT NULL, ephemeral_for TEXT, nonce TEXT, body TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS message_channel ON message (channel, id);
CREATE TABLE IF NOT EXISTS interaction (id INTEGER PRIMARY KEY, token TEXT UNIQUE NOT NULL, body TEXT NOT NULL);
"""
_PAGE = """SELECT body, ephemeral_for FROM message WHERE channel = ? AND id < ? AND id > ?
    AND (ephemeral_for IS NULL OR ephemeral_for = ?) ORDER BY id"""
NEWEST_FIRST, OLDEST_FIRST = _PAGE + " DESC LIMIT ?", _PAGE + " ASC LIMIT ?"


class Store:
    """One connection to DIR/playground.db; files lie under DIR/attachments."""

    def __init__(self, connection: sqlite3.Connection, data: Path) -> None:
        self._sql = connection
        self.attachments = data / "attachments"

    def token(self) -> str:
        """The bot's token, made on first use."""
        found = self._sql.execute("SELECT value FROM meta WHERE key = 'token'").fetchone()
        if found:
            return str(found[0])
        token = f"playground.{secrets.token_urlsafe(24)}"
        with self._sql:
            self._sql.execute("INSERT INTO meta VALUES ('token', ?)", (token,))
        return token

    def commands(self, scope: str) -> list[Json]:
        """Commands of a scope: "" is global, else a guild's id."""
        found = self._sql.execute("SELECT body FROM command WHERE scope = ?", (scope,)).fetchone()
        return json.loads(found[0]) if found else []

    def set_commands(self, scope: str, commands: list[Json]) -> None:
        with self._sql:
            self._sql.execute("INSERT OR REPLACE INTO command VALUES (?, ?)", (scope, json.dumps(commands)))

    def put_message(self, message: Json, *, ephemeral_for: str | None) -> None:
        nonce = message.get("nonce")
        row = (int(message["id"]), message["channel_id"], ephemeral_for, nonce, json.dumps(message))
        with self._sql:
            self._sql.execute("INSERT OR REPLACE INTO message VALUES (?, ?, ?, ?, ?)", row)

    def message(self, message_id: str) -> tuple[Json, str | None] | None:
        """A message and the id of the only person who may see it, if there is one."""
        if not message_id.isdecimal() or len(message_id) > 19:
            return None
        found = self._sql.execute("SELECT body, ephemeral_for FROM message WHERE id = ?", (int(message_id),)).fetchone()
        return (json.loads(found[0]), found[1]) if found else None

    def message_by_nonce(self, channel: str, nonce: str, *, since: int) -> Json | None:
        """The newest message of this nonce whose id is `since` or later."""
        found = self._sql.execute(
            "SELECT body FROM message WHERE channel = ? AND nonce = ? AND id >= ? ORDER BY id DESC",
            (channel, nonce, since),
        ).fetchone()
        return json.loads(found[0]) if found else None

    def delete_message(self, message_id: str) -> None:
        with self._sql:
            self._sql.execute("DELETE FROM message WHERE id = ?", (int(message_id),))

    def messages(
        self,
        channel: str,
        *,
        viewer: str | None,
        before: int | None = None,
        after: int | None = None,
        limit: int = 50,
    ) -> list[tuple[Json, str | None]]:
        """Newest first (oldest first with `after`): public ones and those only `viewer` may see."""
        wanted = (channel, before or (1 << 63) - 1, after or -1, viewer, limit)
        rows = self._sql.execute(OLDEST_FIRST if after is not None else NEWEST_FIRST, wanted).fetchall()
        return [(json.loads(body), ephemeral_for) for body, ephemeral_for in rows]

    def forget_unused_files(self, before: int) -> None:
        """Deletes files made before a snowflake that no message shows: replaced previews, what commands were given."""
        shown: set[str] = set()
        for (body,) in self._sql.execute("SELECT body FROM message"):
            shown |= {attachment["id"] for attachment in json.loads(body)["attachments"]}
        for folder in self.attachments.glob("*/*"):
            if folder.name.isdecimal() and int(folder.name) < before and folder.name not in shown:
                shutil.rmtree(folder)

    def put_interaction(self, interaction_id: str, token: str, body: Json) -> None:
        with self._sql:
            self._sql.execute(
                "INSERT OR REPLACE INTO interaction VALUES (?, ?, ?)", (int(interaction_id), token, json.dumps(body))
            )

    def interactions_since(self, snowflake: int) -> list[Json]:
        """Interactions whose tokens may still be alive; older ones are forgotten."""
        with self._sql:
            self._sql.execute("DELETE FROM interaction WHERE id < ?", (snowflake,))
        return [json.loads(body) for (body,) in self._sql.execute("SELECT body FROM interaction ORDER BY id")]


@contextmanager
def open_store(data: Path) -> Generator[Store]:
    """Opens (and makes) the data folder."""
    (data / "attachments").mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(data / "playground.db")
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.executescript(SCHEMA)
        yield Store(connection, data)
    finally:
        connection.close()
