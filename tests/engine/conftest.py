"""One tiny model for all tests of the engine: real classes, random weights, one thread."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from diffusers import ZImagePipeline

from engine.worker.device.memory import find_device
from engine.worker.loading.loading import load
from engine.worker.pipeline.pipeline import Pipeline
from tests.support import tiny_model


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model folder."""
    return tiny_model.write(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="session")
def pipeline(tiny: Path) -> Pipeline:
    """The tiny model, ready to paint on the processor."""
    device = find_device("cpu")
    return Pipeline(load(tiny, device), device)


@pytest.fixture(scope="session")
def bare(tiny: Path) -> ZImagePipeline:
    """diffusers' own pipeline over the same weights."""
    published = ZImagePipeline.from_pretrained(tiny, local_files_only=True)
    published.set_progress_bar_config(disable=True)
    return published
