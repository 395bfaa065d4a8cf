"""What a run is made of on each link: which processes there are, and how often each is the victim."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from playground import Playground
from tests.chaos.bot import SECRET
from tests.chaos.processes import Kept, free_port

ENGINES = 2


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
    bot = ["-m", "tests.chaos.bot", "--url", setting.playground.url, "--token", setting.playground.token]
    bot += ["--data", str(setting.data), "--port", str(port), *(["--forgetful"] if setting.forgetful else [])]
    engine = ["-m", "tests.support.fake_engine", "--url", f"ws://127.0.0.1:{port}/engine"]
    engine += ["--secret-file", str(secret_file), "--step-seconds", str(setting.step_seconds)]
    engine += ["--journal", str(setting.journal), "--alone-for", "60"]
    commands = {"bot": bot} | {f"engine-{number}": engine for number in range(ENGINES)}
    return Cast(
        processes={
            name: Kept(name=name, command=command, log=setting.folder / f"{name}.log")
            for name, command in commands.items()
        },
        weights={"bot": 0.35} | {f"engine-{number}": 0.65 / ENGINES for number in range(ENGINES)},
    )


LINKS: dict[str, Callable[[Setting], Cast]] = {"local": local}
