"""What is known of a model before it is loaded: the card that its engine will bring, without torch."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from engine.worker.device.memory import find_device
from engine.worker.loading import cards
from engine.worker.loading.cards import expected_card
from engine.worker.loading.loading import load
from engine.worker.loading.sources import STARTER, Beside, Source
from engine.worker.pipeline.pipeline import Pipeline
from protocol.card import Z_IMAGE_TURBO
from protocol.request import MAX_STEPS

NOTHING = Beside()


@pytest.fixture
def published(tmp_path: Path) -> Path:
    """Where the published model lies once it was fetched."""
    folder = tmp_path / "models--Tongyi-MAI--Z-Image-Turbo" / "snapshots" / "abc"
    folder.mkdir(parents=True)
    return folder


@pytest.mark.parametrize("model", ["starter", "tiny", "file"])
def test_the_card_expected_is_the_one_that_the_engine_brings(model: str, tiny: Path, tmp_path: Path) -> None:
    device = find_device("cpu")
    beside = Beside(base=str(tiny))
    if model == "file":
        file = shutil.copy(next((tiny / "transformer").glob("*.safetensors")), tmp_path / "mine.safetensors")
        source = Source(folder=tiny, transformer=file)
    else:
        source = Source(folder=STARTER if model == "starter" else tiny)
    brought = Pipeline(load(source, device), device).card

    expected = expected_card(str(source.name), device="cpu", beside=beside)

    assert expected == brought


def test_the_published_model_is_known_by_its_folder_but_for_what_its_text_encoder_can(published: Path) -> None:
    card = expected_card(str(published), device="auto", beside=NOTHING)

    assert card is not None
    assert (card.id, card.shapes) == (Z_IMAGE_TURBO.id, Z_IMAGE_TURBO.shapes)
    assert set(Z_IMAGE_TURBO.features) - set(card.features) == {"enhance"}
    assert card.steps.max == MAX_STEPS


@pytest.mark.parametrize("content", [b"{", b"[]", b'{"id": 1}'])
def test_nothing_is_known_of_a_model_whose_card_is_broken(published: Path, content: bytes) -> None:
    (published / "zimagine.json").write_bytes(content)

    assert expected_card(str(published), device="cpu", beside=NOTHING) is None


@pytest.mark.parametrize("model", ["/no/such/folder", "nobody/nothing-here"])
def test_nothing_is_known_of_a_model_that_is_not_there(model: str) -> None:
    assert expected_card(model, device="cpu", beside=NOTHING) is None


@pytest.mark.parametrize(
    ("torch", "driver", "device", "known"),
    [
        ("2.13.0+cpu", False, "auto", "zimagine-starter-2"),
        ("2.13.0+cu130", True, "auto", "z-image-turbo"),
        ("2.13.0+cu130", False, "cuda", "z-image-turbo"),
        ("2.13.0+cu130", True, "cpu", "zimagine-starter-2"),
        ("2.13.0+rocm", False, "auto", None),  # only torch can say what will be taken
    ],
)
def test_what_auto_will_take_is_known_as_far_as_it_can_be(
    torch: str, driver: bool, device: str, known: str | None, published: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.worker.loading.cards.version", lambda _: torch)
    monkeypatch.setattr("engine.worker.loading.cards.shutil.which", lambda _: "/usr/bin/nvidia-smi" if driver else None)
    monkeypatch.setattr("engine.worker.loading.sources._cached", lambda _: published)
    monkeypatch.setattr("engine.worker.loading.sources.check", lambda _: None)

    card = expected_card("auto", device=device, beside=NOTHING)

    assert (None if card is None else card.id) == known


def test_what_depends_on_other_folders_is_left_to_the_engine(published: Path) -> None:
    card = msgspec.structs.replace(Z_IMAGE_TURBO, features=("text", "lora", "enhance"), loras=("old",))
    (published / cards.CARD).write_bytes(msgspec.json.encode(card))

    expected = expected_card(str(published), device="cpu", beside=NOTHING)

    assert expected is not None
    assert (expected.features, expected.loras) == (("text",), ())


def test_a_card_is_read_without_torch_and_without_a_library_that_takes_long() -> None:
    code = (
        "import sys, run_bot;"
        "from engine.worker.loading.cards import expected_card; from engine.worker.loading.sources import Beside;"
        "assert expected_card('starter', device='auto', beside=Beside()) is not None;"
        "slow = ('torch', 'diffusers', 'transformers', 'huggingface_hub');"
        "print([name for name in sys.modules if name.split('.')[0] in slow])"
    )

    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert result.stdout.strip() == "[]"
