"""The data folder: made, writable, and held by one bot at a time."""

from __future__ import annotations

import logging
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

_OWN = 0o700  # mode: its owner's alone

_log = logging.getLogger(__name__)


class Unusable(Exception):
    """The folder cannot be used; the text is one sentence for the owner."""


@contextmanager
def data_folder(path: Path) -> Generator[Path]:
    """The folder as an absolute path, locked while the block lasts. Raises Unusable."""
    try:
        path.mkdir(parents=True, exist_ok=True, mode=_OWN)
        folder = path.resolve()
        if sys.platform != "win32" and folder.stat().st_mode & ~_OWN & 0o777:
            _log.warning(
                "others on this machine may read the data folder %s, with people's words and pictures in it; "
                "chmod 700 keeps it to you",
                folder,
            )
        lock = FileLock(folder / "lock", blocking=False)
        lock.acquire()
    except Timeout as error:
        raise Unusable(
            f"Another bot is using the data folder {path}; stop it or choose another with --data."
        ) from error
    except FileExistsError as error:
        raise Unusable(f"The data folder {path} is a file; choose another with --data.") from error
    except OSError as error:
        raise Unusable(f"The data folder {path} cannot be written: {error.strerror or error}.") from error
    try:
        yield folder
    finally:
        lock.release()
