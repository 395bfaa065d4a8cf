"""The command line of the engine: read alike by the supervisor and by the worker that it starts."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast, get_args

from engine.links.link import leads_to_broker

Attention = Literal["native", "cudnn", "flash", "flash3", "sage"]
Device = Literal["auto", "cpu", "cuda"]
Stored = Literal["plain", "int8", "fp8"]
Memory = Literal["auto", "resident", "encoder-evicted", "fp8-storage", "group-offload", "sequential"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Options:
    """Everything an engine is told when it starts. Times are seconds."""

    url: str  # of the bot's link, ws://127.0.0.1:PORT/engine, or of a broker, nats://HOST:PORT
    secret_file: Path | None  # for ws: JSON with the key "secret", read anew for each connection
    creds: Path | None = None  # for a broker: a file with an nkey seed
    ca: Path | None = None  # for a broker: the certificates in PEM that its own must come from
    model: str = "auto"  # starter | a folder | a hub id | a transformer file | auto
    text_encoder: Path | None = None  # beside a transformer file: that of the text encoder
    vae: Path | None = None  # and that of the VAE
    base: str = "Tongyi-MAI/Z-Image-Turbo"  # and the folder or hub id with the rest
    loras: Path | None = None  # a folder of LoRA files
    controlnet: Path | None = None  # a diffusers folder or a single file
    upscaler: Path | None = None  # a folder of class Swin2SRForImageSuperResolution
    weights: Stored = "plain"  # what a weight is: as the model brings it, or packed by torchao
    threads: int = 1
    device: Device = "auto"
    memory: Memory = "auto"  # how the weights are kept; auto takes the fastest way that fits
    attention: Attention = "native"
    compile: bool = False  # the transformer's blocks, on a GPU
    log_prompts: bool = False
    hang_after: float = 120.0  # a painting worker that finishes no step for so long is killed
    alone_for: float | None = None  # without a bot for so long, the engine ends; None: 60 for ws, never at a broker
    supervised: bool = False  # the worker's standard output goes to a supervisor that counts its beats


def read(arguments: Sequence[str], *, program: str = "python -m engine") -> Options:
    """Options from a command line; leaves the process with status 2 and a sentence when they make no sense."""
    defaults = Options(url="", secret_file=Path())
    parser = argparse.ArgumentParser(prog=program, description="Paints what a Zimagine bot asks for.")
    parser.add_argument(
        "--url", required=True, help="ws://127.0.0.1:PORT/engine of a bot, or nats://HOST:PORT of a broker"
    )
    parser.add_argument("--secret-file", type=Path, help='for ws://: JSON file with the key "secret"')
    parser.add_argument("--creds", type=Path, metavar="FILE", help="for a broker: file with the engine's nkey seed")
    parser.add_argument("--ca", type=Path, metavar="FILE", help="for a broker: certificates (PEM) to trust")
    parser.add_argument(
        "--model",
        default=defaults.model,
        help="starter, a diffusers folder, a hub id, a transformer file (.safetensors, .gguf), or auto (default)",
    )
    parser.add_argument("--text-encoder", type=Path, metavar="FILE", help="for a transformer file: the text encoder")
    parser.add_argument("--vae", type=Path, metavar="FILE", help="for a transformer file: the VAE")
    parser.add_argument("--base", default=defaults.base, help="for a transformer file: folder or hub id of the rest")
    parser.add_argument("--loras", type=Path, metavar="FOLDER", help="LoRA files (*.safetensors), offered by name")
    parser.add_argument("--controlnet", type=Path, metavar="PATH", help="a ControlNet: a diffusers folder or a file")
    parser.add_argument("--upscaler", type=Path, metavar="FOLDER", help="a super-resolution model (Swin2SR)")
    parser.add_argument("--weights", choices=get_args(Stored), default=defaults.weights, help="packed by torchao?")
    parser.add_argument("--threads", type=_positive, default=defaults.threads, help="processor threads of torch")
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default=defaults.device)
    parser.add_argument("--memory", choices=get_args(Memory), default=defaults.memory, help="how weights are kept")
    parser.add_argument("--attention", choices=get_args(Attention), default=defaults.attention)
    parser.add_argument("--compile", action="store_true", help="compile the transformer's blocks, on a GPU")
    parser.add_argument("--log-prompts", action="store_true", help="write prompts to the log, not their hash")
    parser.add_argument("--hang-after", type=_seconds, default=defaults.hang_after, metavar="SECONDS")
    parser.add_argument("--alone-for", type=_seconds, default=defaults.alone_for, metavar="SECONDS")
    parser.add_argument("--supervised", action="store_true", help=argparse.SUPPRESS)
    values = parser.parse_args(arguments)
    if values.secret_file is None and not leads_to_broker(values.url):
        parser.error("--secret-file is required for this url")
    return Options(
        url=cast(str, values.url),
        secret_file=cast(Path | None, values.secret_file),
        creds=cast(Path | None, values.creds),
        ca=cast(Path | None, values.ca),
        model=cast(str, values.model),
        text_encoder=cast(Path | None, values.text_encoder),
        vae=cast(Path | None, values.vae),
        base=cast(str, values.base),
        loras=cast(Path | None, values.loras),
        controlnet=cast(Path | None, values.controlnet),
        upscaler=cast(Path | None, values.upscaler),
        weights=cast(Stored, values.weights),
        threads=cast(int, values.threads),
        device=cast(Device, values.device),
        memory=cast(Memory, values.memory),
        attention=cast(Attention, values.attention),
        compile=cast(bool, values.compile),
        log_prompts=cast(bool, values.log_prompts),
        hang_after=cast(float, values.hang_after),
        alone_for=cast(float | None, values.alone_for),
        supervised=cast(bool, values.supervised),
    )


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text} is not at least 1")
    return value


def _seconds(text: str) -> float:
    value = float(text)
    if not 0 < value < 1e6:
        raise argparse.ArgumentTypeError(f"{text} is not a number of seconds")
    return value
