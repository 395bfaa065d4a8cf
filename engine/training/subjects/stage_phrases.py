"""Says a stage in English or Chinese, in many ways: names, articles, plurals, measure words, grounds and relations.

Like `phrases.py` it keeps one grammar for the checker (`held_out`), and names that training never says (`unseen`).
"""

from __future__ import annotations

from random import Random

from engine.training.subjects import phrases
from engine.training.subjects.emoji import Emoji
from engine.training.subjects.phrases import COLOUR_ZH, SIZE_EN, SIZE_ZH, with_article
from engine.training.subjects.stage import Prop, Stage

PLACE_EN = {
    "meadow": ("on a meadow", "in a meadow", "on the grass", "in a green field", "on a lawn"),
    "beach": ("on a beach", "on the beach", "at the beach", "on the sand by the sea"),
    "sea": ("in the sea", "on the sea", "in the ocean", "at sea", "in the water"),
    "snow": ("in the snow", "on the snow", "in a snowy field", "in winter"),
    "mountains": ("in the mountains", "in front of mountains", "in the alps", "before a mountain range"),
    "forest": ("in a forest", "in the forest", "in the woods", "among trees"),
    "desert": ("in the desert", "in a desert", "on a sand dune"),
    "city": ("in a city", "in the city", "on a city street", "downtown", "in front of skyscrapers"),
    "space": ("in space", "in outer space", "among the stars", "in the universe"),
    "room": ("in a room", "in a living room", "indoors", "at home", "in a cosy room"),
}
PLACE_ZH = {
    "meadow": ("草地|上", "草原|上", "草坪|上"),
    "beach": ("沙滩|上", "海滩|上", "海边"),
    "sea": ("海里", "大海|里", "海上", "海面|上", "水里"),
    "snow": ("雪地|里", "雪地|上", "雪中", "冬天|的|雪地|里"),
    "mountains": ("山里", "群山|前", "山|前面", "大山|里"),
    "forest": ("森林|里", "树林|里", "森林|中"),
    "desert": ("沙漠|里", "沙漠|中", "沙丘|上"),
    "city": ("城市|里", "街上", "城市|街道|上", "高楼|前"),
    "space": ("太空|中", "宇宙|中", "太空|里", "星空|中"),
    "room": ("房间|里", "客厅|里", "屋子|里", "家里", "室内"),
}
ALONE_EN = {
    "meadow": "a green meadow", "beach": "an empty beach", "sea": "the open sea", "snow": "a snowy landscape",
    "mountains": "a mountain landscape", "forest": "a forest", "desert": "a desert", "city": "a city skyline",
    "space": "outer space", "room": "an empty room",
}  # fmt: skip
ALONE_ZH = {
    "meadow": "草地", "beach": "海滩", "sea": "大海", "snow": "雪景", "mountains": "群山", "forest": "森林",
    "desert": "沙漠", "city": "城市", "space": "太空", "room": "空|房间",
}  # fmt: skip
TIME_EN = {"day": ("during the day", "on a sunny day"), "sunset": ("at sunset", "at dusk", "in the evening"),
           "night": ("at night", "by night", "under the night sky")}  # fmt: skip
TIME_ZH = {"day": ("白天", "晴天"), "sunset": ("日落|时", "傍晚", "夕阳|下"), "night": ("夜晚", "晚上", "夜里")}
TOUCH_EN = {"on": ("on", "on top of", "sitting on", "standing on"), "under": ("under", "underneath", "beneath")}
TOUCH_ZH = {"on": ("上面", "上", "顶上"), "under": ("下面", "底下")}
TOUCH_BACK = {"on": "under", "under": "on"}

