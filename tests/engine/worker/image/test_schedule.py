"""The published recipe: which noise levels eight steps pass through."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from diffusers import FlowMatchEulerDiscreteScheduler
from diffusers.pipelines.z_image.pipeline_z_image import get_default_z_image_sigmas
from torch.utils._python_dispatch import TorchDispatchMode

from engine.worker.image import schedule
from tests.support.likeness import assert_same_latents


class Transfers(TorchDispatchMode):
    """Notes each copy of a tensor to another device: on a GPU such a copy waits until all before it is done."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        if "copy" in str(func):
            self.seen.append(str(func))
        return result


def test_eight_steps_are_eight_forwards_at_the_published_noise_levels() -> None:
    levels = schedule.sigmas(8)

    assert levels == pytest.approx([1, 0.9545, 0.9, 0.8333, 0.75, 0.6429, 0.5, 0.3, 0], abs=5e-5)


@pytest.mark.parametrize("steps", [1, 2, 4, 8, 9, 20, 60])
def test_every_schedule_is_that_of_diffusers_to_the_last_bit(steps: int) -> None:
    scheduler = FlowMatchEulerDiscreteScheduler(shift=3.0)
    scheduler.set_timesteps(steps, sigmas=get_default_z_image_sigmas(steps), mu=1.15)

    levels = schedule.sigmas(steps)

    assert levels == tuple(scheduler.sigmas.tolist())
    times = torch.stack([schedule.model_time(level) for level in levels[:-1]])
    assert torch.equal(times, (1000 - scheduler.timesteps) / 1000)


def test_noise_levels_are_plain_numbers() -> None:
    assert {type(level) for level in schedule.sigmas(8)} == {float}


@pytest.mark.parametrize("level", [1.0, 0.75, 0.3])
def test_from_any_noise_level_the_velocity_leads_to_the_picture(level: float) -> None:
    dice = torch.Generator().manual_seed(1)
    picture, noise = (torch.randn(16, 1, 4, 4, generator=dice) for _ in range(2))
    latent, velocity = schedule.noised(picture, noise, level), noise - picture

    seen, there = schedule.estimate(latent, velocity, level), schedule.euler(latent, velocity, level, 0.0)

    assert_same_latents(seen, picture)
    assert_same_latents(there, picture)


def test_a_step_is_that_of_diffusers_to_the_last_bit() -> None:
    scheduler = FlowMatchEulerDiscreteScheduler(shift=3.0)
    scheduler.set_timesteps(8, sigmas=get_default_z_image_sigmas(8), mu=1.15)
    levels, dice = schedule.sigmas(8), torch.Generator().manual_seed(1)
    theirs = ours = torch.randn(16, 1, 4, 4, generator=dice)

    for index, time in enumerate(scheduler.timesteps):
        velocity = torch.randn(16, 1, 4, 4, generator=dice)
        theirs = scheduler.step(velocity, time, theirs, return_dict=False)[0]
        ours = schedule.euler(ours, velocity, levels[index], levels[index + 1])

    assert torch.equal(ours, theirs)


def test_no_step_waits_for_a_number_that_has_yet_to_reach_the_device() -> None:
    latent, velocity = (torch.empty(16, 1, 4, 4, device="meta") for _ in range(2))

    with Transfers() as transfers:
        schedule.noised(latent, velocity, 0.75)
        schedule.estimate(latent, velocity, 0.75)
        schedule.euler(latent, velocity, 0.75, 0.5)

    assert transfers.seen == []


def test_guidance_one_is_not_off_and_zero_is() -> None:
    positive, negative = torch.tensor([2.0]), torch.tensor([1.0])

    assert schedule.guided(positive, negative, 1.0).item() == 3.0
    assert schedule.guided(positive, negative, 0.0).item() == 2.0
