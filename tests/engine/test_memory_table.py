"""The table of memory policies: the published model's own numbers, and what the engine counts with."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import memory
from config.settings import EngineSettings
from engine.worker.memory import Policy

CONFIGS = Path(__file__).parents[3] / "shared" / "zimage-turbo-config"


def test_the_engine_counts_with_the_published_models_own_shares() -> None:
    transformer, text_encoder, _ = memory.published()

    assert sum(one.numel() for one in transformer.parameters()) == 6_154_908_736
    assert sum(one.numel() for one in text_encoder.parameters()) == 4_022_468_096
    for name, assumed, exact in memory.shares(transformer, text_encoder):
        assert assumed == pytest.approx(exact, rel=0.02), name


@pytest.mark.skipif(not CONFIGS.is_dir(), reason="the published configuration is not there")
@pytest.mark.parametrize(
    ("file", "ours"),
    [("transformer", memory.TRANSFORMER), ("text_encoder", memory.TEXT_ENCODER), ("vae", memory.VAE)],
)
def test_its_numbers_are_those_of_the_published_configuration(file: str, ours: dict[str, object]) -> None:
    theirs = json.loads((CONFIGS / f"{file}.json").read_text())

    assert json.loads(json.dumps(ours)).items() <= theirs.items()


def test_every_policy_can_be_chosen_in_the_settings() -> None:
    for policy in Policy:
        assert EngineSettings(memory=policy.value).memory == policy.value