# Measure words by section; by the end of a name where that says it better.
_MEASURES = {
    "animal-mammal": "只", "animal-bird": "只", "animal-amphibian": "只", "animal-reptile": "只", "animal-bug": "只",
    "animal-marine": "条", "cat-face": "只", "monkey-face": "只", "plant-flower": "朵", "plant-other": "棵",
    "transport-ground": "辆", "transport-water": "艘", "transport-air": "架", "place-building": "座",
    "place-geographic": "座", "place-religious": "座", "place-other": "座", "person-role": "位", "person": "个",
    "drink": "杯", "clothing": "件", "book-paper": "本", "tool": "把", "musical-instrument": "把", "writing": "支",
    "computer": "台", "face-smiling": "张", "face-concerned": "张",
}  # fmt: skip
_ENDINGS = {
    "匹": "马", "头": "牛 猪 象", "条": "蛇 龙 鱼 裤 裙子 围巾", "只": "蟹 虾 章鱼 碗", "棵": "树",
    "朵": "花 云 玫瑰", "轮": "月亮 太阳", "道": "彩虹 闪电", "座": "桥 房子", "把": "椅子 伞 钥匙 刀 剑",
    "张": "床 桌", "本": "书", "双": "鞋 鞋子 袜子", "副": "眼镜", "碗": "面条 米饭", "块": "蛋糕 巧克力 披萨",
    "颗": "糖 星", "盏": "灯笼", "支": "蜡烛", "团": "火", "台": "相机 电脑 电视", "部": "手机", "架": "钢琴",
    "列": "火车", "辆": "自行车", "个": "气球 地球", "顶": "帽子 皇冠", "枚": "戒指", "根": "香蕉 胡萝卜 玉米",
}  # fmt: skip
_BY_ENDING = {name: word for word, names in _ENDINGS.items() for name in names.split()}
_MASS = {
    "bread", "rice", "milk", "tea", "coffee", "beer", "wine", "cheese", "popcorn", "butter", "salt", "corn", "jeans",
    "chocolate", "fire", "lightning", "sushi", "garlic", "ice", "bacon", "wood", "fog", "soap", "fries", "french fries",
    "glasses", "shorts", "scissors", "cooked rice", "curry rice", "green tea", "red wine",
}  # fmt: skip
_PLURAL = ("grapes", "cherries", "flowers", "books", "fireworks", "dumplings", "noodles", "beans", "peanuts", "socks")


def say(stage: Stage, rng: Random, *, language: str, held_out: bool = False, unseen: bool = False) -> str:
    """One way to say `stage` in `language`; with `unseen`, by a name that training never said where there is one."""
    return spaced(stage, rng, language=language, held_out=held_out, unseen=unseen).replace("|", "")


def spaced(stage: Stage, rng: Random, *, language: str, held_out: bool = False, unseen: bool = False) -> str:
    """The same with `|` between Chinese words."""
    english = language == "en"
    if not stage.props:
        return _empty(stage, rng, english)
    if held_out:
        return _unseen_en(stage, rng, unseen) if english else _unseen_zh(stage, rng, unseen)
    text = _stage_en(stage, rng, unseen) if english else _stage_zh(stage, rng, unseen)
    return phrases.dress_en(text, rng) if english else phrases.dress_zh(text, rng)


def name_of(emoji: Emoji, rng: Random, *, language: str, unseen: bool = False) -> str:
    """One of its names; the plainest most often."""
    english = language == "en"
    kept = emoji.unseen_english if english else emoji.unseen_chinese
    if unseen and kept:
        return rng.choice(kept)
    names = emoji.english if english else emoji.chinese
    tags = emoji.tags_english if english else emoji.tags_chinese
    if tags and rng.random() < 0.08:
        return rng.choice(tags)
    return names[0] if rng.random() < 0.55 else rng.choice(names)


def named(name: str, emoji: Emoji, *, language: str) -> str:
    """The plainest prompt there is: "a cat", 一只猫."""
    if language == "zh":
        return f"一{measure_of(name, emoji.section)}{name}"
    return name if name in _MASS or name.endswith(_PLURAL) else with_article(name)


def _empty(stage: Stage, rng: Random, english: bool) -> str:
    if english:
        return f"{ALONE_EN[stage.ground]} {_time_en(stage, rng)}".strip()
    time = _time_zh(stage, rng)
    return f"{time}|的|{ALONE_ZH[stage.ground]}" if time else ALONE_ZH[stage.ground]


# English


def _prop_en(prop: Prop, rng: Random, *, article: bool, unseen: bool = False) -> str:
    if prop.emoji is None:
        assert prop.sign is not None
        text = f'"{prop.sign.text}"' if rng.random() < 0.5 else prop.sign.text
        board = f"{prop.sign.board} sign" if rng.random() < 0.6 else "sign"
        ink = f" in {prop.sign.ink} letters" if rng.random() < 0.3 else ""
        return f"{with_article(board)} {rng.choice(('that says', 'saying', 'reading', 'with the word'))} {text}{ink}"
    name = name_of(prop.emoji, rng, language="en", unseen=unseen)
    size = rng.choice(SIZE_EN[prop.size]) if prop.size in SIZE_EN else ""
    colour = prop.emoji.colour if rng.random() < 0.12 and prop.emoji.colour not in name else ""
    text = " ".join(word for word in (size, colour, name) if word)
    if not article or name in _MASS or name.endswith(_PLURAL):
        return text
    return f"the {text}" if rng.random() < 0.06 or name in ("sun", "moon", "earth") else with_article(text)


