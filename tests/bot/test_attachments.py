"""Files from strangers are decoded elsewhere, within limits, and come back clean."""

from __future__ import annotations

import io
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable

import pytest
from PIL import Image, ImageCms, PngImagePlugin

from bot import attachments as pictures
from bot.attachments import KEEP_TRANSPARENCY, PictureReader, mask_of
from bot.jobs.errors import (
    EmptyPicture,
    ForeignPicture,
    MaskOfAnotherShape,
    MaskPaintsEverything,
    MaskPaintsNothing,
    NotAPicture,
    PictureTakesTooLong,
    PictureTooHeavy,
    TooManyPixels,
)
from tests.story.test_attachments import bomb, many_scans


class File:
    """What discord.Attachment tells before it is fetched."""

    def __init__(self, url: str = "https://cdn.discordapp.com/attachments/1/2/a.png", size: int = 10) -> None:
        self.url = url
        self.size = size


def encoded(image: Image.Image, form: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP", "GIF"])
async def test_the_usual_formats_become_a_png_of_the_same_size(form: str) -> None:
    clean = await PictureReader().clean(encoded(Image.new("RGB", (60, 40), "red"), form))

    image = Image.open(io.BytesIO(clean))
    assert (image.format, image.mode, image.size) == ("PNG", "RGB", (60, 40))


async def test_a_turned_photograph_comes_back_upright_and_without_its_metadata() -> None:
    exif = Image.Exif()
    exif[274], exif[271] = 6, "Camera"
    note = PngImagePlugin.PngInfo()
    note.add_text("parameters", "secret words")

    turned = await PictureReader().clean(encoded(Image.new("RGB", (60, 40)), "JPEG", exif=exif))
    noted = await PictureReader().clean(encoded(Image.new("RGB", (60, 40)), "PNG", pnginfo=note))

    assert Image.open(io.BytesIO(turned)).size == (40, 60)
    assert not Image.open(io.BytesIO(turned)).getexif()
    assert b"secret words" not in noted


def deep_grey(level: int, size: tuple[int, int] = (8, 8)) -> Image.Image:
    """16 bits a pixel, all of this level."""
    return Image.frombytes("I;16", size, struct.pack("<H", level) * (size[0] * size[1]))


@pytest.mark.parametrize(("level", "shown"), [(0, 0), (257, 1), (32768, 128), (65535, 255)])
async def test_sixteen_bits_of_grey_are_seen_in_their_whole_range(level: int, shown: int) -> None:
    clean = await PictureReader().clean(encoded(deep_grey(level), "PNG"))

    assert Image.open(io.BytesIO(clean)).getpixel((0, 0)) == (shown,) * 3


async def test_half_of_a_mask_of_sixteen_bits_is_half() -> None:
    row = struct.pack("<60H", *[50_000] * 30, *[12_000] * 30)
    drawn = Image.frombytes("I;16", (60, 40), row * 40)

    mask = Image.open(io.BytesIO(await PictureReader().clean(encoded(drawn, "PNG"), *mask_of((60, 40)))))

    assert mask.histogram()[255] == 30 * 40


def display_p3() -> bytes:
    """The profile of a phone's screen: that of sRGB with other primaries (for D50, as profiles have them)."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    primaries = {
        b"rXYZ": (0.51512, 0.24120, -0.00105),
        b"gXYZ": (0.29198, 0.69225, 0.04189),
        b"bXYZ": (0.15710, 0.06657, 0.78407),
    }
    for number in range(struct.unpack_from(">I", profile, 128)[0]):
        tag, offset, _ = struct.unpack_from(">4sII", profile, 132 + 12 * number)
        if tag in primaries:
            struct.pack_into(">3i", profile, offset + 8, *(round(value * 65536) for value in primaries[tag]))
    return bytes(profile)


@pytest.mark.parametrize(
    ("form", "mode"), [("PNG", "RGB"), ("PNG", "RGBA"), ("PNG", "P"), ("JPEG", "RGB"), ("WEBP", "RGB")]
)
async def test_colours_are_those_that_the_profile_means(form: str, mode: str) -> None:
    picture = Image.new("RGB", (16, 16), (200, 100, 60))
    picture = picture.quantize(2) if mode == "P" else picture.convert(mode)
    options = {"PNG": {}, "WEBP": {"lossless": True}, "JPEG": {"quality": 100, "subsampling": 0}}[form]

    clean = await PictureReader().clean(encoded(picture, form, icc_profile=display_p3(), **options))

    seen = Image.open(io.BytesIO(clean)).getpixel((8, 8))
    assert isinstance(seen, tuple)
    # By the matrices of Display P3 and sRGB: 214.9, 92.6, 46.9.
    assert max(abs(a - b) for a, b in zip(seen, (215, 93, 47), strict=True)) <= 2, seen


async def test_what_is_transparent_stays_so_through_a_profile() -> None:
    holed = Image.new("RGBA", (8, 8), (200, 100, 60, 255))
    holed.paste((0, 0, 0, 0), (0, 0, 4, 8))

    clean = await PictureReader().clean(encoded(holed, "PNG", icc_profile=display_p3()), KEEP_TRANSPARENCY)

    kept = Image.open(io.BytesIO(clean))
    assert (kept.getpixel((0, 0))[3], kept.getpixel((7, 0))) == (0, (215, 93, 47, 255))


@pytest.mark.parametrize("profile", [b"nonsense", b"", display_p3()[:200]])
async def test_a_profile_that_cannot_be_read_is_left_aside(profile: bytes) -> None:
    clean = await PictureReader().clean(encoded(Image.new("RGB", (8, 8), (200, 100, 60)), "PNG", icc_profile=profile))

    assert Image.open(io.BytesIO(clean)).getpixel((0, 0)) == (200, 100, 60)


def with_chunk(png: bytes, kind: bytes, content: bytes, *, right: bool = True) -> bytes:
    """A chunk more before the pixels; with a wrong checksum where it is not to be right."""
    check = zlib.crc32(kind + content) ^ (0 if right else 1)
    chunk = struct.pack(">I", len(content)) + kind + content + struct.pack(">I", check)
    return png[:33] + chunk + png[33:]


@pytest.mark.parametrize(
    "odd",
    [
        lambda png: with_chunk(png, b"tEXt", b"note\0" + b"x" * 2**21),
        lambda png: with_chunk(png, b"zTXt", b"note\0\0" + zlib.compress(b"x" * 2**21)),
        lambda png: with_chunk(png, b"iTXt", b"note\0\1\0\0\0" + zlib.compress(b"x" * 2**21)),
        lambda png: with_chunk(png, b"tIME", b"\0" * 7, right=False),
    ],
    ids=["long text", "long packed text", "long international text", "wrong checksum beside the picture"],
)
async def test_what_stands_beside_a_picture_keeps_nobody_from_seeing_it(odd: Callable[[bytes], bytes]) -> None:
    clean = await PictureReader().clean(odd(encoded(Image.new("RGB", (8, 8), "red"), "PNG")))

    assert Image.open(io.BytesIO(clean)).getpixel((0, 0)) == (255, 0, 0)


async def test_a_photograph_that_lacks_its_last_bytes_is_one() -> None:
    photograph = encoded(Image.effect_noise((200, 100), 80).convert("RGB"), "JPEG")

    clean = await PictureReader().clean(photograph[:-12])

    assert Image.open(io.BytesIO(clean)).size == (200, 100)


async def test_a_photograph_of_48_megapixels_is_decoded_small() -> None:
    clean = await PictureReader().clean(encoded(Image.new("RGB", (8000, 6000), "teal"), "JPEG"))

    image = Image.open(io.BytesIO(clean))
    assert image.size == (2048, 1536)
    assert image.getpixel((9, 9)) == pytest.approx((0, 128, 128), abs=4)


async def test_what_is_transparent_becomes_white() -> None:
    clean = await PictureReader().clean(encoded(Image.new("RGBA", (8, 8), (255, 0, 0, 0)), "PNG"))

    assert Image.open(io.BytesIO(clean)).getpixel((0, 0)) == (255, 255, 255)


async def test_holes_are_kept_where_they_are_asked_for_and_there_are_some() -> None:
    holed = Image.new("RGBA", (8, 8), (255, 0, 0, 255))
    holed.paste((0, 0, 0, 0), (0, 0, 4, 8))
    solid, empty, faint = (Image.new("RGBA", (8, 8), (255, 0, 0, alpha)) for alpha in (255, 0, 200))

    kept = Image.open(io.BytesIO(await PictureReader().clean(encoded(holed, "PNG"), KEEP_TRANSPARENCY)))
    flat = [
        Image.open(io.BytesIO(await PictureReader().clean(encoded(one, "PNG"), KEEP_TRANSPARENCY)))
        for one in (solid, empty, faint)
    ]

    assert (kept.mode, kept.getpixel((0, 0)), kept.getpixel((7, 0))) == ("RGBA", (0, 0, 0, 0), (255, 0, 0, 255))
    assert [one.mode for one in flat] == ["RGB"] * 3


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP"])
async def test_a_mask_becomes_black_and_white_in_the_size_of_its_picture(form: str) -> None:
    drawn = Image.new("RGB", (120, 80), (30, 30, 30))
    drawn.paste((220, 220, 220), (0, 0, 60, 80))

    mask = Image.open(io.BytesIO(await PictureReader().clean(encoded(drawn, form), *mask_of((60, 40)))))

    assert (mask.mode, mask.size) == ("L", (60, 40))
    assert (mask.getpixel((5, 20)), mask.getpixel((55, 20))) == (255, 0)
    assert set(mask.tobytes()) == {0, 255}


async def test_white_strokes_on_nothing_are_a_mask_too() -> None:
    strokes = Image.new("RGBA", (60, 40), (255, 255, 255, 0))
    strokes.paste((255, 255, 255, 255), (10, 10, 20, 20))

    mask = Image.open(io.BytesIO(await PictureReader().clean(encoded(strokes, "PNG"), *mask_of((60, 40)))))

    assert (mask.getpixel((15, 15)), mask.getpixel((30, 30))) == (255, 0)


@pytest.mark.parametrize(
    ("mask", "refusal"),
    [
        (Image.new("L", (60, 40)), MaskPaintsNothing),
        (Image.new("L", (60, 40), 255), MaskPaintsEverything),
        (Image.new("RGBA", (60, 40)), MaskPaintsNothing),
        (Image.new("L", (40, 60), 255), MaskOfAnotherShape),
    ],
)
async def test_a_mask_that_makes_no_sense_is_refused(mask: Image.Image, refusal: type[Exception]) -> None:
    with pytest.raises(refusal):
        await PictureReader().clean(encoded(mask, "PNG"), *mask_of((60, 40)))


async def test_a_large_picture_comes_back_smaller() -> None:
    clean = await PictureReader().clean(encoded(Image.new("RGB", (4000, 1000)), "PNG"))

    assert Image.open(io.BytesIO(clean)).size == (2048, 512)


async def test_a_bomb_is_refused_by_its_header_alone() -> None:
    with pytest.raises(TooManyPixels) as refused:
        await PictureReader().clean(bomb(13000))

    assert refused.value.arguments == {"width": 13000, "height": 13000, "limit": 25}


@pytest.mark.parametrize("data", [b"I am a text.", b"\x89PNG\r\n\x1a\n" + b"\0" * 40, b"<svg/>"])
async def test_what_is_no_picture_is_said_to_be_none(data: bytes) -> None:
    with pytest.raises(NotAPicture):
        await PictureReader().clean(data)


async def test_an_empty_file_is_said_to_be_empty() -> None:
    with pytest.raises(EmptyPicture):
        await PictureReader().clean(b"")


async def test_a_decoder_that_does_not_come_back_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "WALL_SECONDS", 0.01)

    with pytest.raises(PictureTakesTooLong):
        await PictureReader().clean(encoded(Image.new("RGB", (60, 40)), "PNG"))


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit of a process's memory to set")
def test_the_child_cannot_take_more_memory_than_it_was_given() -> None:
    code = "import bot.decoding as p; p._limit_this_process(); bytearray(p.MEMORY)"

    ended = subprocess.run([sys.executable, "-c", code], cwd=pictures._ROOT, capture_output=True, check=False)

    assert b"MemoryError" in ended.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit of a process's processor time to set")
async def test_a_small_file_that_keeps_a_decoder_busy_is_ended_and_said_to_do_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pictures, "_DECODER", ("-c", "import bot.decoding as d; d.CPU_SECONDS = 1; d._main()"))

    with pytest.raises(PictureTakesTooLong):
        await PictureReader().clean(many_scans(2000))


def test_only_discords_hosts_and_the_endpoint_are_read() -> None:
    reader = PictureReader(endpoint="http://127.0.0.1:9000")

    for url in (
        "https://cdn.discordapp.com/a/b.png",
        "https://media.discordapp.net/a/b.png",
        "https://cdn.discordapp.com:443/a/b.png",
        "http://127.0.0.1:9000/attachments/1/2/a.png",
    ):
        reader.check(File(url))
    for url in (
        "http://cdn.discordapp.com/a/b.png",
        "https://cdn.discordapp.com.evil.example/a.png",
        "https://cdn.discordapp.com:8443/a.png",
        "https://cdn.discordapp.com@evil.example/a.png",
        "http://127.0.0.1:9001/a.png",
        "file:///etc/passwd",
        "https://somebody@cdn.discordapp.com/a.png",
        "https://cdn.discordapp.com:99999/a.png",
        "https://cdn.discordapp.com:bad/a.png",
        "",
    ):
        with pytest.raises(ForeignPicture):
            reader.check(File(url))


def test_size_is_looked_at_before_anything_is_fetched() -> None:
    with pytest.raises(EmptyPicture):
        PictureReader().check(File(size=0))
    with pytest.raises(PictureTooHeavy):
        PictureReader().check(File(size=pictures.MAX_BYTES + 1))
