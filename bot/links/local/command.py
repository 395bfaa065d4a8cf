"""The command line with which the engine of this machine is started."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

# The command line of an engine for this url, this secret file and this model.
CommandFor = Callable[[str, Path, str], Sequence[str]]


def engine_command(
    *,
    text_encoder: Path | None,
    vae: Path | None,
    base: str,
    weights: str,
    threads: int,
    device: str,
    memory: str,
    attention: str,
    compile: bool,  # noqa: A002  the setting's own name
    hang_after: float,
    log_prompts: bool,
    loras: Path | None = None,
    controlnet: Path | None = None,
    upscaler: Path | None = None,
) -> CommandFor:
    """How to start the real engine."""

    def command(url: str, secret_file: Path, model: str) -> Sequence[str]:
        words = [sys.executable, "-m", "engine", "--url", url, "--secret-file", str(secret_file), "--model", model]
        words += ["--threads", str(threads), "--device", device, "--memory", memory]
        words += ["--attention", attention, "--hang-after", f"{hang_after:g}", "--base", base, "--weights", weights]
        words += ["--text-encoder", str(text_encoder)] if text_encoder else []
        words += ["--vae", str(vae)] if vae else []
        words += ["--loras", str(loras.expanduser())] if loras else []
        words += ["--controlnet", str(controlnet.expanduser())] if controlnet else []
        words += ["--upscaler", str(upscaler.expanduser())] if upscaler else []
        words += ["--compile"] if compile else []
        return [*words, "--log-prompts"] if log_prompts else words

    return command
