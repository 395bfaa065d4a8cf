"""A picture that is too heavy for Discord is shown in a lighter format, never not at all."""

from __future__ import annotations

import io

from PIL import Image, PngImagePlugin

from bot import uploads
from bot.uploads import fit


def noise(side: int = 256) -> bytes:
    file = io.BytesIO()
    note = PngImagePlugin.PngInfo()
    note.add_itxt("XML:com.adobe.xmp", "<x:xmpmeta>trainedAlgorithmicMedia</x:xmpmeta>")
    Image.effect_noise((side, side), 60).convert("RGB").save(file, "PNG", pnginfo=note)
    return file.getvalue()


async def test_what_fits_is_sent_as_it_is() -> None:
    png = noise()

    upload = await fit([png, png], limit=len(png))

    assert (upload.kind, upload.files) == ("png", (png, png))


async def test_what_does_not_fit_goes_down_the_ladder() -> None:
    png = noise()

    kinds = [(await fit([png], limit=limit)).kind for limit in (len(png), len(png) - 1, 30_000, 20_000)]

    assert kinds[:2] == ["png", "webp"]
    assert kinds[-1] == "jpg"


async def test_even_an_absurd_limit_is_kept() -> None:
    upload = await fit([noise()], limit=1500)

    assert len(upload.files[0]) <= 1500
    assert Image.open(io.BytesIO(upload.files[0])).format == "JPEG"


async def test_all_files_together_stay_within_a_request(monkeypatch: object) -> None:
    png = noise()

    upload = await fit([png] * 4, limit=uploads.TOTAL_LIMIT)
    assert upload.kind == "png"
    upload = await fit([png + bytes(uploads.TOTAL_LIMIT // 3)] * 4, limit=uploads.TOTAL_LIMIT)

    assert upload.kind == "webp"
    assert sum(map(len, upload.files)) <= uploads.TOTAL_LIMIT


async def test_the_mark_of_a_generated_picture_stays_in_each_format() -> None:
    png = noise()

    for rung in (1, 2, 3):
        assert b"trainedAlgorithmicMedia" in (await fit([png], limit=10**6, rung=rung)).files[0]
