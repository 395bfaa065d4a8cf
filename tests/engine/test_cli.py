"""The engine's command line: the same for supervisor and worker, and clear about mistakes."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine import cli
from engine.cli import Options

NEEDED = ["--url", "ws://127.0.0.1:1/engine", "--secret-file", "engine.json"]


def test_what_is_not_said_has_a_default() -> None:
    assert cli.read(NEEDED) == Options(url="ws://127.0.0.1:1/engine", secret_file=Path("engine.json"))


def test_everything_can_be_said() -> None:
    words = "--model starter --threads 3 --device cpu --memory fp8-storage --log-prompts --hang-after 7.5"
    words += " --alone-for 9 --supervised --text-encoder te.safetensors --vae ae.safetensors --base b --weights int8"
    words += " --upscaler swin2sr --loras styles --controlnet union.safetensors"

    chosen = cli.read([*NEEDED, *words.split()])

    assert (chosen.model, chosen.threads, chosen.device, chosen.log_prompts) == ("starter", 3, "cpu", True)
    assert (chosen.memory, chosen.weights, chosen.base) == ("fp8-storage", "int8", "b")
    assert chosen.upscaler == Path("swin2sr")
    assert (chosen.loras, chosen.controlnet) == (Path("styles"), Path("union.safetensors"))
    assert (chosen.text_encoder, chosen.vae) == (Path("te.safetensors"), Path("ae.safetensors"))
    assert (chosen.hang_after, chosen.alone_for, chosen.supervised) == (7.5, 9.0, True)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ([], "required: --url"),
        (NEEDED[:2], "--secret-file is required for this url"),
        ([*NEEDED, "--threads", "0"], "0 is not at least 1"),
        ([*NEEDED, "--threads", "many"], "invalid"),
        ([*NEEDED, "--hang-after", "-1"], "-1 is not a number of seconds"),
        ([*NEEDED, "--device", "toaster"], "invalid choice: 'toaster'"),
        ([*NEEDED, "--memory", "elephant"], "invalid choice: 'elephant'"),
    ],
)
def test_a_mistake_is_said_in_a_sentence_with_status_2(
    words: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as left:
        cli.read(words)

    assert left.value.code == 2
    assert sentence in capsys.readouterr().err
