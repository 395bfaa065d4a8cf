"""Every picture that a request starts from is kept as long as the request, and reaches whoever paints it."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from PIL import Image

from bot.jobs.errors import MaskOrRegion, MaskWithoutImage, NotOffered, TooLarge
from bot.jobs.job import Job, Picture
from bot.jobs.states import JobState
from bot.requests import derive
from bot.requests.control import ControlChoice
from bot.requests.defaults import PictureDefaults
from bot.requests.derive import Continue, merged, rerolled, upscaled, varied
from bot.requests.draft import RequestDraft, complete, fits
from bot.storage.blobs import UNSTORED
from protocol.card import ModelCard
from protocol.request import ControlKind, ImageRequest, Kind, Margins, Region
from tests.support.fake_engine import CARD, FakeEngine
from tests.support.stage import ANNA, ready, stage

PICTURE_DEFAULTS = PictureDefaults(shape="1:1", steps=None, guidance=3.0, count=1)
WITH_CONTROL = msgspec.structs.replace(CARD, features=(*CARD.features, "control"), controls=(ControlKind.DEPTH,))


def png(width: int = 256, height: int = 256, colour: object = "red", mode: str = "RGB") -> bytes:
    file = io.BytesIO()
    Image.new(mode, (width, height), colour).save(file, "PNG")
    return file.getvalue()


def composed(draft: RequestDraft, *, card: ModelCard = CARD, source: bytes | None = None) -> ImageRequest:
    """The request that is made of the draft and of this picture."""
    pictures = {} if source is None else {"source": source}
    draft = draft if source is None else replace(draft, source="a" * 64)
    request = complete(draft, card=card, defaults=PICTURE_DEFAULTS, most_steps=20, seed=9, pictures=pictures)
    fits(request, card=card, most_steps=20)
    return request


async def test_source_mask_and_control_reach_the_engine_and_go_when_their_person_is_forgotten(tmp_path: Path) -> None:
    async with stage(tmp_path) as core:
        engine = FakeEngine(url=core.url, secret_file=core.data / "engine.json", card=WITH_CONTROL)
        async with engine.running():
            await ready(core)
            source, mask, control = png(), png(colour=255, mode="L"), png(colour="blue")

            async def fetch() -> dict[str, bytes]:
                return {"source": source, "mask": mask, "control": control}

            draft = RequestDraft(
                prompt="a star", source=UNSTORED, mask=UNSTORED, control=ControlChoice(kind="depth", picture=UNSTORED)
            )
            asked = await core.service.imagine(draft, by=ANNA, fetch=fetch, origin="one")
            (job,) = await core.ended(asked)

            sent = engine.orders[-1]
            assert (sent.source, sent.mask, sent.control) == (source, mask, control)
            uses = await core.service.ledger.privacy.blob_uses()
            assert set(job.request.pictures.values()) < uses.keys()
            await core.service.delete(job.id, by=ANNA)
            await core.service.forget(ANNA)

            assert await core.service.ledger.privacy.blob_uses() == {}
            assert await core.service.blobs.stored() == []


async def test_a_lost_mask_fails_its_job_and_nothing_else(tmp_path: Path) -> None:
    async with stage(tmp_path) as core:
        engine = core.engine()
        async with engine.running():
            await ready(core)
            stored = await core.service.blobs.put(png())
            draft = RequestDraft(prompt="a star", source=stored, region=Region.LEFT)
            request = core.service.composer.complete(draft, ANNA)
            request = msgspec.structs.replace(request, mask="b" * 64, region=None)

            (job,) = await core.ended(await core.service.submit(request, by=ANNA, origin="one"))

            assert job.failure is not None
            assert job.failure.code == "bad-source"


def test_a_part_is_painted_anew_in_full_unless_it_is_said_how_much() -> None:
    assert composed(RequestDraft(prompt="x", region=Region.TOP), source=png()).strength == 1.0
    assert composed(RequestDraft(prompt="x", region=Region.TOP, strength=0.4), source=png()).strength == 0.4


@pytest.mark.parametrize(
    ("size", "painted"),
    [
        ((256, 256), (256, 256)),
        ((300, 200), (288, 192)),  # cut down to whole tokens, not scaled
        ((1500, 1000), (320, 208)),
        ((60, 60), (256, 256)),
    ],
)
def test_a_picture_keeps_its_size_where_the_model_can_paint_it(size: tuple[int, int], painted: tuple[int, int]) -> None:
    request = composed(RequestDraft(prompt="x", region=Region.LEFT), source=png(*size))

    assert (request.width, request.height) == painted


def test_a_picture_with_holes_is_painted_where_they_are() -> None:
    assert composed(RequestDraft(prompt="x"), source=png(mode="RGBA", colour=(1, 2, 3, 0))).kind is Kind.INPAINT
    assert composed(RequestDraft(prompt="x"), source=png()).kind is Kind.IMAGE


def test_what_makes_no_sense_is_refused_before_a_picture_is_fetched() -> None:
    plain = msgspec.structs.replace(CARD, features=("text", "image"))

    with pytest.raises(MaskWithoutImage):
        composed(RequestDraft(prompt="x", mask=UNSTORED))
    with pytest.raises(MaskWithoutImage):
        composed(RequestDraft(prompt="x", region=Region.LEFT))
    with pytest.raises(MaskOrRegion):
        composed(RequestDraft(prompt="x", source=UNSTORED, mask=UNSTORED, region=Region.LEFT))
    with pytest.raises(NotOffered):
        composed(RequestDraft(prompt="x", source=UNSTORED, mask=UNSTORED), card=plain)


def test_edited_words_paint_the_same_part_again() -> None:
    old = composed(RequestDraft(prompt="x", strength=0.8, mask="b" * 64), source=png(300, 200))

    draft = merged(old, RequestDraft(prompt="y", shape="1:1"))
    new = complete(draft, card=CARD, defaults=PICTURE_DEFAULTS, most_steps=20, seed=9)

    assert new == msgspec.structs.replace(old, prompt="y", kind=Kind.INPAINT)


def picture(width: int, height: int) -> Picture:
    return Picture(k=0, seed=7, width=width, height=height, blob="c" * 64, size=1, seconds=1.0)


def done(width: int, height: int, **changes: object) -> Job:
    request = msgspec.structs.replace(
        composed(RequestDraft(prompt="x"), source=png()), width=width, height=height, **changes
    )
    return Job(
        id="jobaaaaaaaaaaaa1", origin="o", request=request, model_id=CARD.id, requester=ANNA,
        parent=None, priority=0, cost=1.0, state=JobState.POSTED, attempt=1, failure=None,
        pictures=(picture(width, height),), created=0.0, started=0.0, ended=0.0,
    )  # fmt: skip


def made(how: Continue, width: int, height: int, **changes: object) -> ImageRequest:
    return how(done(width, height, **changes), picture(width, height), card=CARD, seed=1)


@pytest.mark.parametrize("size", [(256, 256), (320, 208), (208, 320), (192, 336)])
@pytest.mark.parametrize("verb", [*derive.ZOOM, *derive.PAN])
def test_a_canvas_has_whole_tokens_and_margins_whole_positions_of_the_latent(verb: str, size: tuple[int, int]) -> None:
    request = made({**derive.ZOOM, **derive.PAN}[verb], *size)

    margins = request.margins
    assert margins is not None
    assert request.width % 16 == request.height % 16 == 0
    assert all(getattr(margins, side) % 8 == 0 for side in ("left", "top", "right", "bottom"))
    assert CARD.can_paint(request)


@pytest.mark.parametrize("factor", [("zoom15", 1.5), ("zoom2", 2.0)])
@pytest.mark.parametrize("size", [(256, 256), (320, 208), (512, 512)])
def test_zooming_out_shrinks_the_picture_on_a_canvas_of_its_proportions(
    factor: tuple[str, float], size: tuple[int, int]
) -> None:
    request = made(derive.ZOOM[factor[0]], *size)

    assert request.margins is not None
    inner = request.width - request.margins.left - request.margins.right
    assert request.width / inner == pytest.approx(factor[1], rel=0.05)
    assert request.width / request.height == pytest.approx(size[0] / size[1], rel=0.03)
    assert request.width * request.height <= 1.5 * 320 * 208


def test_panning_again_and_again_ends_where_the_model_does() -> None:
    pan, size, turns = derive.PAN["pan-right"], (256, 256), 0

    while CARD.can_paint(request := made(pan, *size)):
        assert request.width > size[0]
        assert request.margins == Margins(right=request.width - size[0])
        size, turns = (request.width, request.height), turns + 1

    assert turns == 2  # 512 pixels a side are its most


def test_a_picture_that_was_made_larger_is_too_tall_to_be_panned() -> None:
    with pytest.raises(TooLarge):
        made(derive.PAN["pan-left"], 512, 512)


@pytest.mark.parametrize("part", [{"mask": "b" * 64}, {"region": Region.LEFT}, {"margins": Margins(left=16)}])
def test_what_comes_from_a_picture_painted_in_part_is_painted_whole(part: dict[str, object]) -> None:
    old = done(256, 256, kind=Kind.INPAINT, **part)

    for how in (varied, upscaled):
        request = how(old, old.pictures[0], card=CARD, seed=1)
        assert (request.mask, request.region, request.margins) == (None, None, None)
    again = rerolled(old, card=CARD, seed=1)
    assert again == msgspec.structs.replace(old.request, seed=1)
