"""A lesson by the clock: pictures drawn beforehand by other processes, and layers that begin closed."""

import io
import json
import tarfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw

from engine.training import denoiser, flow, gpu
from engine.training.export import STARTER
from engine.training.models import deepened
from engine.training.precision import fastest
from engine.training.subjects import emoji
from engine.training.things import Lesson, load

NAMES = {"1f408": ("cat", "猫"), "1f34e": ("apple", "苹果")}


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """The two archives with two emoji of own making."""
    with tarfile.open(tmp_path / emoji.ASSETS, "w:gz") as archive:
        for number, code in enumerate(NAMES):
            picture = Image.new("RGBA", (64, 64), (0, 0, 0, 0))
            ImageDraw.Draw(picture).ellipse((4, 4 + 20 * number, 60, 60), fill=(220, 60 + 120 * number, 40, 255))
            file = io.BytesIO()
            picture.save(file, "webp", lossless=True)
            add(archive, f"package/assets/{code}.webp", file.getvalue())
    with tarfile.open(tmp_path / emoji.NAMES, "w:gz") as archive:
        for place, language in enumerate(("en", "zh")):
            records = [
                {"hexcode": code.upper(), "label": names[place], "subgroup": 1, "group": 3, "tags": []}
                for code, names in NAMES.items()
            ]
            add(archive, f"package/{language}/data.json", json.dumps(records).encode())
        messages = {"subgroups": [{"order": 1, "key": "animal-mammal"}]}
        add(archive, "package/en/messages.json", json.dumps(messages).encode())
    return tmp_path


def add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    archive.addfile(member, io.BytesIO(content))


def test_a_short_training_shows_what_was_drawn_and_changes_the_weights(cache: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    parts = load(STARTER)
    parts.tokenizer.save_pretrained(run / "tokenizer")
    album = gpu.Album(lesson="all", things=2, width=128, height=128, count=4)

    gpu.prepare([album], run, cache, processes=1, block=2)
    cast, pictures = emoji.load(cache)
    drawn = Lesson.named("all", cast, pictures).draw(128, 128, 3)
    shown = gpu.encoded(album, run, parts, torch.device("cpu"), torch.float32)
    blank = parts.tokenizer.pad_token_id
    assert isinstance(blank, int)
    course = gpu.Course(alone=[shown], half=[shown], whole=[shown], batch=2, blank=blank)
    painter = denoiser.Painter.of(parts, minutes=1, dtype=fastest(torch.device("cpu")))
    before = painter.net["transformer"].layers[0].attention.to_q.weight.detach().clone()  # pyright: ignore
    snapshots: list[int] = []
    gpu.train(painter, course, seconds=0.01, snapshot=lambda: snapshots.append(painter.step), snapshots=0)

    assert np.array_equal(album.pixels(run)[3], np.asarray(drawn))
    assert shown.latents.shape == (4, 16, 16, 16)
    assert shown.said.shape == (4, gpu.SAYINGS, gpu.SHORT)
    assert snapshots == [painter.step]
    assert painter.step >= 1
    assert not torch.equal(before, painter.net["transformer"].layers[0].attention.to_q.weight)  # pyright: ignore


def test_what_was_drawn_is_not_drawn_again(cache: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    load(STARTER).tokenizer.save_pretrained(run / "tokenizer")
    album = gpu.Album(lesson="alone", things=2, width=64, height=64, count=2)
    gpu.prepare([album], run, cache, processes=1, block=2)
    album.pixels(run, "r+")[:] = 7

    gpu.prepare([album], run, cache, processes=1, block=2)

    assert (album.pixels(run) == 7).all()


def test_captions_have_their_lengths_without_padding() -> None:
    tokenizer = load(STARTER).tokenizer
    texts = ["a cat", "一只猫在草地上", ""]
    ids, lengths = flow.tokenize(tokenizer, texts)
    assert isinstance(tokenizer.pad_token_id, int)

    assert torch.equal(gpu.lengths_of(ids, tokenizer.pad_token_id), lengths)


def test_new_layers_change_nothing_before_they_are_trained() -> None:
    model = load(STARTER).transformer
    deep = deepened(model, len(model.layers) + 4)
    latents, words = torch.randn(2, 16, 8, 8), torch.randn(2, 32, 128)
    time, lengths = torch.tensor([0.2, 0.8]), torch.tensor([9, 32])
    for one in (model, deep):
        flow.use_plain_attention(one)

    with torch.no_grad():
        before, after = (flow.forward(one, latents, time, words, lengths) for one in (model, deep))

    assert len(deep.layers) == len(model.layers) + 4
    assert torch.equal(before, after)


def test_the_lesson_goes_from_alone_to_half_to_whole() -> None:
    def album(stride: int, value: float) -> gpu.Encoded:
        latents = torch.full((8, 16, 4, 4), value).half()
        said = torch.full((8, gpu.SAYINGS, gpu.SHORT), int(value), dtype=torch.int32)
        return gpu.Encoded(latents=latents, said=said, said_long=said[:, 0].repeat(1, 2), stride=stride)

    course = gpu.Course(alone=[album(2, 1)], half=[album(2, 2)], whole=[album(1, 3)], batch=6, blank=0)
    taken = [course.take(0, share) for share in (0.0, gpu.ALONE_UNTIL, gpu.HALF_UNTIL, 0.99)]

    assert [float(latents.mean()) for latents, _, _ in taken] == [1, 2, 3, 3]
    assert [len(ids) for _, ids, _ in taken] == [6, 6, 3, 3]
    assert all(torch.equal(ids.float().mean(1), latents.mean((1, 2, 3))) for latents, ids, _ in taken)
