"""The table of memory policies: the published model's own numbers, and what the engine counts with."""

from __future__ import annotations

import json

import pytest

from benchmarks import memory
from config.settings import EngineSettings
from engine.worker.device.memory import GIB, Policy, Storage, Weights, weight_bytes
from tests.support.needs import SHARED

# The published configuration, where it lies beside the clone; without it the counts of weights have to do.
CONFIGS = SHARED / "zimage-turbo-config"


def test_the_engine_counts_with_the_published_models_own_shares() -> None:
    transformer, text_encoder, vae = memory.published()

    assert sum(one.numel() for one in transformer.parameters()) == 6_154_908_736
    assert sum(one.numel() for one in text_encoder.parameters()) == 4_022_468_096
    assert sum(one.numel() for one in vae.parameters()) == 83_819_683
    for name, assumed, exact in memory.shares(transformer, text_encoder):
        assert assumed == pytest.approx(exact, rel=0.02), name
    for name, ours in (
        ("transformer", memory.TRANSFORMER),
        ("text_encoder", memory.TEXT_ENCODER),
        ("vae", memory.VAE),
    ):
        theirs = json.loads((CONFIGS / f"{name}.json").read_text("utf-8")) if CONFIGS.is_dir() else ours
        assert json.loads(json.dumps(ours)).items() <= json.loads(json.dumps(theirs)).items()


def test_packed_weights_of_the_published_model_fit_into_cards_that_plain_ones_do_not() -> None:
    transformer, text_encoder, vae = memory.published()
    sizes = map(weight_bytes, (transformer, text_encoder, vae))
    plain = Weights(**dict(zip(("transformer", "text_encoder", "vae"), sizes, strict=True)))

    stored = memory.stored(transformer, text_encoder, plain)

    assert stored["int8"].transformer / GIB == pytest.approx(5.86, rel=0.03)
    assert stored["int8"].text_encoder / GIB == pytest.approx(4.11, rel=0.03)
    assert stored["int8"].footprint(Policy.RESIDENT) < 14 * GIB < plain.footprint(Policy.ENCODER_EVICTED)
    assert all(one.transformer < plain.transformer for name, one in stored.items() if name != "plain")


def test_every_policy_can_be_chosen_in_the_settings() -> None:
    for policy in Policy:
        assert EngineSettings(memory=policy.value).memory == policy.value


def test_every_storage_that_can_be_asked_for_can_be_set() -> None:
    for storage in set(Storage) - {Storage.GGUF}:
        assert EngineSettings(weights=storage.value).weights == storage.value
