"""Attachments from strangers: host, size, then a decode in a child process with little memory and little time.

`python -m bot.attachments` is that child: a file on stdin, one JSON line and the re-encoded PNG on stdout. Arguments
say what it is for: `keep-transparency` does that, `mask WIDTH HEIGHT` makes the mask of a picture of that size.
"""

from __future__ import annotations

import asyncio
import io
import json
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, cast
from urllib.parse import urlsplit

from PIL import Image, ImageFile, ImageOps, UnidentifiedImageError

from bot.jobs.errors import (
    BadPicture,
    EmptyPicture,
    ForeignPicture,
    MaskOfAnotherShape,
    MaskPaintsEverything,
    MaskPaintsNothing,
    NotAPicture,
    PictureTooHeavy,
    TooManyPixels,
)

if TYPE_CHECKING:
    import discord

MAX_BYTES = 20 * 1024 * 1024  # of the uploaded file
MAX_PIXELS = 25_000_000  # 13000² in half a megabyte of PNG would decode to 660 MB
MAX_SIDE = 2048  # pixels of what is kept; more than any model here paints
MEMORY = 1024 * 1024 * 1024  # address space of the child: 25 Mpx twice in RGBA beside the interpreter
CPU_SECONDS = 10
WALL_SECONDS = 20.0
FORMATS = ("PNG", "JPEG", "WEBP", "GIF")
SOLID = 128  # of 255: what is less opaque counts as transparent, what is less bright is not painted
SAME_SHAPE = 0.02  # by which the proportions of a mask and its picture may differ

KEEP_TRANSPARENCY = "keep-transparency"  # a purpose: keep what is transparent

_DISCORD_HOSTS = frozenset({"cdn.discordapp.com", "media.discordapp.net"})
_ROOT = Path(__file__).parents[1]
_MIB = 1024 * 1024


class PictureReader:
    """Turns an attachment into a clean PNG. `endpoint` is a Discord-compatible server whose files may be read too."""

    def __init__(self, *, endpoint: str | None = None, at_once: int = 2) -> None:
        self._endpoint = urlsplit(endpoint) if endpoint else None
        self._turn = asyncio.Semaphore(at_once)

    def check(self, attachment: discord.Attachment) -> None:
        """What can be known before a byte is fetched. Raises ForeignPicture, EmptyPicture, PictureTooHeavy."""
        url = urlsplit(attachment.url)
        ours = self._endpoint is not None and url[:2] == self._endpoint[:2]
        if not ours and (url.scheme != "https" or url.hostname not in _DISCORD_HOSTS or url.port is not None):
            raise ForeignPicture()
        if attachment.size == 0:
            raise EmptyPicture()
        if attachment.size > MAX_BYTES:
            raise PictureTooHeavy(size=round(attachment.size / _MIB, 1), limit=MAX_BYTES // _MIB)

    async def read(self, attachment: discord.Attachment, *purpose: str) -> bytes:
        """The attachment upright, without metadata, RGB, at most MAX_SIDE a side, as PNG. Raises BadPicture.

        With KEEP_TRANSPARENCY it is RGBA where something in it is transparent and something is not. With
        `mask_of(size)` it is black and white, of that size, and white where it paints.
        """
        from discord import HTTPException  # not at the top: the child has no use for it

        self.check(attachment)
        try:
            data = await attachment.read()
        except HTTPException as error:
            raise BadPicture from error  # its address has expired, or it was deleted meanwhile
        return await self.clean(data, *purpose)

    async def clean(self, data: bytes, *purpose: str) -> bytes:
        """The same for bytes that are already here."""
        if not data:
            raise EmptyPicture()
        async with self._turn:
            answer = await _in_child(data, purpose)
        head, _, png = answer.partition(b"\n")
        try:
            said = json.loads(head)
        except ValueError:
            raise NotAPicture() from None  # the child was killed by its limits, or there was nothing to say
        code = said.pop("code", None)
        if code != "ok" or not png:
            refusals = {kind.code: kind for kind in BadPicture.family()}
            raise refusals.get(code, NotAPicture)(**said)
        return png


def mask_of(size: tuple[int, int]) -> tuple[str, ...]:
    """The purpose of a picture that is the mask of one of this width and height."""
    return ("mask", *map(str, size))


async def _in_child(data: bytes, purpose: Sequence[str]) -> bytes:
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "bot.attachments",
        *purpose,
        cwd=_ROOT,
        env=_environment(),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with asyncio.timeout(WALL_SECONDS):
            answer, _ = await child.communicate(data)
    except TimeoutError:
        return b""
    finally:
        if child.returncode is None:
            with suppress(ProcessLookupError):
                child.kill()
            await child.wait()
    return answer


def _environment() -> dict[str, str] | None:
    """On POSIX nothing of ours, so that no token is in reach of a decoder; Windows needs its own variables."""
    return None if sys.platform == "win32" else {"PYTHONDONTWRITEBYTECODE": "1"}


def reencode(data: bytes, *purpose: str) -> bytes:
    """The child's work. Raises BadPicture; anything else that Pillow raises ends the child without an answer."""
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
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
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
