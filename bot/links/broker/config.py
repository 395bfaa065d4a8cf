"""Writes what a nats-server needs for a bot and its engines: fresh keys, and for each no right that it can spare."""

# pyright: reportUnknownMemberType=false
# (nkeys has no types)

from __future__ import annotations

import os
from pathlib import Path

import nkeys

from protocol import broker

SERVER_FILE = "nats-server.conf"
BOT_FILE = "bot.nk"
PAYLOAD = "32MB"  # for the largest orders: JetStream cannot read more back
PENDING = "256MB"  # what may wait for one slow client

_TEXT = """\
# A broker for a Zimagine bot and its engines: nats-server -c {file}
# Made by `python run_bot.py cluster-config`; run it again with a larger --engines to add engines.
listen: "0.0.0.0:4222"
max_payload: {payload}
max_pending: {pending}
jetstream {{
  store_dir: "{store}"
  max_file_store: 8GB
}}
# Keys alone keep strangers out; prompts and pictures travel readable without TLS. With a certificate, uncomment:
# tls {{
#   cert_file: "/etc/nats/server.pem"
#   key_file: "/etc/nats/server.key"
# }}
authorization {{
  users: [
{users}
  ]
}}
"""
_USER = """\
    {{ # {name}
      nkey: {key}
      permissions: {{
        publish: {{ allow: [{publish}] }}
        subscribe: {{ allow: [{subscribe}] }}
      }}
    }}"""


def write_config(folder: Path, *, engines: int) -> Path:
    """The server's file; beside it one secret file for the bot and one for each engine. Keys that are there stay.

    Raises OSError and broker.BrokenCredentials.
    """
    folder.mkdir(parents=True, exist_ok=True)
    users = [_user("bot", _key(folder / BOT_FILE), _bot_publishes(), _bot_hears())]
    for number in range(1, engines + 1):
        name = f"engine-{number}"
        key = _key(folder / f"{name}.nk")
        users.append(_user(name, key, engine_publishes(key), engine_hears(key)))
    file = folder / SERVER_FILE
    text = _TEXT.format(
        file=file, payload=PAYLOAD, pending=PENDING, store=folder.resolve() / "jetstream", users="\n".join(users)
    )
    file.write_text(text, "utf-8")
    return file


def engine_publishes(seat: str) -> list[str]:
    """News and pictures of its own, and receipts for its own orders."""
    return [broker.event(seat), broker.result(seat, "*", "*", "*"), f"$JS.ACK.{broker.JOBS}.{seat}.>"]


def engine_hears(seat: str) -> list[str]:
    """Its own orders and commands, the bot's call, and answers to itself."""
    return [broker.deal(seat), broker.command(seat), broker.CALL, f"{broker.inbox(seat)}.>"]


def _bot_publishes() -> list[str]:
    return [
        broker.CALL,
        broker.order("*", "*"),
        broker.command("*"),
        *(f"$JS.API.STREAM.*.{stream}" for stream in (broker.JOBS, broker.RESULTS)),
        *(f"$JS.API.CONSUMER.*.{stream}.>" for stream in (broker.JOBS, broker.RESULTS)),
        *(f"$JS.API.CONSUMER.DURABLE.CREATE.{stream}.>" for stream in (broker.JOBS, broker.RESULTS)),
        f"$JS.ACK.{broker.RESULTS}.{broker.BOT_SEAT}.>",
    ]


def _bot_hears() -> list[str]:
    return [broker.EVENTS, broker.IN_TRAY, broker.CALL, f"{broker.inbox(broker.BOT_SEAT)}.>"]


def _user(name: str, key: str, publish: list[str], subscribe: list[str]) -> str:
    return _USER.format(name=name, key=key, publish=_quoted(publish), subscribe=_quoted(subscribe))


def _quoted(subjects: list[str]) -> str:
    return ", ".join(f'"{subject}"' for subject in subjects)


def _key(file: Path) -> str:
    """The public key that belongs to this secret file; made where there is none, for its owner's eyes only."""
    if not file.exists():
        seed = nkeys.encode_seed(os.urandom(32), nkeys.PREFIX_BYTE_USER)
        handle = os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        with os.fdopen(handle, "wb") as stream:
            stream.write(seed + b"\n")
    return broker.public_key(broker.read_seed(file))
