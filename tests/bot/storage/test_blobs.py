"""Pictures on disk: for their owner's eyes, and as they were put there."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from bot.storage.blobs import BlobStore


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no modes of files")
async def test_pictures_are_for_their_owners_eyes(tmp_path: Path) -> None:
    store = BlobStore(tmp_path)

    name = await store.put(b"a picture")

    assert store.path(name).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("damage", [b"", b"a pict", b"b picture"])
async def test_a_damaged_picture_is_none_and_whole_again_once_it_is_put_anew(
    tmp_path: Path, damage: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    store = BlobStore(tmp_path)
    name = await store.put(b"a picture")
    store.path(name).write_bytes(damage)

    assert await store.get(name) is None
    assert "is damaged" in caplog.text
    assert await store.put(b"a picture") == name
    assert await store.get(name) == b"a picture"
