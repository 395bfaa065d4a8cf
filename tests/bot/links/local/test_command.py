"""What the settings say arrives in the engine, word for word."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from bot.links.local.command import engine_command
from config.settings import EngineSettings
from engine import cli

URL, SECRET = "ws://127.0.0.1:1/engine", Path("engine.json")


@pytest.mark.parametrize(
    "chosen",
    [
        EngineSettings(),
        EngineSettings(
            text_encoder=Path("/m/qwen_3_4b.safetensors"), vae=Path("/m/ae.safetensors"), base="mine/own",
            weights="int8", device="cpu", threads=3, memory="group-offload", attention="flash", compile=True,
            log_prompts=True, loras=Path("/m/loras"), controlnet=Path("/m/union"),
        ),
    ],
)  # fmt: skip
def test_every_setting_of_the_engine_is_one_of_its_options(chosen: EngineSettings) -> None:
    told = chosen.model_dump(exclude={"local", "model", "models"})

    words = engine_command(**told)(URL, SECRET, "/m/z_image_turbo.gguf")

    heard = cli.read(list(words)[3:])
    assert (heard.url, heard.secret_file, heard.model) == (URL, SECRET, "/m/z_image_turbo.gguf")
    assert {name: value for name, value in dataclasses.asdict(heard).items() if name in told} == told
