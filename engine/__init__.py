"""The painter: knows nothing of Discord, people or SQL. Only `engine.worker` and `engine.training` import torch."""

from importlib.metadata import PackageNotFoundError, version


def _build() -> str:
    try:
        return version("zimagine")
    except PackageNotFoundError:  # run from a folder without an install
        return "0"


BUILD = _build()
