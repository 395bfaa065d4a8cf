"""Things have names in both languages, stand where they are said to stand, and are told apart."""

import argparse
import itertools
from pathlib import Path
from random import Random
from typing import Any

import pytest
import torch
from PIL import Image, ImageDraw
from torch import Tensor, nn

from engine.training import latents, precision, things, tokens
from engine.training.autoencoder import encode
from engine.training.check import things as check_things
from engine.training.check.recognise import Recogniser
from engine.training.export import STARTER
from engine.training.models import build_vae
from engine.training.subjects import emoji, places, stage, stage_phrases
from engine.training.subjects.common import COMMON, code_of
from engine.training.subjects.emoji import Emoji
from engine.training.subjects.stage import Prop, Stage

SIZES = [(256, 256), (208, 320), (336, 192)]
SECTIONS = {1: "animal-mammal", 2: "food-fruit", 3: "transport-air", 4: "person-gesture"}


def record(letters: str, label: str, subgroup: int, tags: tuple[str, ...] = ()) -> dict[str, Any]:
    code = code_of(letters).upper()
    return {"hexcode": code, "label": label, "subgroup": subgroup, "group": 3, "tags": list(tags)}


ENGLISH = [
    record("🐈", "cat", 1, ("pet", "meow")),
    record("🐈‍⬛", "black cat", 1, ("pet",)),
    record("🥥", "coconut", 2, ("piña", "colada")),
    record("🛩️", "small airplane", 3),
    record("🙍", "person frowning", 4),
    record("🪼", "jellyfish", 1),
]
CHINESE = [
    record("🐈", "猫", 1),
    record("🐈‍⬛", "黑猫", 1),
    record("🥥", "椰子", 2),
    record("🛩️", "小型飞机", 3),
    record("🙍", "皱眉", 4),
    record("🪼", "水母", 1),
]


