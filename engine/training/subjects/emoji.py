"""Microsoft's Fluent emoji in 3D and their names in two languages, fetched once into a cache folder.

Pictures: npm `@lobehub/fluent-emoji-3d` (MIT). Names and tags: npm `emojibase-data` (MIT). Knows nothing of captions.
"""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
import urllib.request
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from engine.training.subjects.common import COMMON
from engine.training.subjects.scenes import COLOURS

REGISTRY = "https://registry.npmjs.org"
PACKAGES = {
    "@lobehub/fluent-emoji-3d/-/fluent-emoji-3d-1.1.0.tgz": (
        "5a5ab69554ad4e7afc043a48274a449d328ee0bb83c71a931214ef46d0f50cb4"
        "45d267bba207914232a87a10c75ee549d9069e720979c1106feb4954006de1ee"
    ),
    "emojibase-data/-/emojibase-data-17.0.0.tgz": (
        "62f81be405a81d588757f82ad6aaf96406ab7018a9f81dbbfd92d1b142646e00"
        "0468b959fdfa1ff60f3cd8b4e9984a728413440b49b6484988b658c7b13ca08c"
    ),
}  # path in the registry: SHA-512 of the archive
CACHE = Path("data/emoji")  # under the working directory; never committed
ASSETS, NAMES = "fluent-emoji-3d.tgz", "emojibase-data.tgz"
FAINT = 24  # coverage (0..255) from which on it counts as the thing
LEADS = 0.62  # share of a picture that has the colour by which a thing may be called

