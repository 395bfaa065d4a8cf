"""What `run_bot.py` does instead of running: save the ledger, clear old commands, write a broker's configuration."""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path

from bot.startup.flags import Stopped
from bot.startup.leftovers import clear_commands
from bot.storage.database import back_up
from config.settings import Settings

NO_CLUSTER = "A broker needs more packages: pip install -e .[cluster]"


def run_command(settings: Settings, flags: argparse.Namespace) -> int:
    """Do it; the exit status. Raises Stopped."""
    words: list[str] = flags.command
    match words:
        case ["cluster-config"]:
            if flags.out is None or flags.engines < 1:
                raise Stopped("cluster-config needs --out DIR, and --engines of at least 1.")
            return _cluster_config(flags.out, flags.engines)
        case ["backup", file]:
            back_up(settings.data / "ledger.db", Path(file))
            print(f"Saved the ledger to {file}; its pictures are the files in {settings.data / 'blobs'}.")
            return 0
        case ["backup"]:
            raise Stopped("backup needs the name of a new file: backup FILE.")
        case ["clear-commands", server] if server.isdecimal():
            return asyncio.run(clear_commands(settings, int(server)))
        case ["clear-commands", *_]:
            raise Stopped("clear-commands needs the id of a server: clear-commands SERVER.")
        case _:
            raise Stopped(
                f"{' '.join(words)} is no command; there are: backup FILE, clear-commands SERVER, "
                "cluster-config --out DIR."
            )


def _cluster_config(folder: Path, engines: int) -> int:
    try:
        from bot.links.broker.config import write_config
        from protocol.broker import BrokenCredentials
    except ModuleNotFoundError as error:
        raise Stopped(NO_CLUSTER) from error
    try:
        file = write_config(folder, engines=engines)
    except OSError as error:
        raise Stopped(f"{folder} cannot be written: {error.strerror or error}.") from error
    except BrokenCredentials as error:
        raise Stopped(str(error)) from error
    print(f"Broker:  nats-server -c {file}")
    print(f"Bot:     ZIMAGINE_CLUSTER__URL=nats://HOST:4222 ZIMAGINE_CLUSTER__CREDENTIALS={folder / 'bot.nk'}")
    for number in range(1, engines + 1):
        print(f"Engine:  python -m engine --url nats://HOST:4222 --creds {folder / f'engine-{number}.nk'}")
    return 0