def drawn(number: int) -> Image.Image:
    """A made-up emoji: a coloured outline with a spot, of another form for each number."""
    picture = Image.new("RGBA", (200, 240), (0, 0, 0, 0))
    pen = ImageDraw.Draw(picture)
    colour = ((230, 60, 50, 255), (40, 120, 220, 255), (60, 170, 70, 255))[number % 3]
    (pen.ellipse if number % 2 else pen.rectangle)((0, 0, 199, 239), fill=colour)
    spot = 20 + 30 * (number // 3)
    pen.ellipse((spot, spot, spot + 60, spot + 60), fill=(250, 230, 60, 255))
    return picture


CAST = tuple(
    Emoji(
        code=f"e{number}",
        section="animal-mammal",
        english=(f"beast{'abcdef'[number]}",),
        chinese=("甲乙丙丁戊己"[number],),
    )
    for number in range(6)
)
PICTURES = {thing.code: drawn(number) for number, thing in enumerate(CAST)}


def test_only_things_that_are_drawn_and_that_people_type_are_taken() -> None:
    everything = {emoji._code(one["hexcode"]) for one in ENGLISH}

    taken = emoji.catalogue(ENGLISH, CHINESE, SECTIONS, everything - {code_of("🪼")})

    assert [thing.english[0] for thing in taken] == ["cat", "black cat", "coconut", "small airplane"]


def test_no_name_means_two_things_and_kept_names_are_not_said() -> None:
    taken = emoji.catalogue(ENGLISH, CHINESE, SECTIONS, {emoji._code(one["hexcode"]) for one in ENGLISH})

    names = [name for thing in taken for name in (*thing.english, *thing.chinese, *thing.tags_english)]
    cat = taken[0]
    said = {stage_phrases.name_of(cat, Random(n), language=language) for n in range(200) for language in ("en", "zh")}

    assert len(names) == len(set(names))
    assert "meow" in cat.tags_english
    assert "pet" not in names
    assert set(COMMON[cat.code].unseen) == {*cat.unseen_english, *cat.unseen_chinese}
    assert not said & set(COMMON[cat.code].unseen)


def test_common_things_have_names_of_their_own() -> None:
    english = [name for row in COMMON.values() for name in row.english]
    chinese = [name for row in COMMON.values() for name in row.chinese]

    assert len(COMMON) >= 200
    assert len(set(english)) == len(english)
    assert len(set(chinese)) == len(chinese)


def test_an_archive_with_other_bytes_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = tmp_path / "registry" / "x.tgz"
    other.parent.mkdir()
    other.write_bytes(b"not what was asked for")
    monkeypatch.setattr(emoji, "REGISTRY", other.parent.as_uri())
    monkeypatch.setattr(emoji, "PACKAGES", {"x.tgz": "0" * 128, "y.tgz": "0" * 128})

    with pytest.raises(ValueError, match="not the archive"):
        emoji.fetch(tmp_path / "cache")

    assert list((tmp_path / "cache").iterdir()) == []


def test_every_thing_is_recognised_where_a_drawn_stage_has_it() -> None:
    rng, recogniser = Random(3), Recogniser([thing.code for thing in CAST], PICTURES)

    stages = [stage.random_stage(rng, CAST) for _ in range(60)]
    found = [
        (recogniser.recognise(stage.draw(shown, PICTURES, *SIZES[number % 3]), shown, index), prop.emoji.code)
        for number, shown in enumerate(stages)
        for index, prop in enumerate(shown.props)
        if prop.emoji is not None
    ]

    assert len(found) > 50
    assert all(seen == asked for seen, asked in found)


def test_another_thing_in_its_place_is_not_taken_for_it() -> None:
    recogniser = Recogniser([thing.code for thing in CAST], PICTURES)

    for asked, shown in itertools.permutations(CAST, 2):
        picture = stage.draw(Stage(props=(Prop(emoji=shown),), ground="white"), PICTURES, 128, 128)
        seen = recogniser.recognise(picture, Stage(props=(Prop(emoji=asked),), ground="white"), 0)
        assert seen == shown.code != asked.code


def test_a_relation_is_where_the_pixels_are() -> None:
    beast, other = Prop(emoji=CAST[0]), Prop(emoji=CAST[1])

    for relation, (axis, sign) in {
        "left of": ("x", -1),
        "right of": ("x", 1),
        "above": ("y", -1),
        "under": ("y", 1),
    }.items():
        first, second = stage.layout(Stage(props=(beast, other), ground="meadow", relation=relation), 256, 256)
        assert sign * (getattr(first, axis) - getattr(second, axis)) > 60


def test_what_stands_in_a_place_has_a_shadow_and_what_flies_has_none() -> None:
    bird = Emoji(code="e0", section="transport-air", english=("glider",), chinese=("滑翔机",))

    standing = stage.layout(Stage(props=(Prop(emoji=CAST[0]),), ground="beach"), 128, 128)[0]
    flying = stage.layout(Stage(props=(Prop(emoji=bird),), ground="beach"), 128, 128)[0]

    assert standing.shade
    assert not flying.shade
    assert flying.y < standing.y


def test_every_place_looks_different_at_every_time() -> None:
    seen = {
        places.backdrop(place, time, 96, 64).tobytes()
        for place in places.PLACES
        for time in (("day",) if place in places.TIMELESS else places.TIMES)
    }

    assert len(seen) == 8 * 3 + 2


def test_training_never_shows_a_pair_that_is_held_out() -> None:
    cast = [Emoji(code=f"{n:x}", section="", english=(f"a{n}",), chinese=(f"甲{n}",)) for n in range(30)]
    rng = Random(4)

    def pairs(held_out: bool) -> list[tuple[Emoji, Emoji]]:
        stages = [stage.random_stage(rng, cast, kinds={"pair": 1.0}, held_out=held_out) for _ in range(400)]
        return [(a.emoji, b.emoji) for a, b in (shown.props for shown in stages) if a.emoji and b.emoji]

    assert not any(stage.is_held_out(*pair) for pair in pairs(held_out=False))
    assert all(stage.is_held_out(*pair) for pair in pairs(held_out=True))


def test_held_out_sentences_about_things_do_not_occur_in_training() -> None:
    marks = ("would love to see", "could you do", "nothing else", "how about", "let there be",
             "好想看", "给我整", "别的都不要", "帮个忙", "可不可以")  # fmt: skip
    rng = Random(8)

    stages = [stage.random_stage(rng, CAST) for _ in range(600)]
    said = [stage_phrases.say(shown, rng, language=language) for shown in stages for language in ("en", "zh")]
    unseen = [stage_phrases.say(shown, rng, language=language, held_out=True)
              for shown in stages if shown.props for language in ("en", "zh")]  # fmt: skip

    assert not any(mark in text for text in said for mark in marks)
    assert all(any(mark in text for mark in marks) for text in unseen)
    assert not any("|" in text for text in said + unseen)


def test_plurals_and_measure_words_are_those_of_the_language() -> None:
    plurals = {
        one: stage_phrases.plural(one) for one in ("cat", "cherry", "mouse", "fox", "fish", "wolf", "woman", "bus")
    }
    measures = {
        name: stage_phrases.measure_of(name, "animal-mammal") for name in ("猫", "马", "奶牛", "鱼", "树", "雨伞")
    }

    assert plurals == {"cat": "cats", "cherry": "cherries", "mouse": "mice", "fox": "foxes", "fish": "fish",
                       "wolf": "wolves", "woman": "women", "bus": "buses"}  # fmt: skip
    assert measures == {"猫": "只", "马": "匹", "奶牛": "头", "鱼": "条", "树": "棵", "雨伞": "把"}


def test_new_tokens_leave_the_old_ones_and_what_they_mean_as_they_were() -> None:
    parts = things.load(STARTER)
    old = parts.tokenizer

    new = tokens.extend(old, {" hedgehog": 9, "刺猬": 9}, 20)
    grown = tokens.grown(parts.text_encoder, old, new)
    rows = {name: encoder.embed_tokens.weight for name, encoder in (("old", parts.text_encoder), ("new", grown))}

    assert len(new("a hedgehog").input_ids) == len(new("一只刺猬").input_ids) == 2
    for text in ("a red star on a blue background", "白底红星", "<|im_start|>"):
        before, after = old(text).input_ids, new(text).input_ids
        assert old.convert_ids_to_tokens(before) == new.convert_ids_to_tokens(after)
        assert torch.equal(rows["old"][before], rows["new"][after])
    assert tokens.extend(old, {" hedgehog": 9, "刺猬": 9}, 20).get_vocab() == new.get_vocab()


def test_the_optimizers_directions_are_orthogonal() -> None:
    wide = torch.randn(3, 24, 80, generator=torch.Generator().manual_seed(1))

    for matrices in (wide, wide.mT):
        strengths = torch.linalg.svdvals(precision.orthogonal(matrices))
        assert strengths.shape == (3, 24)
        assert 0.6 < float(strengths.min()) <= float(strengths.max()) < 1.3


def test_a_matrix_moves_alike_whoever_it_is_orthogonalised_with() -> None:
    def moved(count: int) -> Tensor:
        matrices = [nn.Parameter(torch.zeros(8, 12)) for _ in range(count)]
        muon = precision.PlainMuon(matrices, lr=0.1, weight_decay=0.0, dtype=torch.float32)
        for seed in (1, 2):
            for number, matrix in enumerate(matrices):
                matrix.grad = torch.randn(8, 12, generator=torch.Generator().manual_seed(seed + 10 * number))
            muon.step()
        return matrices[0].detach()

    assert torch.equal(moved(1), moved(1))
    assert torch.allclose(moved(1), moved(3), atol=1e-6)


def test_the_rate_falls_over_the_last_two_fifths() -> None:
    rates = [things.rate_at(step, 1000) for step in (0, 99, 600, 800, 999)]

    assert rates == pytest.approx([0.01, 1.0, 1.0, 0.5, 0.01])


def test_a_pool_encodes_each_picture_once_and_survives_half_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(latents, "CHUNK", latents.BATCH)
    asked: list[int] = []
    lesson = things.Lesson.named("all", CAST, PICTURES)

    def draw(number: int) -> Image.Image:
        asked.append(number)
        return lesson.draw(32, 32, number)

    (tmp_path / "00000.part").write_bytes(b"half")
    vae = build_vae().eval()
    first = latents.GrowingPool(vae, tmp_path, draw, torch.float32).take([0, 3, 17])
    again = latents.GrowingPool(vae, tmp_path, draw, torch.float32).take([0, 3, 17])
    with torch.no_grad():
        mean = encode(vae, latents.pixels([lesson.draw(32, 32, 3)])).mean

    assert asked == list(range(2 * latents.BATCH))
    assert torch.equal(first, again)
    assert torch.allclose(first[1], mean[0], atol=5e-3)


def test_a_run_goes_on_where_it_was_and_leaves_a_folder_that_paints(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    torch.set_num_threads(1)
    monkeypatch.setattr(latents, "CHUNK", latents.BATCH)
    monkeypatch.setattr(things, "CHUNK", latents.BATCH)
    monkeypatch.setattr(things, "TOKENS", len(things.load(STARTER).tokenizer) + 20)
    monkeypatch.setattr(emoji, "fetch", lambda _folder: None)
    monkeypatch.setattr(emoji, "load", lambda _folder: (CAST, PICTURES))

    def options(steps: int) -> argparse.Namespace:
        folders = {"run": tmp_path / "run", "cache": tmp_path, "out": tmp_path / "out", "start": STARTER}
        return argparse.Namespace(**folders, things=6, steps=steps, batch=2, pool=32, size="half-square",
                                  lesson="alone", peak=1.0, no_compile=True)  # fmt: skip

    (tmp_path / "run").mkdir()
    things.run(options(1))
    things.run(options(2))
    parts = things.load(tmp_path / "out")
    pictures = check_things.paint(parts, ["a beasta", "一只甲"], side=64, seed=1, stride=2)

    assert "goes on from step 1" in capsys.readouterr().out
    assert torch.load(tmp_path / "run" / "denoiser.pt", weights_only=True)["step"] == 2
    assert len(parts.tokenizer) > len(things.load(STARTER).tokenizer)
    assert [picture.size for picture in pictures] == [(64, 64), (64, 64)]


def test_the_checker_counts_every_thing_in_both_languages_and_refuses_weights_that_know_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    torch.set_num_threads(1)
    monkeypatch.setattr(emoji, "fetch", lambda _folder: None)
    monkeypatch.setattr(emoji, "load", lambda _folder: (CAST, PICTURES))
    monkeypatch.setattr("sys.argv", ["check", "--pairs", "2", "--half", "--sheets", str(tmp_path)])

    status = check_things.main()

    assert "/12)" in capsys.readouterr().out
    assert status == 1
    assert {path.name for path in tmp_path.iterdir()} == {"single.png", "pair-or-place.png"}


def test_of_all_things_so_many_are_asked_for_by_chance_in_each_language() -> None:
    asked = [one for one in check_things.questions(CAST, 0, 7, singles=2) if one.part == "single"]

    assert [one.language for one in asked] == ["en", "en", "zh", "zh"]
    assert len({one.prompt for one in asked}) == 4


def test_the_first_prompts_are_half_chinese_and_a_third_of_them_beyond_the_list() -> None:
    lines = check_things.FIRST_PROMPTS.read_text(encoding="utf-8").splitlines()

    rows = [line.split("\t") for line in lines]

    assert len({prompt for prompt, _, _ in rows}) == 100
    assert sum(language == "zh" for _, language, _ in rows) == 50
    assert 30 <= sum(kind == "beyond" for _, _, kind in rows) <= 36