# Subgroups of emojibase from which nothing is taken: nobody types them, or they differ in details too small to paint.
_LEFT_OUT = {
    "heart", "hand-single-finger", "hand-fingers-open", "person-gesture", "family", "person-symbol", "emotion",
    "person-activity", "person-resting", "skin-tone", "hair-style",
}  # fmt: skip
_GROUPS = range(8)  # without symbols and flags
_PERSON_VARIANTS = ("man ", "woman ", "men ", "women ", "Mx ")
# Words that name no emoji: they belong to backgrounds, sizes, relations, or to the flat shapes of `scenes.py`.
_NO_NAME = {
    *("red", "green", "blue", "yellow", "orange", "purple", "black", "white", "pink", "cyan", "small", "big", "large"),
    *("little", "left", "right", "above", "below", "under", "on", "top", "bottom", "animal", "food", "face", "symbol"),
    *("star", "stars", "ring", "heart", "circle", "square", "triangle", "cross", "diamond", "dot", "box", "picture"),
    *("image", "sign", "drawing", "one", "two", "three", "up", "down", "open", "closed"),
    *(
        "红色",
        "绿色",
        "蓝色",
        "黄色",
        "橙色",
        "紫色",
        "黑色",
        "白色",
        "粉色",
        "青色",
        *"红绿蓝黄橙紫黑白粉青大小上下左右圆心环",
    ),
    *("动物", "食物", "星星", "图片", "牌子"),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Emoji:
    """One thing: its code as the archive spells it, its subgroup, and its names, the plainest first.

    `tags` are words that belong to no other emoji; `unseen_*` are names that training never says; `colour` is that of
    nearly all of it, if it has one.
    """

    code: str
    section: str
    english: tuple[str, ...]
    chinese: tuple[str, ...]
    tags_english: tuple[str, ...] = ()
    tags_chinese: tuple[str, ...] = ()
    unseen_english: tuple[str, ...] = ()
    unseen_chinese: tuple[str, ...] = ()
    colour: str = ""


def fetch(folder: Path) -> None:
    """Download what is not in `folder` yet. Raises ValueError when an archive is not the one that is expected."""
    folder.mkdir(parents=True, exist_ok=True)
    for (address, digest), name in zip(PACKAGES.items(), (ASSETS, NAMES), strict=True):
        if (folder / name).exists():
            continue
        with urllib.request.urlopen(f"{REGISTRY}/{address}", timeout=300) as answer:
            content = answer.read()
        if hashlib.sha512(content).hexdigest() != digest:
            raise ValueError(f"{address} is not the archive that was expected")
        part = folder / f"{name}.part"
        part.write_bytes(content)
        part.replace(folder / name)


def load(folder: Path) -> tuple[tuple[Emoji, ...], Mapping[str, Image.Image]]:
    """All things in the order in which people ask for them, and their pictures by code: RGBA, without empty edges."""
    pictures = _pictures(folder / ASSETS)
    with tarfile.open(folder / NAMES) as archive:
        english, chinese, words = (
            json.loads(_member(archive, f"package/{name}.json")) for name in ("en/data", "zh/data", "en/messages")
        )
    sections = {group["order"]: group["key"] for group in words["subgroups"]}
    things = catalogue(english, chinese, sections, set(pictures))
    return tuple(replace(thing, colour=colour_of(pictures[thing.code])) for thing in things), pictures


def colour_of(picture: Image.Image) -> str:
    """The colour word that most of an RGBA picture has, or nothing where no colour clearly leads."""
    pixels = np.asarray(picture.resize((48, 48)), np.float32).reshape(-1, 4)
    pixels = pixels[pixels[:, 3] > 200, :3]
    if not len(pixels):
        return ""
    palette = np.asarray(list(COLOURS.values()), np.float32)
    nearest = ((pixels[:, None] - palette) ** 2).sum(-1).argmin(-1)
    counts = np.bincount(nearest, minlength=len(COLOURS))
    return list(COLOURS)[int(counts.argmax())] if counts.max() > LEADS * len(pixels) else ""


def catalogue(
    english: list[dict[str, Any]], chinese: list[dict[str, Any]], sections: Mapping[int, str], drawn: set[str]
) -> tuple[Emoji, ...]:
    """Things out of emojibase's records, as far as they are `drawn` (codes) and somebody may type them."""
    said = {record["hexcode"]: record for record in chinese}
    records = [
        record for record in english if _code(record["hexcode"]) in drawn and _is_thing(record, sections)
    ]  # fmt: skip
    counts = {
        language: Counter(word for one in of for word in {*_tags(one), _label(one)})
        for language, of in (("en", records), ("zh", [said[record["hexcode"]] for record in records]))
    }
    owned = {name for row in COMMON.values() for name in (*row.english, *row.chinese, *row.unseen)}
    things = [_emoji(record, said[record["hexcode"]], sections, counts, owned) for record in records]
    order = {code: index for index, code in enumerate(COMMON)}
    things.sort(key=lambda thing: order.get(thing.code, len(order)))
    return tuple(_unambiguous(things))


def _emoji(
    record: dict[str, Any],
    chinese: dict[str, Any],
    sections: Mapping[int, str],
    counts: Mapping[str, Counter[str]],
    owned: set[str],
) -> Emoji:
    code = _code(record["hexcode"])
    row = COMMON.get(code)
    names = [(*(row.english if row else ()), _label(record)), (*(row.chinese if row else ()), _label(chinese))]
    tags = [
        tuple(tag for tag in _tags(of) if counts[language][tag] == 1 and tag not in owned and tag not in _NO_NAME)
        for language, of in (("en", record), ("zh", chinese))
    ]
    unseen = row.unseen if row else ()
    return Emoji(
        code=code,
        section=sections[record["subgroup"]],
        english=tuple(dict.fromkeys(name for name in names[0] if name not in unseen and name not in _NO_NAME)),
        chinese=tuple(dict.fromkeys(name for name in names[1] if name not in unseen and name not in _NO_NAME)),
        tags_english=tuple(tag for tag in tags[0] if tag not in names[0] and tag.isascii() and len(tag) > 2),
        tags_chinese=tuple(tag for tag in tags[1] if tag not in names[1] and len(tag) > 1),
        unseen_english=tuple(name for name in unseen if name.isascii()),
        unseen_chinese=tuple(name for name in unseen if not name.isascii()),
    )


def _unambiguous(things: list[Emoji]) -> Iterator[Emoji]:
    """A name belongs to the first thing that has it; a thing that loses its last name of a language goes."""
    taken: set[str] = set()
    for thing in things:
        english = tuple(name for name in thing.english if name not in taken)
        chinese = tuple(name for name in thing.chinese if name not in taken)
        taken |= {*english, *chinese, *thing.unseen_english, *thing.unseen_chinese}
        if english and chinese:
            yield replace(thing, english=english, chinese=chinese)


def _is_thing(record: dict[str, Any], sections: Mapping[int, str]) -> bool:
    if _code(record["hexcode"]) in COMMON:
        return True
    label = record["label"]
    if record.get("group") not in _GROUPS or sections[record["subgroup"]] in _LEFT_OUT:
        return False
    if label.startswith(_PERSON_VARIANTS) or ":" in label or "pregnant" in label or "feeding" in label:
        return False
    return not (("clock" in label and "’" in label) or label.endswith("-thirty"))


def _label(record: dict[str, Any]) -> str:
    return record["label"].lower().replace("’", "'").replace("“", "").replace("”", "")


def _tags(record: dict[str, Any]) -> list[str]:
    return [tag.lower() for tag in record.get("tags", ())]


def _code(hexcode: str) -> str:
    """Codes of both packages in one spelling: lower case, without the variation selector."""
    return hexcode.lower().replace("-fe0f", "")


def _member(archive: tarfile.TarFile, name: str) -> bytes:
    member = archive.extractfile(name)
    if member is None:
        raise ValueError(f"{name} is not in the archive")
    return member.read()


@cache
def _pictures(path: Path) -> Mapping[str, Image.Image]:
    found: dict[str, Image.Image] = {}
    with tarfile.open(path) as archive:
        for member in archive:
            code = _code(Path(member.name).stem)
            if member.name.endswith(".webp") and not any(f"1f3f{tone}" in code for tone in "bcdef"):
                picture = Image.open(io.BytesIO(_member(archive, member.name))).convert("RGBA")
                solid = picture.getchannel("A").point([0] * FAINT + [255] * (256 - FAINT))
                found[code] = picture.crop(solid.getbbox())
    return found
