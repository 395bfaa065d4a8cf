"""Pictures as files that Discord takes: PNG where it fits, else WebP, else JPEG; the blob store keeps the PNG."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from PIL import Image

from bot.jobs.job import Job
from bot.ui.views import file_name

DEFAULT_LIMIT = 10 * 1024 * 1024  # bytes a file, where no interaction has said otherwise
TOTAL_LIMIT = 24 * 1024 * 1024  # bytes of all files; Discord takes 25 MiB a request, with its form fields
LEAST_SIDE = 32  # pixels of the longer side
_EXIF_IFD, _USER_COMMENT, _MAKE, _MODEL = 0x8769, 0x9286, 0x010F, 0x0110  # of EXIF
_DIGITAL_SOURCE = "XML:com.adobe.xmp"  # Pillow's name for the XMP of a PNG; it says that the picture is generated


@dataclass(frozen=True, kw_only=True, slots=True)
class Upload:
    """All pictures of a job in one format. `rung` is the place in the ladder that was reached."""

    rung: int
    kind: str  # also the file ending
    files: tuple[bytes, ...]

    @property
    def converted(self) -> str | None:
        """The format that the pictures had to be shown in, where it is not the one they are kept in."""
        return None if self.kind == "png" else self.kind.upper()

    def names(self, job: Job) -> list[str]:
        """One per picture of this job."""
        return [file_name(job, picture.k, self.kind) for picture in job.pictures]

    def attachments(self, names: Sequence[str]) -> tuple[tuple[str, bytes], ...]:
        """Each file with its name."""
        return tuple(zip(names, self.files, strict=True))


async def fit(pngs: Sequence[bytes], *, limit: int, rung: int = 0) -> Upload | None:
    """The best form of these pictures within `limit` bytes each and TOTAL_LIMIT together, from `rung` down.

    None where the ladder ends: what is smaller than LEAST_SIDE shows nothing.
    """
    return await asyncio.to_thread(_fit, pngs, limit, rung)


def _fit(pngs: Sequence[bytes], limit: int, rung: int) -> Upload | None:
    longest = max(map(_longer_side, pngs))
    while True:
        kind, encode = _LADDER[min(rung, len(_LADDER) - 1)]
        scale = 2 ** max(0, rung - len(_LADDER) + 1)  # below the ladder: JPEG at half the side, a quarter, …
        if scale > 1 and longest // scale < LEAST_SIDE:
            return None
        files = tuple(encode(png, scale) for png in pngs)
        if max(map(len, files)) <= limit and sum(map(len, files)) <= TOTAL_LIMIT:
            return Upload(rung=rung, kind=kind, files=files)
        rung += 1


def _longer_side(png: bytes) -> int:
    with Image.open(io.BytesIO(png)) as picture:
        return max(picture.size)


def _original(png: bytes, scale: int) -> bytes:
    return png


def _encoder(form: str, quality: int) -> Callable[[bytes, int], bytes]:
    def encode(png: bytes, scale: int) -> bytes:
        with Image.open(io.BytesIO(png)) as picture:
            xmp = picture.info.get(_DIGITAL_SOURCE) or picture.info.get("xmp") or b""
            recipe = _recipe(picture.info, form) if scale == 1 else b""
            shown = picture.convert("RGB")
        if scale > 1:
            shown.thumbnail((max(1, shown.width // scale), max(1, shown.height // scale)), Image.Resampling.LANCZOS)
        out = io.BytesIO()
        shown.save(out, form, quality=quality, xmp=xmp.encode() if isinstance(xmp, str) else xmp, exif=recipe)
        return out.getvalue()

    return encode


def _recipe(info: Mapping[str | tuple[int, int], object], form: str) -> bytes:
    """What a PNG says in its texts as EXIF, where A1111 looks for it in other files, and ComfyUI in WebP."""
    exif = Image.Exif()
    if parameters := info.get("parameters"):
        exif.get_ifd(_EXIF_IFD)[_USER_COMMENT] = b"UNICODE\0" + str(parameters).encode("utf-16-be")
    if form == "WEBP":  # nobody reads a graph in a JPEG, whose EXIF ends at 64 KB
        graphs = {_MODEL: "prompt", _MAKE: "workflow"}
        exif.update({tag: f"{key}:{info[key]}" for tag, key in graphs.items() if key in info})
    return exif.tobytes()


_LADDER: tuple[tuple[str, Callable[[bytes, int], bytes]], ...] = (
    ("png", _original),
    ("webp", _encoder("WEBP", 92)),
    ("jpg", _encoder("JPEG", 88)),
    ("jpg", _encoder("JPEG", 70)),
)
