"""The command line of the bot, beside its settings."""

from __future__ import annotations

import argparse
import sys
from importlib.metadata import version
from pathlib import Path
from typing import NoReturn

BUILD = version("zimagine")


class Stopped(Exception):
    """The bot cannot run; the text is one sentence for its owner."""


class _Words(argparse.ArgumentParser):
    """Says a mistake in one sentence, without a page of usage before it."""

    def error(self, message: str) -> NoReturn:
        print(f"{message}; --help lists all flags.", file=sys.stderr)
        sys.exit(2)


def parser() -> argparse.ArgumentParser:
    """Reads what is no setting."""
    words = _Words(prog="run_bot.py", description="A Discord bot that paints.", allow_abbrev=False)
    words.add_argument("--version", action="version", version=f"Zimagine {BUILD}")
    words.add_argument(
        "--playground", action="store_true", help="talk to the bot in a browser instead of on Discord; needs no token"
    )
    words.add_argument(
        "--say", action="append", default=[], metavar="LINE",
        help="with --playground: type this line, print what a person would see, and end; repeats",
    )  # fmt: skip
    words.add_argument(
        "command", nargs="*", metavar="backup FILE | clear-commands SERVER | cluster-config",
        help="save the ledger to a new file, also while the bot runs; with a copy of the folder blobs it is everything "
        "| remove what an earlier program of the same application left in this server under our names "
        "| write the configuration of a NATS server with fresh keys for the bot and its engines",
    )  # fmt: skip
    words.add_argument("--save", type=Path, metavar="DIR", help="with --say: write the pictures into this folder")
    words.add_argument("--out", type=Path, metavar="DIR", help="with cluster-config: the folder to write into")
    words.add_argument("--engines", type=int, default=1, metavar="N", help="with cluster-config: how many get a key")
    return words
