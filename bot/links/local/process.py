"""A detached process of ours, started or found again by its number after the bot was restarted."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

MOST_LOG = 5 * 1024 * 1024  # bytes; a longer log is put aside when the next process starts


class DetachedProcess:
    """Lives on when this process ends. `mark` is a word of its command line that tells it from a stranger's."""

    def __init__(self, pid: int, mark: str, child: subprocess.Popen[bytes] | None = None) -> None:
        self.pid = pid
        self._mark = mark
        self._child = child

    @classmethod
    def start(cls, command: Sequence[str], *, mark: str, log: Path) -> DetachedProcess:
        """Start it with its output going to `log`. Raises OSError."""
        _put_aside(log)
        flags = 0
        if sys.platform == "win32":
            flags = subprocess.DETACHED_PROCESS | subprocess.CREATE_NEW_PROCESS_GROUP
        with log.open("ab") as output:
            child = subprocess.Popen(  # noqa: S603 (our own command line)
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                creationflags=flags,
            )
        return cls(child.pid, mark, child)

    @classmethod
    def living(cls, mark: str) -> dict[DetachedProcess, tuple[str, ...]]:
        """Those that were started with this word, and their command lines; none where the system does not tell."""
        found: dict[DetachedProcess, tuple[str, ...]] = {}
        for folder in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):  # it has just ended, or is a stranger's
                words = tuple((folder / "cmdline").read_bytes().decode(errors="replace").split("\0")[:-1])
                if mark in words and os.getsid(int(folder.name)) == int(folder.name):
                    found[cls(int(folder.name), mark)] = words
        return found

    @property
    def exit_code(self) -> int | None:
        """Of a process started by us that has ended; negative for a signal."""
        return None if self._child is None else self._child.poll()

    def is_alive(self) -> bool:
        if self._child is not None:
            return self._child.poll() is None
        return _exists(self.pid, self._mark)

    def terminate(self) -> None:
        """Ask it to leave."""
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        """Take it and everything that it started down."""
        self._signal(signal.SIGTERM if sys.platform == "win32" else signal.SIGKILL)

    def let_go(self) -> None:
        """Leave it alone for good."""
        if self._child is not None and self._child.poll() is None:
            # Popen complains when it is dropped while its process lives; this one is meant to.
            self._child.returncode = 0

    def _signal(self, number: signal.Signals) -> None:
        if not self.is_alive():
            return
        with suppress(ProcessLookupError, PermissionError):
            if sys.platform == "win32":
                os.kill(self.pid, number)
            else:
                os.killpg(self.pid, number)  # it leads its own session


def _exists(pid: int, mark: str) -> bool:
    """Whether a process of this number lives and is the one that was started."""
    if sys.platform == "win32":
        return _exists_on_windows(pid)
    try:
        # A zombie's command line is empty, and a stranger's does not hold the mark.
        return mark.encode() in Path(f"/proc/{pid}/cmdline").read_bytes()
    except ProcessLookupError:
        return False
    except FileNotFoundError:
        if Path("/proc/self/cmdline").exists():
            return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return False  # a stranger's
    return True


def _exists_on_windows(pid: int) -> bool:
    if sys.platform != "win32":
        return False
    import ctypes

    synchronize, timed_out = 0x00100000, 0x102
    handle = ctypes.windll.kernel32.OpenProcess(synchronize, False, pid)
    if not handle:
        return False
    alive = ctypes.windll.kernel32.WaitForSingleObject(handle, 0) == timed_out
    ctypes.windll.kernel32.CloseHandle(handle)
    return bool(alive)


def _put_aside(log: Path) -> None:
    if log.exists() and log.stat().st_size > MOST_LOG:
        log.replace(log.with_suffix(".old.log"))
