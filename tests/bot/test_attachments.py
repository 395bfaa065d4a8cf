"""Files from strangers are decoded elsewhere, within limits, and come back clean."""

from __future__ import annotations

import io
import subprocess
import sys

import pytest
from PIL import Image, PngImagePlugin

from bot import attachments as pictures
from bot.attachments import KEEP_TRANSPARENCY, PictureReader, mask_of
from bot.jobs.errors import (
    EmptyPicture,
    ForeignPicture,
    MaskOfAnotherShape,
    MaskPaintsEverything,
    MaskPaintsNothing,
    NotAPicture,
    PictureTooHeavy,
    TooManyPixels,
)
from tests.story.test_attachments import bomb


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

    with pytest.raises(NotAPicture):
        await PictureReader().clean(encoded(Image.new("RGB", (60, 40)), "PNG"))


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit of a process's memory to set")
def test_the_child_cannot_take_more_memory_than_it_was_given() -> None:
    code = "import bot.attachments as p; p._limit_this_process(); bytearray(p.MEMORY)"

    ended = subprocess.run([sys.executable, "-c", code], cwd=pictures._ROOT, capture_output=True, check=False)

    assert b"MemoryError" in ended.stderr


def test_only_discords_hosts_and_the_endpoint_are_read() -> None:
    reader = PictureReader(endpoint="http://127.0.0.1:9000")

    for url in (
        "https://cdn.discordapp.com/a/b.png",
        "https://media.discordapp.net/a/b.png",
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
    ):
        with pytest.raises(ForeignPicture):
            reader.check(File(url))


def test_size_is_looked_at_before_anything_is_fetched() -> None:
    with pytest.raises(EmptyPicture):
        PictureReader().check(File(size=0))
    with pytest.raises(PictureTooHeavy):
        PictureReader().check(File(size=pictures.MAX_BYTES + 1))
