"""From the words that name a model to the folders and files that hold it, and whether they are all there. No torch."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.worker.loading import key_names
from engine.worker.loading.weight_files import (
    GGUF,
    SAFETENSORS,
    LoadingProblem,
    entries,
    is_weights,
    read_json,
    weight_files,
)

STARTER = Path(__file__).resolve().parents[2] / "starter"
PUBLISHED = "Tongyi-MAI/Z-Image-Turbo"
PUBLISHED_BASE = "Tongyi-MAI/Z-Image"  # that it was distilled from
CLASSES = {
    "transformer": "ZImageTransformer2DModel",
    "text_encoder": "Qwen3Model",
    "tokenizer": "Qwen2Tokenizer",
    "vae": "AutoencoderKL",
    "scheduler": "FlowMatchEulerDiscreteScheduler",
}
WITH_WEIGHTS = ("transformer", "text_encoder", "vae")
OF_FILES = (SAFETENSORS, GGUF, ".sft", ".ckpt", ".pt", ".pth", ".bin")  # no hub id ends so
FETCH = f"hf download {PUBLISHED}"

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Beside:
    """What a transformer file needs besides: files for the other parts, and a folder or hub id for all else."""

    text_encoder: Path | None = None
    vae: Path | None = None
    base: str = PUBLISHED


@dataclass(frozen=True, kw_only=True, slots=True)
class Source:
    """A diffusers folder, and single files that take the place of its parts."""

    folder: Path
    transformer: Path | None = None
    text_encoder: Path | None = None
    vae: Path | None = None

    def file(self, part: str) -> Path | None:
        """The single file of a part."""
        return {"transformer": self.transformer, "text_encoder": self.text_encoder, "vae": self.vae}[part]

    @property
    def name(self) -> str:
        """What people would call it: a file's or folder's path, a hub model's id."""
        return str(self.transformer or hub_id(self.folder) or self.folder)


NOTHING = Beside()


def find(model: str, *, gpu: bool, beside: Beside = NOTHING) -> Source:
    """`starter`, a diffusers folder, a hub id (only what is on disk already), a transformer file, or `auto`.

    `gpu` counts for `auto` only, `beside` for a file. Raises LoadingProblem.
    """
    if model == "auto":
        return Source(folder=_automatic(gpu=gpu))
    path = Path(model).expanduser()
    if path.is_file():
        return _around(path, beside)
    return Source(folder=_folder(model))


def hub_id(folder: Path) -> str | None:
    """The id of the model whose snapshot this folder is, in the hub's cache, where folders are called by commits."""
    cached = folder.parent.parent.name
    if folder.parent.name != "snapshots" or not cached.startswith("models--"):
        return None
    return cached.removeprefix("models--").replace("--", "/")


def check(source: Source) -> None:
    """Raise LoadingProblem unless this is a complete model of class ZImagePipeline with whole weight files."""
    folder = source.folder
    index = read_json(folder / "model_index.json")
    if index.get("_class_name") != "ZImagePipeline":
        raise LoadingProblem(f"{folder} is of class {index.get('_class_name')}, not ZImagePipeline.")
    for name, wanted in CLASSES.items():
        found: Any = index.get(name)
        class_name = found[1] if isinstance(found, list) and len(found) == 2 else None
        if class_name not in (wanted, f"{wanted}Fast"):
            raise LoadingProblem(f"The {name} of {folder} is of class {class_name}, not {wanted}.")
        if not (folder / name).is_dir():
            raise LoadingProblem(f"{folder} has no {name}.")
    for name in WITH_WEIGHTS:
        read_json(folder / name / "config.json")
        if (file := source.file(name)) is not None:
            entries(file)
            continue
        if source.transformer is not None and not any((folder / name).glob("*.safetensors")):
            raise LoadingProblem(
                f"{source.transformer} holds no {name} and {folder} has none either; name a file: engine.{name}."
            )
        for file in weight_files(folder / name):
            entries(file)


def advice(model: str, source: Source, *, gpu: bool) -> str:
    """Where `auto` had to take the starter: why, and how to get the real model. Otherwise nothing."""
    if model != "auto" or source.folder != STARTER:
        return ""
    lack = f"{PUBLISHED} is not complete on disk" if gpu else "there is no supported GPU"
    return f"The starter paints because {lack}; the real model (33 GB) comes with: {FETCH}"


def _around(file: Path, beside: Beside) -> Source:
    """A transformer file with what is beside it. A checkpoint of ComfyUI's may hold the other parts as well."""
    if not is_weights(file):
        raise LoadingProblem(
            f"{file} is a file of another kind; a model is a diffusers folder, or a transformer in a .safetensors or "
            ".gguf file."
        )
    inside = entries(file)
    try:
        folder = _folder(beside.base, small=True)
    except LoadingProblem as problem:
        raise LoadingProblem(f"{file.name} needs a tokenizer and configurations (engine.base): {problem}") from problem
    return Source(
        folder=folder,
        transformer=file,
        text_encoder=_named(beside.text_encoder) or (file if key_names.holds(inside, "text_encoder") else None),
        vae=_named(beside.vae) or (file if key_names.holds(inside, "vae") else None),
    )


def _named(file: Path | None) -> Path | None:
    """A file that the owner has named, or nothing."""
    if file is None:
        return None
    file = file.expanduser()
    if file.is_file() and not is_weights(file):
        raise LoadingProblem(f"{file} is no .safetensors or .gguf file.")
    return file


def _folder(model: str, *, small: bool = False) -> Path:
    """Of the starter, a path or a hub id; `small`: only its small files are wanted."""
    if model == "starter":
        return STARTER
    folder = Path(model).expanduser()
    if folder.is_dir():
        return folder
    if folder.suffix.lower() in OF_FILES:
        raise LoadingProblem(f"There is no model file {model}.")
    if model.count("/") != 1 or model.startswith((".", "/", "~")) or folder.parent.is_dir():
        raise LoadingProblem(f"There is no model folder {model}.")
    return _cached(model, small=small)


def _automatic(*, gpu: bool) -> Path:
    if not gpu:
        return STARTER
    try:
        folder = _cached(PUBLISHED)
        check(Source(folder=folder))
    except LoadingProblem as problem:
        log.info("%s", problem)
        return STARTER
    return folder


def _cached(repository: str, *, small: bool = False) -> Path:
    # Here, for it takes half a second, and the bot has no other use for it.
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(repository, local_files_only=True))
    except (LocalEntryNotFoundError, HFValidationError) as error:
        fetch = f"hf download {repository}" + (' --exclude "*.safetensors"' if small else "")
        raise LoadingProblem(f"{repository} is not on this machine; fetch it with: {fetch}.") from error
