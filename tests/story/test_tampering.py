"""Clicks and forms that no honest client sends: nothing of others is seen, changed, or paid for by them."""

from __future__ import annotations

import pytest

from playground.world import people
from tests.story.studio import Studio, Visitor, buttons, words
from tests.story.test_buttons import job_of
from tests.support import forged

UNKNOWN = "I do not know this picture any more."
FIELDS = {"prompt": "a green heart", "shape": "square", "seed": "9", "steps": "4"}
SKETCHBOOK = people.CHANNELS[1].id


async def jobs_of(studio: Studio) -> int:
    """How many there are."""
    rows = await studio.service.ledger.database.read(lambda db: db.execute("SELECT count(*) AS n FROM job").fetchone())
    return rows["n"]


@pytest.mark.parametrize("verb", ["reroll", "vary", "upscale", "edit", "delete", "cancel", "prompt", "more"])
async def test_a_click_from_another_server_finds_no_picture_whatever_one_may_do_there(
    studio: Studio, mia: Visitor, robin: Visitor, verb: str
) -> None:
    await mia.say("/imagine prompt:a secret star")
    message = await mia.sees_pictures()

    await forged.click(studio.playground, robin.person, f"z1:{verb}:{job_of(message)}:0", **forged.ELSEWHERE)

    await robin.is_told(UNKNOWN)
    assert await mia.sees_pictures() == message
    assert await jobs_of(studio) == 1


@pytest.mark.parametrize("verb", ["reroll", "prompt", "delete"])
async def test_a_click_from_another_channel_or_a_direct_message_finds_no_picture(
    studio: Studio, mia: Visitor, bao: Visitor, verb: str
) -> None:
    await mia.say("/imagine prompt:a secret star")
    message = await mia.sees_pictures()

    custom_id = f"z1:{verb}:{job_of(message)}:0"
    await forged.click(studio.playground, mia.person, custom_id, channel_id=SKETCHBOOK)
    await mia.is_told(UNKNOWN)
    direct = {"guild_id": None, "guild": None, "context": 1, "user": mia.person.user(), "member": None}
    await forged.click(studio.playground, mia.person, custom_id, **direct)

    await mia.sees(lambda _: len(studio.refusals) == 2)
    assert await mia.sees_pictures() == message
    assert await jobs_of(studio) == 1


@pytest.mark.parametrize(
    ("custom_id", "sentence"),
    [
        ("z1:vary:{job}:3", "This picture is no longer stored."),
        ("z1:upscale:{job}:1", "This picture is no longer stored."),
        ("z1:reroll:aaaaaaaaaaaaaaaa:0", UNKNOWN),
        ("z1:delete:aaaaaaaaaaaaaaaa:0", UNKNOWN),
        ("z1:cancel:{job}:0", "too late"),
    ],
)
async def test_an_id_that_was_made_up_is_refused_in_a_sentence(
    studio: Studio, mia: Visitor, custom_id: str, sentence: str
) -> None:
    await mia.say("/imagine prompt:a red star")
    message = await mia.sees_pictures()

    await forged.click(studio.playground, mia.person, custom_id.format(job=job_of(message)))

    await mia.sees(lambda m: sentence.lower() in words(m).lower())
    assert await jobs_of(studio) == 1


async def test_ids_that_are_nobodys_disturb_nobody(studio: Studio, mia: Visitor) -> None:
    await mia.say("/imagine prompt:a red star")
    job = job_of(await mia.sees_pictures())

    for custom_id in ("", "z1:", f"z1:drop:{job}:0", f"z2:reroll:{job}:0", "z1:reroll:'; DROP TABLE job:0", "🦊" * 50):
        await forged.click(studio.playground, mia.person, custom_id)
        await forged.submit(studio.playground, mia.person, custom_id, FIELDS)
    await mia.click("Reroll")

    await mia.sees_pictures(more_than=1)
    assert await jobs_of(studio) == 2


async def test_a_form_that_somebody_else_sends_is_their_own_wish_and_their_own_allowance(
    studio: Studio, mia: Visitor, bao: Visitor
) -> None:
    await mia.say("/imagine prompt:a red star")
    old = await mia.sees_pictures()
    await mia.press_edit()

    assert "no longer open" in await bao.cannot_submit(mia.form)
    await forged.submit(studio.playground, bao.person, mia.form["custom_id"], FIELDS)

    new = await mia.sees_pictures(more_than=1)
    job = await studio.service.job(job_of(new))
    assert job.requester.principal == f"discord:{bao.person.id}"
    assert f"<@{bao.person.id}>" in words(new)
    assert await mia.sees(lambda m: m["id"] == old["id"]) == old
    await forged.click(studio.playground, mia.person, f"z1:delete:{job_of(new)}:0")
    await mia.is_told("This is somebody else’s picture")


