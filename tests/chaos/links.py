"""What a run is made of on each link: which processes there are, and how often each is the victim."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bot.links.broker.config import BOT_FILE, write_config
from playground import Playground
from tests.chaos.bot import SECRET
from tests.chaos.processes import Kept
from tests.support.broker import need_server
from tests.support.ports import free_port

ENGINES = 2
STARTER = Path(__file__).parents[2] / "engine" / "starter"


@dataclass(frozen=True, kw_only=True, slots=True)
class Setting:
    """Where everything lies. `journal` is where engines write down each start."""

    folder: Path
    playground: Playground
    forgetful: bool
    step_seconds: float

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def journal(self) -> Path:
        return self.folder / "journal.jsonl"


@dataclass(frozen=True, kw_only=True, slots=True)
class Cast:
    """The processes of a run, and the weight of each when a victim is drawn."""

    processes: dict[str, Kept]
    weights: dict[str, float]


def local(setting: Setting) -> Cast:
    """Bot and engines on one machine, over the WebSocket on 127.0.0.1."""
    port = free_port()
    setting.data.mkdir(exist_ok=True)
    secret_file = setting.data / "engine.json"
    secret_file.write_text(json.dumps({"secret": SECRET}), "utf-8")
    to_bot = ["--url", f"ws://127.0.0.1:{port}/engine", "--secret-file", str(secret_file)]
    return Cast(
        processes={
            "bot": _bot(setting, "--port", str(port)),
            **{f"engine-{number}": _engine(setting, number, to_bot) for number in range(1, ENGINES + 1)},
        },
        weights={"bot": 0.35} | {f"engine-{number}": 0.65 / ENGINES for number in range(1, ENGINES + 1)},
    )


def nats(setting: Setting) -> Cast:
    """Bot and engines at a broker, each with its own key; the broker dies too, and finds its files again."""
    port, keys = free_port(), setting.folder / "keys"
    config = write_config(keys, engines=ENGINES)
    config.write_text(config.read_text("utf-8").replace("0.0.0.0:4222", f"127.0.0.1:{port}"), "utf-8")
    url = f"nats://127.0.0.1:{port}"
    server = Kept(name="broker", program=need_server(), command=["-c", str(config)], log=setting.folder / "broker.log")
    return Cast(
        processes={
            "broker": server,
            "bot": _bot(setting, "--broker", url, "--creds", str(keys / BOT_FILE)),
            **{
                f"engine-{number}": _engine(
                    setting, number, ["--url", url, "--creds", str(keys / f"engine-{number}.nk")]
                )
                for number in range(1, ENGINES + 1)
            },
        },
        weights={"broker": 0.2, "bot": 0.3} | {f"engine-{number}": 0.5 / ENGINES for number in range(1, ENGINES + 1)},
    )


def _bot(setting: Setting, *link: str) -> Kept:
    command = ["-m", "tests.chaos.bot", "--url", setting.playground.url, "--token", setting.playground.token]
    command += ["--data", str(setting.data), *link, *(["--forgetful"] if setting.forgetful else [])]
    return Kept(name="bot", command=command, log=setting.folder / "bot.log")


def _engine(setting: Setting, number: int, link: list[str]) -> Kept:
    command = ["-m", "tests.support.fake_engine", *link, "--step-seconds", str(setting.step_seconds)]
    command += ["--journal", str(setting.journal), "--alone-for", "60"]
    return Kept(name=f"engine-{number}", command=command, log=setting.folder / f"engine-{number}.log")


def worker(setting: Setting) -> Cast:
    """The bot and one real engine: a supervisor and its worker, which paints with the starter."""
    cast = local(setting)
    setting.journal.touch()  # the real one keeps none
    to_bot = cast.processes["engine-1"].command
    url, secret_file = (to_bot[to_bot.index(flag) + 1] for flag in ("--url", "--secret-file"))
    command = ["-m", "engine", "--url", url, "--secret-file", secret_file, "--model", str(STARTER), "--threads", "1"]
    engine = Kept(name="engine-1", command=command, log=setting.folder / "engine-1.log")
    return Cast(processes={"bot": cast.processes["bot"], "engine-1": engine}, weights={"bot": 0.4, "engine-1": 0.6})


LINKS: dict[str, Callable[[Setting], Cast]] = {"local": local, "nats": nats}
CASTS = LINKS | {"worker": worker}
