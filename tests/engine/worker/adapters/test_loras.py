"""LoRAs in the engine: worn by those who asked for them, taken off without a trace, found while the engine runs."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch
from diffusers import ZImagePipeline
from safetensors.torch import load_file, save_file

from engine.worker.adapters.loras import KEPT, LoraGone
from engine.worker.device import acceleration
from engine.worker.device.memory import Storage, find_device
from engine.worker.loading.loading import load
from engine.worker.pipeline.pipeline import Pipeline
from engine.worker.pipeline.sample import Sample
from engine.worker.scheduling.forward_time import ForwardTime
from engine.worker.scheduling.scheduler import Scheduler
from protocol.messages import Finished, Generate
from protocol.request import Lora
from tests.engine.worker.pipeline.test_parity import painted
from tests.engine.worker.test_loop import of, perform
from tests.support import lora_file
from tests.support.likeness import LATENTS, assert_same_latents, assert_same_pixels, decoded, relative
from tests.support.orders import order

INK, GOLD = Lora(name="ink", weight=0.8), Lora(name="gold", weight=-0.5)
FREE = ForwardTime(points=((0, 1.0), (100_000, 1.0)))  # a forward takes as long with one sample as with all


@pytest.fixture
def folder(tiny: Path, tmp_path: Path) -> Path:
    for seed, name in enumerate(("gold", "ink")):
        lora_file.write(tmp_path / f"{name}.safetensors", tiny, seed=seed)
    return tmp_path


@pytest.fixture
def wearing(tiny: Path, folder: Path) -> Pipeline:
    """The tiny model with two LoRAs beside it."""
    device = find_device("cpu")
    return Pipeline(load(tiny, device), device, loras=folder)


def latent(pipeline: Pipeline, *loras: Lora) -> torch.Tensor:
    return painted(pipeline, pipeline.begin(order(loras=loras), 0))[0].latent


@pytest.mark.parametrize("loras", [(INK,), (INK, GOLD)])
def test_a_picture_equals_that_of_the_bare_pipeline_with_merged_weights(
    wearing: Pipeline, folder: Path, tiny: Path, loras: tuple[Lora, ...]
) -> None:
    bare = ZImagePipeline.from_pretrained(tiny, local_files_only=True)
    bare.set_progress_bar_config(disable=True)
    for one in loras:
        lora_file.merge(bare.transformer, folder / f"{one.name}.safetensors", one.weight)
    theirs = bare(
        order().request.prompt,
        width=64,
        height=64,
        num_inference_steps=8,
        guidance_scale=0.0,
        generator=torch.Generator().manual_seed(7),
        output_type="latent",
    ).images

    ours = latent(wearing, *loras)

    assert_same_latents(ours.squeeze(1), theirs[0])


def test_a_picture_before_and_after_is_bit_for_bit_the_same(wearing: Pipeline) -> None:
    before = latent(wearing)
    dressed = latent(wearing, INK, GOLD)
    after = latent(wearing)

    assert torch.equal(before, after)
    assert relative(dressed, before) > 1e-2


@pytest.mark.parametrize("policy", ["fp8-storage", "group-offload", "sequential"])
def test_wherever_the_weights_lie_it_is_applied_and_leaves_no_trace(
    wearing: Pipeline, folder: Path, tiny: Path, policy: str
) -> None:
    device = find_device("cpu", policy)
    frugal = Pipeline(load(tiny, device), device, loras=folder)

    before, dressed, after = latent(frugal), latent(frugal, INK), latent(frugal)

    assert torch.equal(before, after)
    # Storage in one byte moves every picture a little, and one that wears a LoRA no more than others.
    nearest = max(LATENTS, 1.5 * relative(before, latent(wearing)))
    assert relative(dressed, latent(wearing, INK)) <= nearest


@pytest.mark.parametrize("storage", [Storage.INT8, Storage.FP8])
def test_it_is_applied_over_packed_weights_and_leaves_no_trace(folder: Path, tiny: Path, storage: Storage) -> None:
    device = find_device("cpu")
    packed = Pipeline(load(tiny, device, storage), device, loras=folder)

    before, dressed, after = latent(packed), latent(packed, INK), latent(packed)

    assert torch.equal(before, after)
    assert relative(dressed, before) > 1e-2


def test_compiled_blocks_apply_what_was_put_on_after_they_were_compiled(
    wearing: Pipeline, folder: Path, tiny: Path
) -> None:
    device = find_device("cpu")
    compiled = Pipeline(load(tiny, device), device, loras=folder)
    acceleration.compile_blocks(compiled.transformer, backend="aot_eager")  # the graphs without a compiler's minutes

    for loras in ((), (INK,), (INK, GOLD), (GOLD,), ()):
        assert_same_latents(latent(compiled, *loras), latent(wearing, *loras))


def test_the_order_of_two_and_their_company_change_nothing(wearing: Pipeline) -> None:
    first, second = (wearing.begin(order(loras=loras), 0) for loras in ((INK, GOLD), (GOLD, INK)))

    together = painted(wearing, first, second)

    assert_same_latents(together[0].latent, together[1].latent)
    assert_same_latents(together[0].latent, latent(wearing, GOLD, INK))


def test_requests_of_different_sets_share_no_forward_and_all_come_out_as_alone(
    wearing: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    wishes: dict[str, tuple[Lora, ...]] = {
        "bare": (), "plain": (), "ink": (INK,), "more ink": (INK,), "fainter": (Lora(name="ink", weight=0.3),),
        "both": (GOLD, INK),
    }  # fmt: skip
    orders = [order(job, loras=loras, steps=3) for job, loras in wishes.items()]
    alone = {one.job: of(perform(wearing, one), Finished, one.job)[0].png for one in orders}
    companies: list[set[str]] = []
    paint = wearing.step

    def step(samples: list[Sample]) -> None:
        companies.append({sample.job for sample in samples})
        paint(samples)

    monkeypatch.setattr(wearing, "step", step)
    together = perform(wearing, *orders, scheduler=Scheduler[Generate, Sample](forward_time=FREE))

    assert {frozenset(company) for company in companies} == {
        frozenset({"bare", "plain"}), frozenset({"ink", "more ink"}), frozenset({"fainter"}), frozenset({"both"})
    }  # fmt: skip
    assert len(companies) == 4 * 3  # each group to its end: nothing is put on and taken off step by step
    for job, png in alone.items():
        assert_same_pixels(decoded(of(together, Finished, job)[0].png), decoded(png))


def test_the_recipe_in_the_picture_names_them(wearing: Pipeline) -> None:
    (picture,) = of(perform(wearing, order(loras=(INK, GOLD))), Finished)

    assert b"<lora:ink:0.8> <lora:gold:-0.5>" in picture.png


def test_the_card_offers_what_lies_in_the_folder_and_follows_it(wearing: Pipeline, folder: Path, tiny: Path) -> None:
    assert wearing.card.loras == ("gold", "ink")
    assert wearing.card.offers("lora")
    assert not wearing.refresh_loras()

    lora_file.write(folder / "Water.safetensors", tiny, seed=3)
    (folder / "ink.safetensors").unlink()

    assert wearing.refresh_loras()
    assert wearing.card.loras == ("gold", "Water")
    with pytest.raises(LoraGone):
        wearing.begin(order(loras=(INK,)), 0)
    latent(wearing, Lora(name="Water"))

    for file in folder.iterdir():
        file.unlink()
    assert wearing.refresh_loras()
    assert not wearing.card.offers("lora")


def test_without_a_folder_or_with_an_empty_one_nothing_is_offered(
    pipeline: Pipeline, tiny: Path, tmp_path: Path
) -> None:
    device = find_device("cpu")

    empty = Pipeline(load(tiny, device), device, loras=tmp_path)
    absent = Pipeline(load(tiny, device), device, loras=tmp_path / "absent")

    for one in (pipeline, empty, absent):
        assert not one.card.offers("lora")
        assert one.card.loras == ()
    assert (pipeline.loras.problem, empty.loras.problem) == ("", "")
    assert "There is no LoRA folder" in absent.loras.problem


def test_a_file_that_changes_nothing_is_named_once_and_not_offered(
    wearing: Pipeline, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (folder / "noise.safetensors").write_bytes(b"noise")

    assert wearing.refresh_loras()
    assert not wearing.refresh_loras()

    assert wearing.card.loras == ("gold", "ink")
    assert [record.getMessage() for record in caplog.records if "noise" in record.getMessage()] == [
        "The LoRA file noise.safetensors is cut off or no safetensors file."
    ]
    assert wearing.loras.problem.startswith("The LoRA file noise.safetensors")


def test_what_a_file_brings_in_vain_is_counted_on_the_card_and_named_once(
    wearing: Pipeline, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    tensors = load_file(folder / "ink.safetensors")
    foreign = {
        name.replace("layers.1.", "layers.9."): value.clone() for name, value in tensors.items() if "layers.1." in name
    }
    save_file(tensors | foreign, folder / "deep.safetensors")

    assert wearing.refresh_loras()
    assert not wearing.refresh_loras()

    assert wearing.card.loras == ("deep", "gold", "ink")
    assert wearing.card.unused_tensors == {"deep": 6}
    (said,) = [record.getMessage() for record in caplog.records if "deep" in record.getMessage()]
    assert said.startswith("The LoRA file deep.safetensors brings 6 tensors that this model has no place for, such as ")
    assert said.endswith(f"{min(foreign)}; the others are used.")
    assert_same_latents(latent(wearing, Lora(name="deep", weight=0.8)), latent(wearing, INK))


def test_a_file_that_changes_norms_and_biases_leaves_no_trace(wearing: Pipeline, folder: Path, tiny: Path) -> None:
    shapes = {"layers.0.attention_norm1": 64, "layers.1.attention.q_norm": 32, "cap_embedder.0": 64}
    state = {f"diffusion_model.{name}.diff": torch.full((size,), 0.5) for name, size in shapes.items()}
    state["diffusion_model.x_embedder.diff_b"] = torch.full((64,), 0.5)
    save_file(state, folder / "norms.safetensors")
    wearing.refresh_loras()
    merged = load(tiny, find_device("cpu"))
    with torch.no_grad():
        for name in shapes:
            norm = merged.transformer.get_submodule(name.replace("q_norm", "norm_q"))
            norm.weight += 0.5  # pyright: ignore[reportOperatorIssue]
        merged.transformer.get_submodule("all_x_embedder.2-1").bias += 0.5  # pyright: ignore[reportOperatorIssue]

    before, dressed, after = latent(wearing), latent(wearing, Lora(name="norms")), latent(wearing)

    assert torch.equal(before, after)
    assert relative(dressed, before) > 1e-2
    assert_same_latents(dressed, latent(Pipeline(merged, find_device("cpu"))))


def test_names_are_the_same_however_their_accents_are_coded(wearing: Pipeline, folder: Path) -> None:
    composed, apart = "\u00e9t\u00e9", "e\u0301te\u0301"
    (folder / "ink.safetensors").rename(folder / f"{apart}.safetensors")

    wearing.refresh_loras()

    assert wearing.card.loras == (composed, "gold")
    for name in (composed, apart):
        wearing.begin(order(loras=(Lora(name=name),)), 0)


def test_a_file_that_is_exchanged_is_read_anew(wearing: Pipeline, folder: Path, tiny: Path) -> None:
    before = latent(wearing, INK)

    lora_file.write(folder / "ink.safetensors", tiny, seed=9)
    os.utime(folder / "ink.safetensors", ns=(1, 1))  # as if written at another moment
    wearing.refresh_loras()

    assert relative(latent(wearing, INK), before) > 1e-3


def test_a_request_keeps_the_file_that_it_began_with(wearing: Pipeline, folder: Path, tiny: Path) -> None:
    whole = latent(wearing, INK)
    sample = wearing.begin(order(loras=(INK,)), 0)
    wearing.step([sample])

    lora_file.write(folder / "ink.safetensors", tiny, seed=9)
    os.utime(folder / "ink.safetensors", ns=(1, 1))
    wearing.refresh_loras()
    latent(wearing, INK)

    assert torch.equal(painted(wearing, sample)[0].latent, whole)


def test_only_the_last_few_stay_in_memory(wearing: Pipeline, folder: Path, tiny: Path) -> None:
    names = [f"style {n}" for n in range(KEPT + 2)]
    for name in names:
        lora_file.write(folder / f"{name}.safetensors", tiny)
    wearing.refresh_loras()

    for name in names:
        wearing.begin(order(loras=(Lora(name=name),)), 0)

    assert [Path(path).stem for path, _, _ in wearing.loras.kept] == names[2:]


def test_a_file_that_breaks_after_it_was_offered_fails_its_own_request_alone(wearing: Pipeline, folder: Path) -> None:
    stat = (folder / "ink.safetensors").stat()
    (folder / "ink.safetensors").write_bytes(bytes(stat.st_size))
    os.utime(folder / "ink.safetensors", ns=(stat.st_atime_ns, stat.st_mtime_ns))

    events = perform(wearing, order("broken", loras=(INK,)), order("whole", loras=(GOLD,)))

    (failed,) = [event for event in events if getattr(event, "code", None)]
    assert (failed.job, failed.code, failed.arguments) == ("broken", "lora-unusable", {"file": "ink.safetensors"})
    assert of(events, Finished, "whole")