async def test_a_form_is_held_to_the_limits_of_whoever_sends_it(
    empty_studio: Studio, mia: Visitor, bao: Visitor
) -> None:
    studio = empty_studio
    studio.owner = type(studio.owner)(in_flight=1)
    await studio.open_bot()
    await studio.open_engine(held_after=2)
    await mia.say("/imagine prompt:a red star")
    await mia.sees(lambda m: "Cancel" in buttons(m))
    job = (await studio.service.live_jobs(f"discord:{mia.person.id}"))[0].id
    await bao.say("/imagine prompt:蓝色的圆")
    await bao.sees("蓝色的圆")

    await forged.submit(studio.playground, bao.person, f"z1:edit:{job}:1", FIELDS)

    await bao.sees(lambda m: m["flags"] & 64)
    assert await jobs_of(studio) == 2


async def test_a_form_from_another_server_finds_no_picture(studio: Studio, mia: Visitor, robin: Visitor) -> None:
    await mia.say("/imagine prompt:a secret star")
    job = job_of(await mia.sees_pictures())

    await forged.submit(studio.playground, robin.person, f"z1:edit:{job}:1", FIELDS, **forged.ELSEWHERE)

    await robin.is_told(UNKNOWN)
    assert await jobs_of(studio) == 1


async def test_fields_of_a_form_that_are_none_change_nothing(studio: Studio, mia: Visitor) -> None:
    await mia.say("/imagine prompt:a red star seed:7")
    job = job_of(await mia.sees_pictures())

    odd = {"prompt": "a green heart", "shape": "square", "seed": "9", "steps": "4", "owner": "yes", "job": "x" * 16}
    await forged.submit(studio.playground, mia.person, f"z1:edit:{job}:1", odd | {"count": "4"})
    await mia.sees_pictures(more_than=1)
    await forged.submit(studio.playground, mia.person, f"z1:edit:{job}:2", FIELDS | {"steps": "99"})

    await mia.sees(lambda m: "99" in words(m) and m["flags"] & 64)
    assert await jobs_of(studio) == 2
    assert studio.playground.online


OUTDATED = "This command has changed. Reload Discord and try again."


@pytest.mark.parametrize(
    "older",
    [
        {"seed": 7.5}, {"seed": "7"}, {"seed": True}, {"steps": None}, {"guidance": "3"}, {"quality": "yes"},
        {"region": "moon"}, {"prompt": 7}, {"sampler": "euler"},
    ],
    ids=str,
)  # fmt: skip
async def test_a_command_of_an_older_list_is_called_so_and_nothing_of_it_is_left_out(
    studio: Studio, mia: Visitor, older: dict[str, object]
) -> None:
    forged.replace_options(studio.playground, **older)

    await mia.say("/imagine prompt:a red star")

    await mia.is_told(OUTDATED)
    assert await jobs_of(studio) == 0


@pytest.mark.parametrize("older", [{"setting": "sampler"}, {"channel": "1"}], ids=str)
async def test_a_setting_of_an_older_list_is_called_so_too(
    studio: Studio, robin: Visitor, older: dict[str, object]
) -> None:
    forged.replace_options(studio.playground, **older)

    await robin.say("/admin defaults set setting:steps value:4")

    await robin.is_told(OUTDATED)


async def test_a_subcommand_that_is_gone_is_called_so_too(studio: Studio, mia: Visitor) -> None:
    def older(payload: dict[str, object]) -> dict[str, object]:
        return payload | {"data": {"id": "1", "name": "help", "type": 1, "options": [{"name": "me", "type": 1}]}}

    studio.playground.spoil_next("INTERACTION_CREATE", older)

    await mia.say("/help")

    await mia.is_told(OUTDATED)


async def test_what_is_typed_into_an_option_that_is_gone_gets_no_suggestions_and_no_sentence(
    studio: Studio, mia: Visitor, caplog: pytest.LogCaptureFixture
) -> None:
    def older(payload: dict[str, object]) -> dict[str, object]:
        return payload | {"data": {"id": "1", "name": "dream", "type": 1, "options": []}}

    studio.playground.spoil_next("INTERACTION_CREATE", older)

    assert "square" not in await mia.completions("/imagine prompt:x shape:s")
    await mia.say("/imagine prompt:a red star")
    await mia.sees_pictures()
    assert [line for line in caplog.messages if "could not be answered" in line] == []


@pytest.mark.parametrize("custom_id", ["z1:dream:{job}:0", "z2:reroll:{job}:0"])
async def test_a_button_and_a_form_of_another_version_are_called_so(
    studio: Studio, mia: Visitor, custom_id: str
) -> None:
    await mia.say("/imagine prompt:a red star")
    job = job_of(await mia.sees_pictures())

    await forged.click(studio.playground, mia.person, custom_id.format(job=job))
    await mia.is_told("This button comes from another version of me, and I do not know what it does.")
    await forged.submit(studio.playground, mia.person, custom_id.format(job=job), FIELDS)

    await mia.is_told("This form comes from another version of me. Open it again and send it once more.")
