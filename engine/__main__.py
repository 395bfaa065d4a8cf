"""Entry of the engine: a supervisor without torch that keeps one worker alive."""

from __future__ import annotations

import asyncio
import logging
import sys

from config.logs import start_log
from engine import cli
from engine.links.link import ALONE_FOR, leads_to_broker
from engine.supervisor import Supervisor, SupervisorLimits


def main() -> int:
    """Supervise until told to stop or until the worker says that no bot is left."""
    chosen = cli.read(sys.argv[1:])
    start_log(logging.StreamHandler(), form="%(asctime)s %(name)s %(message)s", level=logging.INFO)
    command = [sys.executable, "-m", "engine.worker", *sys.argv[1:], "--supervised"]
    alone_for = ALONE_FOR if chosen.alone_for is None and not leads_to_broker(chosen.url) else chosen.alone_for
    return asyncio.run(Supervisor(command, SupervisorLimits(hang_after=chosen.hang_after, alone_for=alone_for)).run())


if __name__ == "__main__":
    sys.exit(main())
