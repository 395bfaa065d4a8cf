"""The training's own forward is the published one, a broken run goes on where it was, and the budget ends it."""

from pathlib import Path

import pytest
import torch

from engine.training import denoiser, flow, models
from engine.training.clock import Budget
from engine.training.latents import Norm
from engine.training.models import Parts, build
from engine.training.subjects.book import Landscape, Sign
from engine.training.subjects.scenes import Scene
from engine.training.tokens import learn_tokenizer


@pytest.fixture(scope="module")
def parts() -> Parts:
    torch.set_num_threads(1)
    return build(learn_tokenizer(), seed=3)


def test_the_batched_forward_equals_the_published_one(parts: Parts) -> None:
    model = build(parts.tokenizer, seed=3).transformer
    torch.nn.init.normal_(model.all_final_layer["2-1"].linear.weight, std=0.1)
    latents, words = torch.randn(2, 16, 26, 40), torch.randn(2, 32, 128)
    lengths, time = torch.tensor([20, 32]), torch.tensor([0.3, 0.8])

    with torch.no_grad():
        listed = [words[0, :20], words[1]]
        published = model([one[:, None] for one in latents], time, listed, return_dict=False)[0]
        denoiser.Painter.of(Parts(transformer=model, text_encoder=parts.text_encoder, tokenizer=parts.tokenizer,
                                  vae=parts.vae, scheduler=parts.scheduler), minutes=1)  # fmt: skip
        ours = flow.forward(model, latents, time, words, lengths)

    assert torch.allclose(ours, torch.stack([one[:, 0] for one in published]), atol=1e-4)


def test_captions_are_encoded_as_the_pipeline_encodes_them(parts: Parts) -> None:
    text = "a red star above 一个蓝色的圆形"

    ids, lengths = flow.tokenize(parts.tokenizer, [text])
    with torch.no_grad():
        ours = flow.encode(parts.text_encoder, ids)[0, : lengths[0]]
        published, _ = parts.pipeline().encode_prompt(
            text, device=torch.device("cpu"), do_classifier_free_guidance=False
        )

    assert torch.allclose(ours, published[0], atol=1e-5)


def test_the_sampler_levels_are_half_of_the_training_levels() -> None:
    sigmas = flow.sample_sigmas(96, torch.Generator().manual_seed(1))

    sampled = torch.tensor([1, 0.95455, 0.9, 0.83333, 0.75, 0.64286, 0.5, 0.3])
    on_level = (sigmas[:, None] - sampled).abs().min(1).values < 1e-3

    assert 48 <= int(on_level.sum()) < 70
    assert float(sigmas.min()) > 0
    assert float(sigmas.max()) <= 1


def test_a_resumed_run_takes_the_same_steps_as_an_unbroken_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for size, small in {"DIT_WIDTH": 48, "DIT_HEADS": 1, "DIT_LAYERS": 1, "TEXT_LAYERS": 2}.items():
        monkeypatch.setattr(models, size, small)  # Muon multiplies in bf16, for which some processors take minutes
    monkeypatch.setattr(denoiser, "HALF_BATCH", 2)
    monkeypatch.setattr(denoiser, "HALF", {(128, 128): 1.0})
    monkeypatch.setattr(denoiser, "MIX", {Scene: 1.0, Landscape: 0.0, Sign: 0.0})
    stored = torch.randn(8, 16, 16, 16, generator=torch.Generator().manual_seed(0)).bfloat16()
    tokenizer = learn_tokenizer()

    def painter() -> denoiser.Painter:
        return denoiser.Painter.of(build(tokenizer, seed=5), minutes=100)

    def steps(one: denoiser.Painter, count: int) -> list[float]:
        norm = Norm(shift=0.0, scale=1.0)
        return [denoiser.one_step(one, tokenizer, lambda _w, _h: stored, norm) for _ in range(count)]

    unbroken, broken, resumed = painter(), painter(), painter()
    losses = steps(unbroken, 3)
    steps(broken, 2)
    broken.save(tmp_path / "run.pt")
    resumed.load(tmp_path / "run.pt")

    assert steps(resumed, 1) == pytest.approx(losses[2:], rel=1e-5)
    assert resumed.step == 3
    for name, value in resumed.net.state_dict().items():
        torch.testing.assert_close(value, unbroken.net.state_dict()[name], rtol=1e-3, atol=1e-6, msg=name)


def test_the_budget_warms_up_holds_and_ends() -> None:
    rates = [Budget(minutes=1, spent=spent).rate(decay_from=0.6) for spent in (0.3, 20, 36, 48, 60)]

    assert rates == pytest.approx([0.25, 1.0, 1.0, 0.5, 0.02])
    assert Budget(minutes=1, spent=60).over
