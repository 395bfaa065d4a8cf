"""Starting from one's own picture, and what happens with files that are none."""

from __future__ import annotations

import io
import struct
import zlib

import pytest
from PIL import Image

from bot import attachments as pictures
from bot.requests.defaults import OwnerSettings
from playground import Playground
from playground.world.rules import Rules
from tests.story.studio import Studio, Visitor, gallery, words

FILES = r"^/attachments/"


def picture(width: int = 300, height: int = 200, *, form: str = "PNG", turned: bool = False) -> bytes:
    exif = Image.Exif()
    if turned:
        exif[274] = 6  # the camera was held upright
    file = io.BytesIO()
    Image.new("RGB", (width, height), "red").save(file, form, exif=exif)
    return file.getvalue()


def bomb(side: int) -> bytes:
    """A PNG of one colour: half a megabyte that decodes to 500."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = zlib.compress(b"\0" * ((side * 3 + 1) * side), 9)
    head = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def many_scans(more: int) -> bytes:
    """A JPEG that refines the same pixels again and again: each of 14 bytes costs a look at all of them."""
    file = io.BytesIO()
    Image.new("L", (2000, 2000), 128).save(file, "JPEG", progressive=True)
    data = file.getvalue()
    last = data.rindex(b"\xff\xda")
    return data[:last] + data[last:-2] * (1 + more) + b"\xff\xd9"


async def test_a_picture_can_start_from_mine(studio: Studio, mia: Visitor) -> None:
    await mia.say("/imagine prompt:a red star image:@cat.png strength:0.5", cat=picture())

    message = await mia.sees_pictures()
    for said in ("from an image", "strength 0.5", "3:2 (320 × 208)"):
        assert said in words(message)
    assert len(gallery(message)) == 1


async def test_a_photograph_is_turned_upright_before_its_shape_is_taken(studio: Studio, mia: Visitor) -> None:
    await mia.say("/imagine prompt:a red star image:@cat.png", cat=picture(form="JPEG", turned=True))

    assert "2:3 (208 × 320)" in words(await mia.sees_pictures())


@pytest.mark.parametrize(
    ("data", "english", "chinese"),
    [
        (b"", "This file is empty.", "这个文件是空的。"),
        (b"I am a text.", "This file is not a picture I can read.", "这个文件不是我能读取的图片"),
        (bomb(13000), "This picture has 13000 × 13000 pixels; 25 megapixels is the most.", "最多 25 百万像素。"),
    ],
    ids=["empty", "text", "bomb"],
)
async def test_a_file_that_is_no_usable_picture_gets_one_sentence(
    studio: Studio, mia: Visitor, bao: Visitor, data: bytes, english: str, chinese: str
) -> None:
    await mia.say("/imagine prompt:a red star image:@cat.png", cat=data)
    await mia.is_told(english)
    await bao.say("/imagine prompt:红色星星 image:@cat.png", cat=data)
    await bao.is_told(chinese)

    left = [words(m) for m in await mia.messages()]
    assert len(left) == 1, left  # nothing but that sentence


class TestWithSmallFilesOnly:
    @pytest.fixture
    def rules(self) -> Rules:
        return Rules(attachment_size=30 * 1024 * 1024, request_size=60 * 1024 * 1024)

    async def test_a_file_that_is_too_heavy_is_refused_before_it_is_fetched(self, studio: Studio, mia: Visitor) -> None:
        await mia.say("/imagine prompt:a red star image:@cat.png", cat=bytes(pictures.MAX_BYTES + 1024 * 1024))

        await mia.is_told("This file has 21 MiB; 20 MiB is the most.")


async def test_a_file_on_a_foreign_host_is_not_fetched(studio: Studio, mia: Visitor) -> None:
    studio.bot.pictures = pictures.PictureReader(endpoint="http://127.0.0.1:1")

    await mia.say("/imagine prompt:a red star image:@cat.png", cat=picture())

    await mia.is_told("I only read pictures that were uploaded to Discord.")


class TestAFileThatBreaksOffOnItsWay:
    async def test_once_is_fetched_again_and_painted(
        self, studio: Studio, playground: Playground, mia: Visitor
    ) -> None:
        cut = playground.faults.cut(FILES)

        await mia.say("/imagine prompt:a red star image:@cat.png", cat=picture())

        await mia.sees_pictures()
        assert cut.hits == 1

    async def test_again_and_again_ends_in_a_sentence(
        self, studio: Studio, playground: Playground, mia: Visitor, bao: Visitor
    ) -> None:
        cut = playground.faults.cut(FILES, times=4)

        await mia.say("/imagine prompt:a red star image:@cat.png", cat=picture())
        await mia.is_told("I could not fetch this picture from Discord. Please try again.")
        await bao.say("/imagine prompt:红色星星 image:@cat.png", cat=picture())
        await bao.is_told("没能从 Discord 取到这张图片，请再试一次。")

        assert cut.hits == 4


async def test_whoever_is_at_their_limit_has_no_file_fetched(
    empty_studio: Studio, playground: Playground, mia: Visitor
) -> None:
    empty_studio.owner = OwnerSettings(in_flight=1)
    await empty_studio.open_bot()
    await empty_studio.open_engine(held_after=1)
    await mia.say("/imagine prompt:a blue star")
    await mia.sees("a blue star")
    fetched = playground.faults.delay(FILES, 0.0)

    await mia.say("/imagine prompt:a red star image:@cat.png", cat=picture())

    await mia.is_told("One of your requests is still on the way")
    assert fetched.hits == 0


async def test_files_that_take_long_to_read_keep_nobody_elses_waiting(
    studio: Studio, playground: Playground, mia: Visitor, bao: Visitor
) -> None:
    """Twelve small files, each of which takes a decoder for seconds, sent before another's 64 x 64 pixels."""
    heavy = many_scans(1500)
    for _ in range(12):
        await mia.say("/imagine prompt:a red star image:@cat.png", cat=heavy)

    await bao.say("/imagine prompt:红色星星 image:@cat.png", cat=picture(64, 64))

    first = await bao.sees_pictures(within=60)
    assert "红色星星" in words(first)
