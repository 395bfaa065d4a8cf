"""The process that decodes strangers' files, with little memory and little time: `python -m bot.decoding`.

A file on stdin, one JSON line and the re-encoded PNG on stdout. Arguments say what it is for: `keep-transparency` does
that, `mask WIDTH HEIGHT` makes the mask of a picture of that size.
"""

from __future__ import annotations

import io
import json
import sys
from typing import cast

from PIL import Image, ImageFile, ImageOps, UnidentifiedImageError

from bot.jobs.errors import (
    BadPicture,
    MaskOfAnotherShape,
    MaskPaintsEverything,
    MaskPaintsNothing,
    NotAPicture,
    TooManyPixels,
)

MAX_BYTES = 20 * 1024 * 1024  # of the uploaded file
MAX_PIXELS = 25_000_000  # 13000² in half a megabyte of PNG would decode to 660 MB
MAX_SIDE = 2048  # pixels of what is kept; more than any model here paints
MEMORY = 1024 * 1024 * 1024  # address space: 25 Mpx twice in RGBA beside the interpreter
CPU_SECONDS = 10  # the heaviest of honest pictures, 25 Mpx of WebP, takes 2.6 s of a server's core
FORMATS = ("PNG", "JPEG", "WEBP", "GIF")
SOLID = 128  # of 255: what is less opaque counts as transparent, what is less bright is not painted
SAME_SHAPE = 0.02  # by which the proportions of a mask and its picture may differ

KEEP_TRANSPARENCY = "keep-transparency"  # a purpose: keep what is transparent


def mask_of(size: tuple[int, int]) -> tuple[str, ...]:
    """The purpose of a picture that is the mask of one of this width and height."""
    return ("mask", *map(str, size))


def reencode(data: bytes, *purpose: str) -> bytes:
    """The picture as PNG, for this purpose. Raises BadPicture; anything else ends this process without an answer."""
    upright = _upright(data)
    match purpose:
        case ("mask", width, height):
            clean = _mask(upright, int(width), int(height))
        case ("keep-transparency",) if _transparent(upright) and _is_partly_transparent(upright):
            clean = upright.convert("RGBA")
        case _:
            clean = _on("white", upright) if _transparent(upright) else upright.convert("RGB")
    clean.info.clear()
    out = io.BytesIO()
    clean.save(out, "PNG", compress_level=1)
    return out.getvalue()


def _upright(data: bytes) -> Image.Image:
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as picture:
            width, height = picture.size
            picture.draft("RGB", (MAX_SIDE, MAX_SIDE))  # a JPEG decodes small at once; others ignore it
            if picture.width * picture.height > MAX_PIXELS:
                raise TooManyPixels(width=width, height=height, limit=MAX_PIXELS // 1_000_000)
            picture.load()
            upright = _in_srgb(_in_eight_bits(ImageOps.exif_transpose(picture)))
            upright.thumbnail((MAX_SIDE, MAX_SIDE), Image.Resampling.LANCZOS)
            return upright
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, EOFError) as error:
        raise NotAPicture() from error


def _in_eight_bits(picture: Image.Image) -> Image.Image:
    """Pillow's own way from 16 bits of grey to 8 cuts off what is above 255, which is nearly all."""
    if not picture.mode.startswith("I"):
        return picture
    scaled = picture.convert("I").point(lambda level: level * (1 / 257) + 0.5).convert("L")
    scaled.info = {**picture.info}
    if isinstance(clear := picture.info.get("transparency"), int):
        scaled.info["transparency"] = round(clear / 257)
    return scaled


def _in_srgb(picture: Image.Image) -> Image.Image:
    """As a screen shows it; a profile that cannot be read is left aside, as browsers do."""
    profile = picture.info.pop("icc_profile", None)
    if profile is None:
        return picture
    from PIL import ImageCms

    transparent = _transparent(picture)
    alpha = picture.convert("RGBA").getchannel("A") if transparent else None
    opaque = picture if picture.mode in ("L", "RGB", "CMYK") else picture.convert("L" if "L" in picture.mode else "RGB")
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        screen = ImageCms.createProfile("sRGB")  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
        shown = ImageCms.profileToProfile(opaque, source, screen, outputMode="RGB")  # pyright: ignore[reportUnknownArgumentType]
    except (ImageCms.PyCMSError, OSError):
        return picture
    assert shown is not None  # not in place
    shown.info.clear()
    if alpha is not None:
        shown.putalpha(alpha)
    return shown


def _mask(picture: Image.Image, width: int, height: int) -> Image.Image:
    if abs(picture.width * height / (picture.height * width) - 1) > SAME_SHAPE:
        given = {"width": picture.width, "height": picture.height}
        raise MaskOfAnotherShape(**given, image_width=width, image_height=height)
    levels = (_on("black", picture) if _transparent(picture) else picture).convert("L")
    mask = levels.resize((width, height), Image.Resampling.BILINEAR).point([0] * SOLID + [255] * (256 - SOLID))
    match mask.getextrema():
        case (_, 0):
            raise MaskPaintsNothing
        case (255, _):
            raise MaskPaintsEverything
        case _:
            return mask


def _is_partly_transparent(picture: Image.Image) -> bool:
    least, most = picture.convert("RGBA").getchannel("A").getextrema()
    return int(cast("int", least)) < SOLID <= int(cast("int", most))


def _transparent(picture: Image.Image) -> bool:
    return picture.mode in ("RGBA", "LA", "PA") or "transparency" in picture.info


def _on(colour: str, picture: Image.Image) -> Image.Image:
    layer = picture.convert("RGBA")
    flat = Image.new("RGB", layer.size, colour)
    flat.paste(layer, mask=layer.getchannel("A"))
    return flat


def _limit_this_process() -> None:
    """Memory and processor time; Windows has neither, there the wall clock and the pixel cap remain."""
    if sys.platform == "win32":
        return
    import resource

    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS + 1))  # the first is a signal that tells
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _main() -> None:
    _limit_this_process()
    Image.MAX_IMAGE_PIXELS = None  # ours is a refusal instead of a warning
    # Read what browsers read: a file that was cut short, a chunk beside the picture that is torn or too large.
    ImageFile.LOAD_TRUNCATED_IMAGES = True
    data = sys.stdin.buffer.read(MAX_BYTES + 1)
    png = b""
    try:
        png = reencode(data, *sys.argv[1:])
        said: dict[str, str | int | float] = {"code": "ok"}
    except BadPicture as refused:
        said = {"code": refused.code, **refused.arguments}
    sys.stdout.buffer.write(json.dumps(said).encode() + b"\n" + png)


if __name__ == "__main__":
    _main()
