"""Plays a worker to the supervisor without torch: beats, and then lives, hangs, falls silent, crashes or leaves.

Each life writes a line to the diary: its process id. Called as `stand_in_worker.py DIARY BEHAVIOUR [BEHAVIOUR...]`,
one behaviour per life, the last for all that follow.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path


def main() -> int:
    diary, behaviours = Path(sys.argv[1]), sys.argv[2:]
    if "--alone-for" in behaviours:
        behaviours = behaviours[: behaviours.index("--alone-for")]
    with diary.open("a") as stream:
        stream.write(f"{os.getpid()}\n")
    life = len(diary.read_text().splitlines())
    behaviour = behaviours[min(life, len(behaviours)) - 1]
    if behaviour == "deaf":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if behaviour.startswith("exit"):
        return int(behaviour.removeprefix("exit"))
    steps = 0
    while True:
        if behaviour != "silent":
            print(f"{steps} {int(behaviour != 'idle')} 1", flush=True)
        if behaviour == "works":
            steps += 1
        time.sleep(0.02)


if __name__ == "__main__":
    sys.exit(main())
