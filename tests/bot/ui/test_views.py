"""Messages stay within Discord's limits, whatever is in them, and offer only what the model can do."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec
import pytest

from bot.jobs.events import QueuePosition
from bot.jobs.job import Failure, Job
from bot.jobs.states import JobState
from bot.requests.styles import Bilingual, StyleTemplates
from bot.ui import modals, more, panels, views
from playground.rules.components import check_modal
from playground.rules.messages import COMPONENTS_V2, check_message
from playground.wire.errors import Problems
from protocol.card import Knows, ModelCard, Vocabulary
from protocol.request import Kind, Style
from tests.bot.conftest import MakeJob
from tests.story.studio import buttons, gallery, words
from tests.support.fake_engine import CARD

WORST = {"prompt": "*" * 2000, "negative": "_" * 2000, "guidance": 3.0, "count": 4, "seed": 2**32 - 1}
FRAMED = {"style": Style(name="*" * 40, template="{prompt}" + "*" * 492), "enhance": True, "quality": True}
WRITTEN = WORST | FRAMED | {"enhanced": "_" * 2000}
SMALL = msgspec.structs.replace(
    CARD,
    knows=Knows(
        en=Vocabulary(about="shapes and signs", examples=("a red star", "a ring", "a sign"), words=("star", "ring")),
        zh=Vocabulary(about="图形和牌子", examples=("红色的星星", "圆环", "牌子"), words=("星", "环")),
    ),
)
LONGEST = Vocabulary(about="*" * 200, examples=("_" * 60,) * 8, words=())


def payload(view: Any) -> dict[str, Any]:
    """The body that is sent; refused here as the playground, and so Discord, would refuse it."""
    body = {"components": view.to_components(), "flags": COMPONENTS_V2}
    check_message(body, [], flags=COMPONENTS_V2, before=None, attachment_size=1)
    return body


@pytest.mark.parametrize("locale", ["en-US", "zh-CN"])
@pytest.mark.parametrize("wish", [{}, WORST, WORST | FRAMED, WRITTEN], ids=["usual", "worst", "framed", "written"])
def test_every_state_of_a_job_is_a_message_that_discord_takes(job: MakeJob, locale: str, wish: dict[str, Any]) -> None:
    standing = QueuePosition(position=3, eta=1_800_000_000.0)
    for status in (
        views.LiveStatus(standing=standing),
        views.LiveStatus(standing=standing, step=3, steps=8, preview=True),
        views.LiveStatus(again=True),
        views.LiveStatus(starting=True),
        views.LiveStatus(writing="*" * 2000),
    ):
        for state in (JobState.QUEUED, JobState.RUNNING):
            payload(views.live(job(state=state, locale=locale, **wish), status))
    done = job(state=JobState.RENDERED, locale=locale, **wish)
    payload(views.finished(done, CARD, files=[views.file_name(done, p.k) for p in done.pictures], converted="WEBP"))
    payload(views.finished(views.without_words(done), CARD, files=[views.file_name(done, p.k) for p in done.pictures]))
    small = msgspec.structs.replace(CARD, knows=Knows(en=LONGEST, zh=LONGEST))
    payload(views.finished(done, small, files=[views.file_name(done, p.k) for p in done.pictures], converted="WEBP"))
    payload(
        views.brought(done, files=[views.file_name(done, p.k) for p in done.pictures], deleted=False, converted="JPG")
    )
    payload(views.failed(done))
    payload(views.failed(done, stored=False))
    payload(views.failed(job(state=JobState.FAILED, locale=locale, **wish)))
    payload(views.cancelled(job(state=JobState.CANCELLED, locale=locale, **wish)))


@pytest.mark.parametrize("locale", ["en-US", "zh-CN"])
def test_the_form_and_the_help_are_within_the_limits(job: MakeJob, locale: str) -> None:
    many = msgspec.structs.replace(CARD, shapes={f"{n}:1": (16 * n, 16) for n in range(1, 40)})
    for form in (
        modals.edit_form(job(**WORST), CARD, locale, most_steps=20, nonce=2**63),
        modals.edit_form(job(**WORST), many, locale, most_steps=20, nonce=2**63),
        modals.edit_form(job(**WORST), None, locale, most_steps=20, nonce=2**63),
        modals.region_form(job(**WORST), 3, locale, nonce=2**63),
    ):
        problems = Problems()
        check_modal(form.to_dict(), problems)
        assert not problems.errors
    payload(panels.help_screen(locale, CARD, most_steps=20, guidance=3.0))
    small = msgspec.structs.replace(CARD, knows=Knows(en=LONGEST, zh=LONGEST))
    payload(panels.help_screen(locale, small, most_steps=20, guidance=3.0))


@pytest.mark.parametrize("locale", ["en-US", "zh-CN"])
def test_the_panel_behind_more_is_within_the_limits_where_everything_is_offered(job: MakeJob, locale: str) -> None:
    able = msgspec.structs.replace(CARD, features=(*CARD.features, "sharp"), max_side=4096, max_pixels=4096**2)
    drawn, long = (job(state=JobState.RENDERED, locale=locale, steps=2, **wish) for wish in ({"count": 4}, WRITTEN))
    address = "https://cdn.example/" + "x" * 400

    payload(more.question(drawn, dict.fromkeys(range(4), address), locale))
    panel = payload(more.panel(drawn, drawn.pictures[3], able, locale, shown=address, most_steps=20, may_delete=True))
    payload(more.parameters(long, long.pictures[3], locale))

    assert len(buttons(panel)) == len({*more.VERBS, "finish", "region", "original", "command", "parameters", "delete"})


@pytest.mark.parametrize("locale", ["en-US", "zh-CN"])
def test_the_list_of_styles_is_within_the_limits(locale: str) -> None:
    template = Bilingual(en="{prompt}" + "*" * 492, zh="_" * 500)
    longest = StyleTemplates(name=Bilingual(en="*" * 40, zh="_" * 40), template=template)

    payload(panels.styles(locale, [longest] * 40))
    payload(panels.styles(locale, []))


def test_the_whole_words_are_offered_where_the_written_out_ones_are_cut_short(job: MakeJob) -> None:
    short, long = (job(state=JobState.FAILED, enhance=True, enhanced="a fox " * n) for n in (10, 100))

    assert "Full prompt" not in buttons(payload(views.failed(short)))
    assert "Full prompt" in buttons(payload(views.failed(long)))


def test_the_waiting_message_says_place_and_time(job: MakeJob) -> None:
    status = views.LiveStatus(standing=QueuePosition(position=3, eta=1_800_000_000.0))

    message = payload(views.live(job(), status))

    assert "**Waiting** · Place 3 in the queue · ready about <t:1800000000:T>" in words(message)
    assert list(buttons(message)) == ["Cancel"]


def test_what_a_pause_holds_back_says_so(job: MakeJob) -> None:
    status = views.LiveStatus(standing=QueuePosition(position=1, eta=None, paused=True))

    message = payload(views.live(job(), status))

    assert "**Waiting** · Painting is paused" in words(message)


@pytest.mark.parametrize("state", [JobState.QUEUED, JobState.RENDERED, JobState.FAILED, JobState.CANCELLED])
def test_a_prompt_that_is_cut_short_is_offered_whole_in_every_state(job: MakeJob, state: JobState) -> None:
    def message(prompt: str) -> dict[str, Any]:
        shown = job(state=state, prompt=prompt)
        views_of = {
            JobState.QUEUED: lambda: views.live(shown, views.LiveStatus()),
            JobState.RENDERED: lambda: views.finished(shown, CARD, files=["a.png"]),
            JobState.FAILED: lambda: views.failed(shown),
            JobState.CANCELLED: lambda: views.cancelled(shown),
        }
        return payload(views_of[state]())

    assert "Full prompt" in buttons(message("x" * 1001))
    assert "Full prompt" not in buttons(message("x" * 1000))


def test_the_painting_message_says_how_far_it_is(job: MakeJob) -> None:
    message = payload(views.live(job(state=JobState.RUNNING), views.LiveStatus(step=5, steps=8, preview=True)))

    assert "▰▰▰▰▰▱▱▱ 5 / 8" in words(message)
    assert gallery(message)[0]["media"]["url"] == "attachment://preview.jpg"


def test_buttons_carry_the_job_and_the_number_of_their_picture(job: MakeJob) -> None:
    done = job(state=JobState.RENDERED, count=2)

    message = payload(views.finished(done, CARD, files=["a.png", "b.png"]))

    assert buttons(message)["Vary 2"] == "z1:vary:jobaaaaaaaaaaaa1:1"
    assert buttons(message)["Upscale 1"] == "z1:upscale:jobaaaaaaaaaaaa1:0"


def test_what_the_model_cannot_do_is_not_offered(job: MakeJob) -> None:
    done = job(state=JobState.RENDERED)
    plain = msgspec.structs.replace(CARD, features=("text",))
    large = job(state=JobState.RENDERED, kind=Kind.UPSCALE, width=512, height=512, source="0" * 64, strength=0.25)

    assert list(buttons(payload(views.finished(done, plain, files=["a.png"])))) == ["Reroll", "Edit", "More"]
    left = list(buttons(payload(views.finished(large, CARD, files=["a.png"]))))
    assert left == ["Reroll", "Edit", "More"]


def test_the_prompt_is_not_repeated_as_a_file_name(job: MakeJob) -> None:
    done = job(state=JobState.RENDERED, prompt="../../x")

    assert views.file_name(done, 0) == "jobaaaaaaaaaaaa1-1.png"


KIND = {
    "en-US": "This small model knows shapes and signs; the full Z-Image-Turbo paints anything."
    " Try “a red star” or “a ring”.",
    "zh-CN": "这个小模型会画的有：图形和牌子；完整的 Z-Image-Turbo 什么都能画。可以试试“红色的星星”或“圆环”。",
}


@pytest.mark.parametrize(("locale", "line"), KIND.items())
def test_a_small_model_says_kindly_what_it_knows_where_it_knows_no_word_of_the_prompt(
    job: MakeJob, locale: str, line: str
) -> None:
    def said(prompt: str) -> str:
        done = job(state=JobState.RENDERED, locale=locale, prompt=prompt, seed=0)
        return words(payload(views.finished(done, SMALL, files=["a.png"])))

    assert line in said("a cat")
    assert line in said("一只猫")
    assert "Z-Image-Turbo" not in said("red stars")
    assert "Z-Image-Turbo" not in said("红色的星星")


def test_the_same_picture_always_has_the_same_examples_and_others_have_others(job: MakeJob) -> None:
    def said(seed: int) -> str:
        done = job(state=JobState.RENDERED, prompt="a cat", seed=seed)
        return words(payload(views.finished(done, SMALL, files=["a.png"])))

    assert "“a red star” or “a ring”" in said(3)
    assert "“a ring” or “a sign”" in said(4)
    assert "“a sign” or “a red star”" in said(2**32 - 2)
    assert said(4) == said(4)


def test_nothing_is_said_by_a_model_that_paints_anything_or_of_a_picture_that_another_model_painted(
    job: MakeJob,
) -> None:
    done = job(state=JobState.RENDERED, prompt="a cat")
    plain = payload(views.finished(done, CARD, files=["a.png"]))
    other = msgspec.structs.replace(SMALL, id="another")

    assert "small model" not in words(plain)
    assert payload(views.finished(done, other, files=["a.png"])) == plain
    assert payload(views.finished(done, None, files=["a.png"])) == plain


def test_what_is_made_of_a_picture_or_has_lost_its_words_does_not_say_it_again(job: MakeJob) -> None:
    done = job(state=JobState.RENDERED, prompt="a cat")

    def said(shown: Job) -> str:
        return words(payload(views.finished(shown, SMALL, files=["a.png"])))

    assert "small model" in said(replace(done, parent=("jobbbbbbbbbbbbb1", None)))  # a reroll
    assert "small model" not in said(replace(done, parent=("jobbbbbbbbbbbbb1", 0)))  # a variation
    assert "small model" not in said(views.without_words(done))


@pytest.mark.parametrize(("locale", "line"), KIND.items())
def test_help_says_what_a_small_model_knows_and_nothing_of_it_for_any_other(locale: str, line: str) -> None:
    def said(card: ModelCard | None) -> str:
        return words(payload(panels.help_screen(locale, card, most_steps=20, guidance=3.0)))

    assert line in said(SMALL)
    assert "Z-Image-Turbo" not in said(CARD)
    assert "Z-Image-Turbo" not in said(None)


def test_of_several_that_are_handed_to_engines_none_is_called_the_next(job: MakeJob) -> None:
    def said(position: int) -> str:
        status = views.LiveStatus(standing=QueuePosition(position=position, eta=None))
        return words(payload(views.live(job(), status)))

    assert "Next in line" in said(1)
    assert "Next in line" not in said(0)
    assert "About to be painted" in said(0)


@pytest.mark.parametrize("code", ["prompt-too-many-tokens", "too-heavy", "nothing-to-paint"])
def test_a_failure_that_would_only_come_again_offers_no_reroll_and_no_wall_of_words(job: MakeJob, code: str) -> None:
    failure = Failure(code=code, arguments={"tokens": 900, "limit": 512})
    failed = replace(job(state=JobState.FAILED, prompt="a fox " * 150), failure=failure)

    message = payload(views.failed(failed))

    assert list(buttons(message)) == ["Edit", "Delete", "Full prompt"]
    assert len(words(message)) < 500


def test_a_failure_by_chance_can_be_rolled_again(job: MakeJob) -> None:
    failed = replace(job(state=JobState.FAILED), failure=Failure(code="worker-error", arguments={}))

    assert list(buttons(payload(views.failed(failed)))) == ["Reroll", "Edit", "Delete"]
