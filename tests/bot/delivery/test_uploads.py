"""A picture that is too heavy for Discord is shown in a lighter format, never not at all."""

from __future__ import annotations

import io
import json

import pytest
from PIL import Image, PngImagePlugin

from bot.delivery import uploads
from bot.delivery.uploads import Upload, fit
from engine.metadata.facts import Facts
from engine.metadata.png import embed_facts, read_texts
from tests.support.orders import request


async def fitted(pngs: list[bytes], *, limit: int, rung: int = 0) -> Upload:
    upload = await fit(pngs, limit=limit, rung=rung)
    assert upload is not None
    return upload


def noise(side: int = 256) -> bytes:
    file = io.BytesIO()
    note = PngImagePlugin.PngInfo()
    note.add_itxt("XML:com.adobe.xmp", "<x:xmpmeta>trainedAlgorithmicMedia</x:xmpmeta>")
    Image.effect_noise((side, side), 60).convert("RGB").save(file, "PNG", pnginfo=note)
    return file.getvalue()


async def test_what_fits_is_sent_as_it_is() -> None:
    png = noise()

    upload = await fitted([png, png], limit=len(png))

    assert (upload.kind, upload.files) == ("png", (png, png))


async def test_what_does_not_fit_goes_down_the_ladder() -> None:
    png = noise()

    kinds = [(await fitted([png], limit=limit)).kind for limit in (len(png), len(png) - 1, 30_000, 20_000)]

    assert kinds[:2] == ["png", "webp"]
    assert kinds[-1] == "jpg"


@pytest.mark.parametrize(("rung", "kind"), [(1, "webp"), (2, "jpg"), (3, "jpg")])
async def test_a_lighter_picture_keeps_its_recipe_where_other_programs_look_for_it(rung: int, kind: str) -> None:
    words = request(prompt="白色背景上的红色星星, a “star”")
    facts = Facts.of(words, 0, model="Zimagine Starter", composite=False)
    texts = read_texts(embed_facts(noise(), facts))

    upload = await fitted([embed_facts(noise(), facts)], limit=10**6, rung=rung)

    assert upload.kind == kind
    with Image.open(io.BytesIO(upload.files[0])) as picture:
        exif = picture.getexif()
    comment = exif.get_ifd(0x8769)[0x9286]
    assert comment[:8] == b"UNICODE\0"  # as A1111 reads it, with piexif
    assert comment[8:].decode("utf-16-be") == texts["parameters"]
    graphs = dict(value.split(":", 1) for tag in (0x0110, 0x010F) if (value := exif.get(tag)))
    assert graphs == ({"prompt": texts["prompt"], "workflow": texts["workflow"]} if kind == "webp" else {})
    assert all(json.loads(graph) for graph in graphs.values())


async def test_even_an_absurd_limit_is_kept() -> None:
    upload = await fitted([noise()], limit=1500)

    assert len(upload.files[0]) <= 1500
    assert Image.open(io.BytesIO(upload.files[0])).format == "JPEG"


@pytest.mark.parametrize("side", [1, 64, 256])
async def test_the_ladder_ends_where_nothing_would_be_seen(side: int) -> None:
    assert await fit([noise(side)], limit=100) is None
    assert await fit([noise(side), noise(256)], limit=100) is None


async def test_a_rung_beyond_the_end_is_the_end() -> None:
    assert await fit([noise()], limit=10**6, rung=6) is not None
    assert await fit([noise()], limit=10**6, rung=7) is None
    assert await fit([noise()], limit=10**6, rung=99) is None


async def test_a_long_strip_goes_down_without_losing_its_shorter_side() -> None:
    file = io.BytesIO()
    Image.effect_noise((512, 8), 60).convert("RGB").save(file, "PNG")

    upload = await fitted([file.getvalue()], limit=10**6, rung=7)

    assert Image.open(io.BytesIO(upload.files[0])).size == (32, 1)


async def test_all_files_together_stay_within_a_request(monkeypatch: object) -> None:
    png = noise()

    upload = await fitted([png] * 4, limit=uploads.TOTAL_LIMIT)
    assert upload.kind == "png"
    upload = await fitted([png + bytes(uploads.TOTAL_LIMIT // 3)] * 4, limit=uploads.TOTAL_LIMIT)

    assert upload.kind == "webp"
    assert sum(map(len, upload.files)) <= uploads.TOTAL_LIMIT


async def test_the_mark_of_a_generated_picture_stays_in_each_format() -> None:
    png = noise()

    for rung in (1, 2, 3):
        assert b"trainedAlgorithmicMedia" in (await fitted([png], limit=10**6, rung=rung)).files[0]
