"""Pixels in and out: lossless, small, and cut to the right size."""

from __future__ import annotations

import io

import numpy as np
import pytest
import torch
from diffusers.image_processor import VaeImageProcessor
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from engine.worker.image.pixels import (
    BadSource,
    Pixels,
    cover,
    decode_source,
    encode_png,
    encode_preview,
    to_bytes,
    to_tensor,
)


def noise(width: int, height: int, seed: int = 0) -> Pixels:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


@given(width=st.integers(1, 70), height=st.integers(1, 40), seed=st.integers(0, 99))
def test_png_is_lossless(width: int, height: int, seed: int) -> None:
    pixels = noise(width, height, seed)

    png = encode_png(pixels, [(b"tEXt", b"key\0value")])

    with Image.open(io.BytesIO(png)) as picture:
        picture.load()
        assert picture.info["key"] == "value"
        assert np.array_equal(np.asarray(picture), pixels)


def test_smooth_pictures_pack_well() -> None:
    ramp = np.broadcast_to(np.arange(256, dtype=np.uint8)[None, :, None], (256, 256, 3))

    assert len(encode_png(np.ascontiguousarray(ramp))) < ramp.nbytes / 50


def test_pixels_are_rounded_as_diffusers_rounds_them() -> None:
    decoded = torch.rand((1, 3, 32, 48), generator=torch.Generator().manual_seed(0)) * 2.4 - 1.2

    theirs = VaeImageProcessor(vae_scale_factor=16).postprocess(decoded, output_type="pil")[0]

    assert np.array_equal(to_bytes(decoded[0]).numpy(), np.asarray(theirs))


def test_sources_become_tensors_as_in_diffusers() -> None:
    pixels = noise(48, 32)

    theirs = VaeImageProcessor(vae_scale_factor=16).preprocess(Image.fromarray(pixels))

    assert torch.equal(to_tensor(pixels), theirs)


@pytest.mark.parametrize(("width", "height"), [(64, 64), (32, 96), (96, 32)])
def test_a_source_is_cropped_around_its_middle_to_cover_the_size(width: int, height: int) -> None:
    source = Image.new("RGB", (300, 200), "red")
    source.paste("blue", (100, 50, 200, 150))

    covered = cover(source, width, height)

    assert covered.size == (width, height)
    assert covered.getpixel((width // 2, height // 2)) == (0, 0, 255)
    assert covered.getpixel((width // 2, 1)) in ((255, 0, 0), (0, 0, 255))


def test_a_source_of_the_right_size_is_not_touched() -> None:
    source = Image.fromarray(noise(64, 32))

    assert cover(source, 64, 32) is source


@pytest.mark.parametrize("data", [b"", b"GIF89a", b"\x89PNG\r\n\x1a\n"])
def test_bytes_that_are_no_picture_are_said_to_be_none(data: bytes) -> None:
    with pytest.raises(BadSource):
        decode_source(data)


@pytest.mark.parametrize(("count", "size"), [(1, (256, 256)), (2, (384, 192)), (4, (384, 96))])
def test_a_preview_is_at_most_384_pixels_wide(count: int, size: tuple[int, int]) -> None:
    preview = encode_preview([noise(32, 32)] * count, 8)

    with Image.open(io.BytesIO(preview)) as picture:
        assert picture.size == size
        assert picture.format == "JPEG"
