"""Painting a part of a picture: one's own with a mask or a named region, a finished one beyond its edges."""

from __future__ import annotations

import io

import msgspec
import pytest
from PIL import Image, ImageDraw

from protocol.request import Kind, Margins, Region
from tests.story.studio import Message, Studio, Visitor, buttons, gallery, words
from tests.support.fake_engine import CARD

LANDSCAPE = (320, 208)


def photo(size: tuple[int, int] = LANDSCAPE, *, hole: bool = False) -> bytes:
    picture = Image.new("RGBA", size, (200, 60, 40, 255))
    if hole:
        picture.paste((0, 0, 0, 0), (0, 0, size[0] // 2, size[1]))
    return encoded(picture)


def mask(size: tuple[int, int] = LANDSCAPE, white: tuple[int, int, int, int] | None = (10, 10, 90, 90)) -> bytes:
    picture = Image.new("L", size)
    if white is not None:
        ImageDraw.Draw(picture).rectangle(white, fill=255)
    return encoded(picture)


def encoded(picture: Image.Image) -> bytes:
    file = io.BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()


def job_of(message: Message) -> str:
    """The id that the buttons of a finished message carry."""
    return next(iter(buttons(message).values())).split(":")[2]


async def test_what_is_white_in_a_mask_is_painted_anew(studio: Studio, mia: Visitor) -> None:
    await mia.say(
        "/imagine prompt:a red star image:@cat.png mask:@hat.png", cat=photo(), hat=mask((640, 416), (0, 0, 99, 99))
    )

    message = await mia.sees_pictures()
    assert "repainted in part" in words(message)
    assert "320 × 208" in words(message)
    request = (await studio.service.job(job_of(message))).request
    assert (request.kind, request.strength) == (Kind.INPAINT, 1.0)
    assert studio.engine is not None
    sent = Image.open(io.BytesIO(studio.engine.orders[-1].mask or b""))
    assert (sent.size, sent.getpixel((10, 10)), sent.getpixel((100, 100))) == (LANDSCAPE, 255, 0)


async def test_a_part_can_be_named(studio: Studio, mia: Visitor, bao: Visitor) -> None:
    await mia.say("/imagine prompt:a red star image:@cat.png region:left half", cat=photo())
    assert "left half" in words(await mia.sees_pictures())

    await bao.say("/imagine prompt:红色星星 image:@cat.png region:中间", cat=photo())

    message = await bao.sees_pictures(more_than=1)
    assert "局部重绘" in words(message)
    assert "中间" in words(message)
    assert (await studio.service.job(job_of(message))).request.region is Region.CENTRE


async def test_what_is_transparent_in_a_picture_is_painted(studio: Studio, mia: Visitor) -> None:
    await mia.say("/imagine prompt:a red star image:@cat.png", cat=photo(hole=True))

    message = await mia.sees_pictures()
    assert "repainted in part" in words(message)
    assert studio.engine is not None
    assert Image.open(io.BytesIO(studio.engine.orders[-1].source or b"")).mode == "RGBA"


@pytest.mark.parametrize(
    ("given", "hat", "english", "chinese"),
    [
        ("mask:@hat.png", mask(), "so it needs an image", "所以需要先附上一张原图"),
        ("region:left half", None, "so it needs an image", "所以需要先附上一张原图"),
        ("image:@cat.png mask:@hat.png", mask(white=None), "nothing white in it", "没有白色"),
        ("image:@cat.png mask:@hat.png", mask(white=(0, 0, 320, 208)), "white all over", "全是白色"),
        ("image:@cat.png mask:@hat.png", mask((208, 320)), "must have the proportions", "长宽比要和原图"),
        ("image:@cat.png mask:@hat.png region:centre", mask(), "not both", "只能给一个"),
    ],
    ids=["mask alone", "region alone", "nothing", "everything", "proportions", "both"],
)
async def test_a_mask_that_makes_no_sense_gets_one_sentence(
    studio: Studio, mia: Visitor, bao: Visitor, given: str, hat: bytes | None, english: str, chinese: str
) -> None:
    files = {name: data for name, data in (("cat", photo()), ("hat", hat)) if data and f"@{name}.png" in given}
    await mia.say(f"/imagine prompt:a red star {given}", **files)
    await mia.is_told(english)

    await bao.say(f"/imagine prompt:红色星星 {given}", **files)

    await bao.is_told(chinese)
    assert await studio.service.live_jobs(f"discord:{mia.person.id}") == []


async def test_an_edit_paints_the_same_part_with_other_words(studio: Studio, mia: Visitor) -> None:
    await mia.say("/imagine prompt:a red star image:@cat.png mask:@hat.png", cat=photo(), hat=mask())
    old = (await studio.service.job(job_of(await mia.sees_pictures()))).request

    form = await mia.press_edit()
    assert "shape" not in form  # another would move the part
    await mia.submit(prompt="a green heart")

    new = (await studio.service.job(job_of(await mia.sees_pictures(more_than=1)))).request
    assert (new.prompt, new.kind, new.mask, new.source) == ("a green heart", Kind.INPAINT, old.mask, old.source)
    assert (new.width, new.height) == (old.width, old.height)


@pytest.mark.parametrize(
    ("label", "size", "margins"),
    [
        ("Zoom out 1.5×", (256, 256), Margins(left=40, right=48, top=40, bottom=48)),
        ("Zoom out 2×", (256, 256), Margins(left=64, right=64, top=64, bottom=64)),
        ("Pan left", (384, 256), Margins(left=128)),
        ("Pan right", (384, 256), Margins(right=128)),
        ("Pan up", (256, 384), Margins(top=128)),
        ("Pan down", (256, 384), Margins(bottom=128)),
    ],
)
async def test_a_finished_picture_goes_on_beyond_its_edges(
    studio: Studio, mia: Visitor, label: str, size: tuple[int, int], margins: Margins
) -> None:
    await mia.say("/imagine prompt:a red star count:2 shape:1:1")
    old = await mia.sees_pictures()

    await mia.click(label, on=await mia.more(2))

    message = await mia.sees_pictures(more_than=1)
    assert "extended" in words(message)
    assert f"{size[0]} × {size[1]}" in words(message)
    request = (await studio.service.job(job_of(message))).request
    assert request.margins == margins
    assert request.source == (await studio.service.job(job_of(old))).pictures[1].blob
    assert len(gallery(message)) == 2


async def test_the_panel_and_its_buttons_work_after_a_restart(studio: Studio, mia: Visitor) -> None:
    await mia.say("/imagine prompt:a red star")
    await mia.sees_pictures()
    panel = await mia.more()

    await studio.restart_bot()
    await mia.click("Zoom out 2×", on=panel)
    new = await mia.sees_pictures(more_than=1)

    assert "Zoom out 2×" in buttons(await mia.more(on=new))


async def test_the_panel_speaks_its_readers_language_and_is_theirs_alone(
    studio: Studio, mia: Visitor, bao: Visitor
) -> None:
    await mia.say("/imagine prompt:a red star")
    message = await mia.sees_pictures()

    await bao.more(on=message)

    await bao.is_told("这张图的更多操作")
    assert not [m for m in await mia.messages() if "更多操作" in words(m)]


async def test_what_the_model_cannot_do_is_neither_on_the_panel_nor_done(empty_studio: Studio, mia: Visitor) -> None:
    await empty_studio.open_bot()
    await empty_studio.open_engine()
    await mia.say("/imagine prompt:a red star")
    old = await mia.sees_pictures()
    panel = await mia.more()
    await empty_studio.close_engine()
    plain = msgspec.structs.replace(CARD, id="plain", features=("text",))
    await empty_studio.open_engine(card=plain)

    await mia.click("Pan left", on=panel)
    await mia.is_told("The model that is loaded cannot do this")
    left = await mia.more(on=old)
    assert list(buttons(left)) == ["Original file", "Command", "Parameters", "Delete"]
    await mia.misses("region")