def plural(name: str) -> str:
    """ "cats", "cherries", "mice"; what has no plural stays."""
    if name.endswith(_PLURAL) or name in _MASS or name.endswith("fish") or name in ("sheep", "deer"):
        return name
    if name in ("man", "woman", "fireman", "policeman", "spaceman", "snowman"):
        return name[:-2] + "en"
    if name.endswith("s") and not name.endswith(("ss", "us")):
        return name
    if name.endswith(("s", "x", "ch", "sh")):
        return f"{name}es"
    if name.endswith("y") and name[-2] not in "aeiou":
        return f"{name[:-1]}ies"
    special = {
        "mouse": "mice",
        "wolf": "wolves",
        "goose": "geese",
        "loaf": "loaves",
        "knife": "knives",
        "leaf": "leaves",
    }
    for ending, plural in special.items():
        if name.endswith(ending):
            return name[: -len(ending)] + plural
    return f"{name}s"


def _ground_en(stage: Stage, rng: Random) -> tuple[str, str]:
    """Words for the ground after and before the things."""
    if stage.plain:
        if stage.ground == "white" and rng.random() < 0.6:
            return "", ""
        return phrases.ground_en(stage.ground, rng)
    place, time = rng.choice(PLACE_EN[stage.ground]), _time_en(stage, rng)
    both = f"{place} {time}".strip()
    if time and rng.random() < 0.2:
        return f" {place}", f"{time}, "
    return f" {both}", f"{both}, "


def _time_en(stage: Stage, rng: Random) -> str:
    if stage.ground in ("space", "room") or (stage.time == "day" and rng.random() < 0.7):
        return ""
    return rng.choice(TIME_EN[stage.time])


def _stage_en(stage: Stage, rng: Random, unseen: bool) -> str:
    core = _core_en(stage, rng, unseen)
    after, before = _ground_en(stage, rng)
    if before and rng.random() < 0.2:
        return before + core
    return core + after


def _core_en(stage: Stage, rng: Random, unseen: bool) -> str:
    article = rng.random() < 0.8
    first = _prop_en(stage.props[0], rng, article=article, unseen=unseen)
    if stage.relation is None:
        if stage.spot == "centre" and rng.random() < 0.85:
            return first
        return f"{first} {rng.choice(phrases.PLACE_EN[stage.spot])}"
    thing = stage.props[0].emoji
    if stage.props[0] == stage.props[1] and thing is not None:
        many = plural(name_of(thing, rng, language="en", unseen=unseen))
        return f"{rng.choice(('two', 'two', '2', 'a pair of', 'a couple of', ''))} {many}".strip()
    second = _prop_en(stage.props[1], rng, article=article, unseen=unseen)
    if stage.relation in TOUCH_EN:
        if rng.random() < 0.7:
            return f"{first} {rng.choice(TOUCH_EN[stage.relation])} {second}"
        return f"{second} {rng.choice(TOUCH_EN[TOUCH_BACK[stage.relation]])} {first}"
    return phrases.pair_en(stage.relation, first, second, rng)


def _unseen_en(stage: Stage, rng: Random, unseen: bool) -> str:
    """Sentence patterns that training never sees."""
    first = _prop_en(stage.props[0], rng, article=True, unseen=unseen)
    if stage.plain:
        where = f"before a {stage.ground} backcloth" if stage.ground != "white" else ""
    else:
        where = f"{PLACE_EN[stage.ground][0]} {TIME_EN[stage.time][0] if stage.time != 'day' else ''}".strip()
    if stage.relation is None:
        core = first if stage.spot == "centre" else f"{first} {phrases.PLACE_EN[stage.spot][0]}"
    else:
        second = _prop_en(stage.props[1], rng, article=True, unseen=unseen)
        said = stage.relation if stage.relation in TOUCH_EN else phrases.RELATION_EN[stage.relation][0]
        core = f"{first} {said} {second}"
    core = f"{core} {where}".strip()
    return rng.choice((f"i would love to see {core}", f"could you do {core} for me?", f"{core}, nothing else",
                       f"hey, how about {core}?", f"let there be {core}"))  # fmt: skip


# Chinese


def measures() -> set[str]:
    """Every measure word with the numbers one and two."""
    return {f"{count}{word}" for count in "一两" for word in {"个", *_MEASURES.values(), *_BY_ENDING.values()}}


def measure_of(name: str, section: str) -> str:
    """The measure word for a Chinese name."""
    for length in (3, 2, 1):
        if name[-length:] in _BY_ENDING:
            return _BY_ENDING[name[-length:]]
    return _MEASURES.get(section, "个")


