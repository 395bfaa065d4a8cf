"""Pictures on their way in and out: source to tensor, tensor to pixels, pixels to PNG, latent to a small preview."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt
import torch
from isal import isal_zlib
from PIL import Image

PREVIEW_WIDTH = 384  # pixels, of all pictures of a request side by side
PREVIEW_QUALITY = 75
BLACK = 2  # of 255: a real picture of a dark night still has a brighter pixel somewhere
COMPRESSION = 1  # of isal; 0..3. With the Sub filter about 25 times as fast as Pillow's default, 6 % larger

Pixels = npt.NDArray[np.uint8]  # height, width, 3


class BadSource(Exception):
    """The picture to start from does not decode."""


def decode_source(data: bytes, mode: str = "RGB") -> Image.Image:
    """The picture a request starts from, in this mode of Pillow. Raises BadSource."""
    try:
        with Image.open(io.BytesIO(data)) as picture:
            return picture.convert(mode)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise BadSource(str(error)) from error


def cover(picture: Image.Image, width: int, height: int) -> Image.Image:
    """Scaled to cover width x height and cropped around the middle; untouched when the size is right."""
    if picture.size == (width, height):
        return picture
    box = covering_box(picture, width, height)
    return picture.resize((width, height), Image.Resampling.LANCZOS, box=box)


def covering_box(picture: Image.Image, width: int, height: int) -> tuple[float, float, float, float]:
    """(left, top, right, bottom) of the largest part of a picture, around its middle, of aspect width : height."""
    scale = max(width / picture.width, height / picture.height)
    span_x, span_y = min(width / scale, picture.width), min(height / scale, picture.height)
    left, top = (picture.width - span_x) / 2, (picture.height - span_y) / 2
    return left, top, left + span_x, top + span_y


def to_tensor(pixels: Pixels) -> torch.Tensor:
    """(1, 3, height, width), fp32 in -1..1, as diffusers' image processor makes it."""
    scaled = pixels.astype(np.float32) / 255.0
    return 2.0 * torch.from_numpy(scaled.transpose(2, 0, 1).copy())[None] - 1.0


def to_bytes(decoded: torch.Tensor) -> torch.Tensor:
    """(3, height, width) in -1..1 to (height, width, 3) bytes, where it lies: a quarter of the transfer."""
    scaled = (decoded.float() / 2 + 0.5).clamp(0, 1) * 255
    return scaled.round().to(torch.uint8).permute(1, 2, 0).contiguous()


def is_flat(pixels: Pixels) -> bool:
    """Whether there is nothing but black, or one and the same colour."""
    return int(pixels.max()) <= BLACK or bool((pixels == pixels[0, 0]).all())


def encode_png(pixels: Pixels, chunks: Iterable[tuple[bytes, bytes]] = ()) -> bytes:
    """A lossless PNG; `chunks` (type, data) come before the pixels."""
    height, width, _ = pixels.shape
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = isal_zlib.compress(_sub_filtered(pixels), COMPRESSION)
    parts = [(b"IHDR", header), *chunks, (b"IDAT", data), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, content) for kind, content in parts)


def _sub_filtered(pixels: Pixels) -> bytes:
    """Rows as differences to the pixel on the left (PNG filter type 1), which deflate packs far better."""
    height, width, channels = pixels.shape
    rows = np.empty((height, 1 + width * channels), dtype=np.uint8)
    rows[:, 0] = 1
    flat = pixels.reshape(height, width * channels)
    rows[:, 1 : 1 + channels] = flat[:, :channels]
    np.subtract(flat[:, channels:], flat[:, :-channels], out=rows[:, 1 + channels :])
    return rows.tobytes()


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def preview_pixels(latent: torch.Tensor, matrix: torch.Tensor, bias: torch.Tensor) -> Pixels:
    """One pixel per latent position. `latent` (16, h, w), `matrix` (16, 3), `bias` (3,), all on one device."""
    colour = torch.einsum("chw,cr->hwr", latent.float(), matrix) + bias
    return (colour.clamp(0, 1) * 255).round().to(torch.uint8).cpu().numpy()


def thumbnail(pixels: Pixels, scale: int) -> Pixels:
    """Every `scale`-th pixel of a large picture."""
    return pixels[scale // 2 :: scale, scale // 2 :: scale].copy()  # the picture is painted on meanwhile


def encode_preview(pictures: Sequence[Pixels], scale: int) -> bytes:
    """A JPEG of pictures side by side, enlarged up to `scale` times, at most PREVIEW_WIDTH wide."""
    joined = np.concatenate(pictures, axis=1)
    height, width, _ = joined.shape
    factor = min(scale, PREVIEW_WIDTH / width)
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    out = io.BytesIO()
    Image.fromarray(joined).resize(size, Image.Resampling.BICUBIC).save(out, "JPEG", quality=PREVIEW_QUALITY)
    return out.getvalue()
