"""Pictures that differ more from each other, or that stay near one of them; and ways of making one larger."""

from __future__ import annotations

import msgspec

from protocol.request import VARY_STRONG, VARY_SUBTLE, Blend, Kind, Upscaler
from tests.story.studio import Studio, Visitor, buttons, is_from_the_bot, words
from tests.support.fake_engine import CARD


async def test_variety_is_asked_for_shown_and_kept_by_reroll_and_edit(studio: Studio, mia: Visitor) -> None:
    await mia.say("/imagine prompt:a red star variety:0.5 count:2")
    first = await mia.sees_pictures()

    await mia.click("Reroll")
    again = await mia.sees_pictures(more_than=1)
    await mia.press_edit()
    await mia.submit(prompt="a blue star")
    edited = await mia.sees_pictures(more_than=2)

    for message in (first, again, edited):
        assert "variety 0.5" in words(message)
    assert studio.engine is not None
    assert [order.request.variety for order in studio.engine.orders] == [0.5, 0.5, 0.5]


async def test_variety_in_chinese(studio: Studio, bao: Visitor) -> None:
    await bao.say("/画图 提示词:红色的星星 多样性:0.25")

    assert "多样性 0.25" in words(await bao.sees_pictures())


async def test_an_admin_sets_the_variety_of_a_server(studio: Studio, robin: Visitor, mia: Visitor) -> None:
    await robin.say("/admin defaults set setting:variety value:0.4")
    await robin.is_told("Set for this server: variety = 0.4.")
    await robin.say("/admin defaults set setting:variety value:7")
    await robin.is_told("Allowed: 0-1.")

    await mia.say("/imagine prompt:a red star")

    assert "variety 0.4" in words(await mia.sees_pictures())


async def test_a_model_without_variety_has_no_such_option_and_leaves_the_servers_setting_alone(
    empty_studio: Studio, robin: Visitor, mia: Visitor
) -> None:
    features = tuple(feature for feature in CARD.features if feature not in ("variety", "creative"))
    await empty_studio.open_bot()
    await empty_studio.open_engine(card=msgspec.structs.replace(CARD, features=features))
    await robin.say("/admin defaults set setting:variety value:0.4")
    await robin.is_told("Set for this server: variety = 0.4.")

    await mia.misses("variety")
    await mia.say("/imagine prompt:a red star")

    assert "variety" not in words(await mia.sees_pictures())
    panel = await mia.more()
    assert not {"Vary subtle", "Vary strong", "Upscale creative", "Upscale sharp"} & buttons(panel).keys()


async def test_vary_subtle_and_strong_stay_near_the_picture_that_was_clicked(studio: Studio, mia: Visitor) -> None:
    await mia.say("/imagine prompt:a red star seed:7 count:2")
    await mia.sees_pictures()
    panel = await mia.more(2)

    await mia.click("Vary subtle", on=panel)
    subtle = await mia.sees_pictures(more_than=1)
    await mia.click("Vary strong", on=panel)
    strong = await mia.sees_pictures(more_than=2)

    assert "close to seed 8" in words(subtle)
    assert "close to seed 8" in words(strong)
    assert studio.engine is not None
    near = [order.request for order in studio.engine.orders[1:]]
    assert [request.blend for request in near] == [Blend(seed=8, amount=VARY_SUBTLE), Blend(seed=8, amount=VARY_STRONG)]
    assert all(request.kind is Kind.TEXT and request.seed not in (7, 8) for request in near)
    assert near[0].seed != near[1].seed


async def test_a_variation_of_a_variation_is_near_that_one(studio: Studio, mia: Visitor) -> None:
    await mia.say("/imagine prompt:a red star seed:7")
    for count, verb in enumerate(("Vary strong", "Vary subtle")):
        picture = await mia.sees_pictures(more_than=count)
        await mia.click(verb, on=await mia.more(on=picture))
    await mia.sees_pictures(more_than=2)

    assert studio.engine is not None
    _, first, second = (order.request for order in studio.engine.orders)
    assert second.blend == Blend(seed=first.seed, amount=VARY_SUBTLE, toward=first.blend)


async def test_upscale_creative_is_offered_and_named(studio: Studio, bao: Visitor) -> None:
    await bao.say("/画图 提示词:红色的星星")
    await bao.sees_pictures()
    await bao.more()

    await bao.click("创意放大")

    assert "创意放大" in words(await bao.sees_pictures(more_than=1))
    assert studio.engine is not None
    request = studio.engine.orders[-1].request
    assert (request.kind, request.upscaler) == (Kind.UPSCALE, Upscaler.CREATIVE)
    assert (request.width, request.height) == (512, 512)


async def test_upscale_sharp_is_there_only_where_the_engine_has_a_model_for_it(
    empty_studio: Studio, mia: Visitor
) -> None:
    await empty_studio.open_bot()
    await empty_studio.open_engine(card=msgspec.structs.replace(CARD, features=(*CARD.features, "sharp")))
    await mia.say("/imagine prompt:a red star steps:6")
    await mia.sees_pictures()
    await mia.more()

    await mia.click("Upscale sharp")

    said = words(await mia.sees_pictures(more_than=1))
    assert "upscaled, sharp" in said
    assert "6 steps" not in said


async def test_the_queue_says_what_kind_of_picture_waits(studio: Studio, mia: Visitor) -> None:
    await mia.say("/imagine prompt:a red star")
    await mia.sees_pictures()
    await studio.close_engine()
    await mia.click("Upscale")
    await mia.sees(lambda m: is_from_the_bot(m) and "Cancel" in buttons(m))

    await mia.say("/queue")

    assert "a red star · upscaled · place 1" in words(await mia.sees("### Queue"))