def _prop_zh(prop: Prop, rng: Random, *, unseen: bool = False, count: str = "一") -> str:
    if prop.emoji is None:
        assert prop.sign is not None
        hue = f"{COLOUR_ZH[prop.sign.board]}色|的|" if rng.random() < 0.6 else ""
        mark = rng.choice(("“|", "")), rng.choice(("|”", ""))
        text = f"{mark[0]}{prop.sign.text}|”" if mark[0] else prop.sign.text
        ink = f"{COLOUR_ZH[prop.sign.ink]}色|的|" if rng.random() < 0.25 else ""
        return f"{rng.choice(('一块|', '一个|', ''))}写|着|{ink}{text}|的|{hue}{rng.choice(('牌子', '标牌', '木牌'))}"
    name = name_of(prop.emoji, rng, language="zh", unseen=unseen)
    size = f"{rng.choice(SIZE_ZH[prop.size])}|" if prop.size in SIZE_ZH else ""
    colour = ""
    if prop.emoji.colour and rng.random() < 0.12 and COLOUR_ZH[prop.emoji.colour] not in name:
        colour = f"{COLOUR_ZH[prop.emoji.colour]}色|的|"
    chance = rng.random()
    counted = (
        f"{count}{measure_of(name, prop.emoji.section)}|" if chance < 0.5 else f"{count}个|" if chance < 0.6 else ""
    )
    if count != "一" and not counted:
        counted = f"{count}个|"
    return f"{counted}{size}{colour}{name}"


def _ground_zh(stage: Stage, rng: Random) -> tuple[str, str]:
    if stage.plain:
        if stage.ground == "white" and rng.random() < 0.6:
            return "", ""
        return phrases.ground_zh(stage.ground, rng)
    place, time = rng.choice(PLACE_ZH[stage.ground]), _time_zh(stage, rng)
    both = f"{time}|{rng.choice(('的|', '', '，|'))}{place}" if time else place
    before = rng.choice((f"{both}|的|", f"{both}|有|", f"{both}|，|", f"在|{both}|，|"))
    after = rng.choice((f"|在|{place}", f"|，|在|{place}")) + (f"|，|{time}" if time else "")
    return after, before


def _time_zh(stage: Stage, rng: Random) -> str:
    if stage.ground in ("space", "room") or (stage.time == "day" and rng.random() < 0.7):
        return ""
    return rng.choice(TIME_ZH[stage.time])


def _stage_zh(stage: Stage, rng: Random, unseen: bool) -> str:
    core = _core_zh(stage, rng, unseen)
    after, before = _ground_zh(stage, rng)
    if after and rng.random() < (0.5 if stage.plain else 0.3):
        return core + after
    return before + core


def _core_zh(stage: Stage, rng: Random, unseen: bool) -> str:
    first = _prop_zh(stage.props[0], rng, unseen=unseen)
    if stage.relation is None:
        if stage.spot == "centre" and rng.random() < 0.85:
            return first
        place = rng.choice(phrases.PLACE_ZH[stage.spot])
        return rng.choice((f"{first}|在|{place}", f"{place}|有|{first}", f"{place}|的|{first}"))
    if stage.props[0] == stage.props[1] and stage.props[0].emoji is not None:
        return _prop_zh(stage.props[0], rng, unseen=unseen, count="两")
    second = _prop_zh(stage.props[1], rng, unseen=unseen)
    if stage.relation in TOUCH_ZH:
        said = rng.choice(TOUCH_ZH[stage.relation])
        back = rng.choice(TOUCH_ZH[TOUCH_BACK[stage.relation]])
        return rng.choice((f"{first}|在|{second}|{said}", f"{second}|{said}|有|{first}", f"{second}|{said}|的|{first}",
                           f"{second}|在|{first}|{back}"))  # fmt: skip
    return phrases.pair_zh(stage.relation, first, second, rng)


def _unseen_zh(stage: Stage, rng: Random, unseen: bool) -> str:
    first = _prop_zh(stage.props[0], rng, unseen=unseen)
    if stage.plain:
        where = f"，用{COLOUR_ZH[stage.ground]}色作底" if stage.ground != "white" else ""
        lead = ""
    else:
        time = TIME_ZH[stage.time][0] if stage.time != "day" else ""
        lead, where = f"{time}{PLACE_ZH[stage.ground][0]}的", ""
    if stage.relation is None:
        core = first if stage.spot == "centre" else f"{phrases.PLACE_ZH[stage.spot][0]}的{first}"
    else:
        second = _prop_zh(stage.props[1], rng, unseen=unseen)
        said = (TOUCH_ZH if stage.relation in TOUCH_ZH else phrases.RELATION_ZH)[stage.relation][0]
        core = f"{first}在{second}{said}"
    core = f"{lead}{core}{where}"
    return rng.choice(
        (f"好想看{core}", f"给我整{core}呗", f"{core}，别的都不要", f"帮个忙，{core}", f"可不可以弄{core}")
    )
