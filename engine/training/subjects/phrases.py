"""Says a scene, a landscape or a sign in English or Chinese, in many ways.

Two grammars per language: one for training, one kept for the checker (`held_out`) whose sentence patterns training
never sees. In Chinese texts `|` stands between words until the last moment, so that the tokenizer can learn words.
"""

from __future__ import annotations

from random import Random

from engine.training.subjects.book import Landscape, Sign, Thing
from engine.training.subjects.scenes import Item, Scene

Subject = Scene | Landscape | Sign

SHAPE_EN = {
    "circle": ("circle", "circle", "circle", "disc", "ball", "dot"),
    "square": ("square", "square", "square", "box"),
    "triangle": ("triangle",),
    "star": ("star", "star", "five-pointed star"),
    "heart": ("heart", "heart", "love heart"),
    "ring": ("ring", "ring", "hoop", "donut"),
    "cross": ("cross", "cross", "plus sign", "plus"),
    "diamond": ("diamond", "diamond", "rhombus"),
}
SHAPE_ZH = {
    "circle": ("圆形", "圆形", "圆", "圆点", "圆球", "圆圈"),
    "square": ("正方形", "正方形", "方块", "方形"),
    "triangle": ("三角形", "三角形", "三角"),
    "star": ("星星", "星星", "五角星", "星形", "星"),
    "heart": ("爱心", "爱心", "心形", "红心"),
    "ring": ("圆环", "圆环", "环形", "环"),
    "cross": ("十字", "十字", "十字形", "加号"),
    "diamond": ("菱形", "菱形", "钻石形"),
}
COLOUR_EN = {"purple": ("purple", "purple", "violet"), "cyan": ("cyan", "cyan", "turquoise")}
COLOUR_ZH = {
    "red": "红", "green": "绿", "blue": "蓝", "yellow": "黄", "orange": "橙",
    "purple": "紫", "black": "黑", "white": "白", "pink": "粉", "cyan": "青",
}  # fmt: skip
SIZE_EN = {"small": ("small", "little", "tiny"), "big": ("big", "large", "huge")}
SIZE_ZH = {"small": ("小", "小小的", "很小的"), "big": ("大", "大大的", "很大的", "巨大的")}
PLACE_EN = {
    "centre": ("in the centre", "in the center", "in the middle", "at the center", "centered"),
    "left": ("on the left", "at the left", "on the left side", "on the left-hand side"),
    "right": ("on the right", "at the right", "on the right side", "on the right-hand side"),
    "top": ("at the top", "at the top edge", "on top", "in the upper part"),
    "bottom": ("at the bottom", "at the bottom edge", "in the lower part"),
    "top left": ("in the top left corner", "at the top left", "in the upper left corner", "top left"),
    "top right": ("in the top right corner", "at the top right", "in the upper right corner", "top right"),
    "bottom left": ("in the bottom left corner", "at the bottom left", "in the lower left corner", "bottom left"),
    "bottom right": ("in the bottom right corner", "at the bottom right", "in the lower right corner", "bottom right"),
}
PLACE_ZH = {
    "centre": ("中间", "中央", "正中间", "正中央", "中心"),
    "left": ("左边", "左侧", "左面"),
    "right": ("右边", "右侧", "右面"),
    "top": ("上方", "顶部", "上面", "上边"),
    "bottom": ("下方", "底部", "下面", "下边"),
    "top left": ("左上角", "左上方"),
    "top right": ("右上角", "右上方"),
    "bottom left": ("左下角", "左下方"),
    "bottom right": ("右下角", "右下方"),
}
RELATION_EN = {
    "left of": ("to the left of", "left of", "on the left of", "on the left side of"),
    "right of": ("to the right of", "right of", "on the right of", "on the right side of"),
    "above": ("above", "above", "over", "on top of"),
    "below": ("below", "below", "under", "beneath", "underneath"),
}
RELATION_ZH = {
    "left of": ("左边", "左侧", "左面"),
    "right of": ("右边", "右侧", "右面"),
    "above": ("上方", "上面", "上边", "正上方"),
    "below": ("下方", "下面", "下边", "正下方"),
}
CONVERSE = {"left of": "right of", "right of": "left of", "above": "below", "below": "above"}
SIDES = {
    "left of": ("left", "right"),
    "right of": ("right", "left"),
    "above": ("top", "bottom"),
    "below": ("bottom", "top"),
}

BOARD_EN, BOARD_ZH = "sign", ("牌子", "牌子", "标牌", "招牌", "木牌")

OPENINGS_EN = ("draw", "paint", "please draw", "a picture of", "an image of", "a drawing of", "show me", "make",
               "create", "I want", "generate", "give me", "an illustration of", "picture of",
               "can you draw")  # fmt: skip
ENDINGS_EN = (".", "!", ", please", ", flat style", ", simple", ", minimal", ", high quality", ", vector art", ", cute")
OPENINGS_ZH = (
    "画|",
    "请|画|",
    "画|一张|",
    "生成|",
    "一张|图片|：",
    "请|给|我|画|",
    "来|一张|",
    "图片|，",
    "我|想要|",
    "绘制|",
)
ENDINGS_ZH = ("。", "！", "|，|谢谢", "|，|简单", "|，|扁平|风格", "|，|高清", "|，|可爱", "|，|简约")


def _split(words: str) -> tuple[str, ...]:
    return tuple(words.split())


# Words that mean nothing here: strewn in now and then, so that an unknown word does not upset the picture.
FILLERS_EN = _split("""
    nice pretty beautiful cute simple clean bright lovely great good really very just some kind new old
    modern art poster logo icon design flat style shape colour color painted drawn placed with and that is
    which there here for my friend today please thanks now one single big idea plain solid whole image photo
    canvas page scene view it its this these looking sitting standing floating resting lies stands appears
    seen shown has having made of perfect sharp soft warm cool fun happy little bit like something want need
    would could should about around near far inside outside fine tidy neat well composed best quality
    detailed geometric abstract digital
""")
FILLERS_ZH = _split("""
    好看的 漂亮的 可爱的 简单的 美丽的 一下 现代 艺术 海报 图标 设计 风格 清晰 帮 我 需要
    希望 看到 这里 那里 是 有 的 了 吧 呢 请 要 会 能 可以 应该 就 也 都 和 很 非常
    最好 画面 图 画 里 内 整个 纯 单色 作为 用 一种 今天 朋友 送给 我们 你 他 她 它 这
    那 之 放 位于 处 出现 显示 站 躺 漂浮 几何 抽象 数字 完美 温暖
""")


def say(subject: Subject, rng: Random, *, language: str, held_out: bool = False) -> str:
    """One way to say `subject` in `language` ("en" or "zh")."""
    return spaced(subject, rng, language=language, held_out=held_out).replace("|", "")


def spaced(subject: Subject, rng: Random, *, language: str, held_out: bool = False) -> str:
    """The same with `|` between Chinese words."""
    english = language == "en"
    if isinstance(subject, Scene):
        if held_out:
            return _unseen_en(subject, rng) if english else _unseen_zh(subject, rng)
        text = _scene_en(subject, rng) if english else _scene_zh(subject, rng)
    elif isinstance(subject, Landscape):
        text = _landscape_en(subject, rng) if english else _landscape_zh(subject, rng)
    elif held_out:
        return _unseen_sign_en(subject, rng) if english else _unseen_sign_zh(subject, rng)
    else:
        return _sign_en(subject, rng) if english else _sign_zh(subject, rng)
    return dress_en(text, rng) if english else dress_zh(text, rng)


def pad(text: str, rng: Random, *, language: str) -> str:
    """`text` with a few words more that mean nothing, before or after it."""
    if language == "en":
        words = " ".join(rng.choice(FILLERS_EN) for _ in range(4))
        return f"{text}, {words}" if rng.random() < 0.7 else f"{words}, {text}"
    words = "".join(rng.choice(FILLERS_ZH) for _ in range(4))
    return f"{text}，{words}" if rng.random() < 0.7 else f"{words}，{text}"


def dress_en(text: str, rng: Random) -> str:
    if rng.random() < 0.3:
        text = f"{rng.choice(OPENINGS_EN)} {text}"
    if rng.random() < 0.25:
        text += rng.choice(ENDINGS_EN)
    if rng.random() < 0.25:
        words = text.split(" ")
        for _ in range(rng.choice((1, 1, 2, 3))):
            words.insert(rng.choice((0, len(words), rng.randrange(len(words) + 1))), rng.choice(FILLERS_EN))
        text = " ".join(words)
    case = rng.random()
    return text[:1].upper() + text[1:] if case < 0.25 else text.upper() if case < 0.27 else text


def dress_zh(text: str, rng: Random) -> str:
    if rng.random() < 0.3:
        text = rng.choice(OPENINGS_ZH) + text
    if rng.random() < 0.25:
        text += rng.choice(ENDINGS_ZH)
    if rng.random() < 0.25:
        words = text.split("|")
        for _ in range(rng.choice((1, 1, 2, 3))):
            words.insert(rng.choice((0, len(words))), rng.choice(FILLERS_ZH))
        text = "|".join(words)
    return text


# English scenes


def _colour_en(colour: str, rng: Random) -> str:
    return rng.choice(COLOUR_EN.get(colour, (colour,)))


def _item_en(item: Item, rng: Random, *, article: bool = True) -> str:
    shape, colour = rng.choice(SHAPE_EN[item.shape]), _colour_en(item.colour, rng)
    size = rng.choice(SIZE_EN[item.size]) if item.size in SIZE_EN else ""
    kind = rng.random()
    if kind < 0.86:
        text = f"{size} {colour} {shape}" if rng.random() < 0.92 else f"{colour} {size} {shape}"
    elif kind < 0.93:
        text = f"{size} {shape} in {colour}"
    else:
        text = f"{size} {shape} that is {colour}"
    text = " ".join(text.split())
    return with_article(text) if article else text


def with_article(text: str) -> str:
    """ "a red star", "an orange star"."""
    return f"{'an' if text[0] in 'aeio' else 'a'} {text}"


def ground_en(background: str, rng: Random) -> tuple[str, str]:
    """How the background is said, after the items and before them; both empty when it is left out."""
    if rng.random() < (0.22 if background == "white" else 0.02):
        return "", ""
    colour = _colour_en(background, rng)
    ground = rng.choice(("background", "background", "background", "backdrop", "ground"))
    plain = rng.choice(("", "", "", "plain ", "solid ", "bright "))
    if rng.random() < 0.4:
        return _rare_ground_en(colour, rng)
    noun = with_article(f"{plain}{colour} {ground}")
    after = rng.choice((
        f" on {noun}", f" on {noun}", f" on {colour}", f" against {noun}", f", {colour} {ground}",
        f" with {noun}",
        f", the {ground} is {colour}", f" over {noun}", f" in front of {noun}", f", {ground}: {colour}",
        f". The {ground} is {colour}", f", on {noun}", f" and {noun}", f" on the {colour} {ground}",
    ))  # fmt: skip
    before = rng.choice((
        f"on {noun}, ", f"{colour} {ground}, ", f"{noun} with ", f"on {colour}, ", f"{colour} {ground} with ",
        f"the {ground} is {colour}, ", f"{colour} {ground}: ", f"on {noun} there is ",
    ))  # fmt: skip
    return after, before


def _rare_ground_en(colour: str, rng: Random) -> tuple[str, str]:
    """Many ways of few words each: whoever has met them takes a colour that stands apart for the background's."""
    surface = rng.choice(
        ("canvas", "page", "sheet", "wall", "screen", "poster", "board", "field", "paper", "tile", "flag")
    )
    on = with_article(f"{colour} {surface}")
    around = rng.choice(("around it", "all around", "everywhere else", "in the back", "behind", "elsewhere"))
    verb = rng.choice(("be", "is", "should be", "must be", "remains", "in"))
    part = rng.choice(
        ("the remainder", "all other space", "what is left", "the whole area", "the other parts", "the backside")
    )
    after = rng.choice((
        f" on {on}", f", on {on}", f" with {colour} {around}", f", {colour} {around}", f", {part} {verb} {colour}",
        f" and {part} {verb} {colour}", f", only {colour} {around}", f" surrounded by {colour}",
        f", fill {part} with {colour}",
        f" while {around} it is {colour}", f", the {surface} {verb} {colour}",
    ))  # fmt: skip
    before = rng.choice((
        f"{on} with ", f"{on} that has ", f"{on}, on it ", f"{on}: ", f"{on} bearing ", f"{colour} {around}, and ",
        f"{part} {verb} {colour}, ", f"everything {colour} but ", f"an image all in {colour} with ",
        f"make it {colour} with ",
    ))  # fmt: skip
    return after, before


def _scene_en(scene: Scene, rng: Random) -> str:
    after, before = ground_en(scene.background, rng)
    article = rng.random() < 0.85
    first = _item_en(scene.items[0], rng, article=article)
    if scene.relation is None:
        core = _single_en(scene, first, rng)
    else:
        core = pair_en(scene.relation, first, _item_en(scene.items[1], rng, article=article), rng)
    return core + after if rng.random() < 0.72 else before + core


def _single_en(scene: Scene, item: str, rng: Random) -> str:
    if scene.place == "centre" and rng.random() < 0.7:
        return item
    place = rng.choice(PLACE_EN[scene.place])
    whole = rng.choice(("", "", "", " of the picture", " of the image"))
    if scene.place == "centre" or (whole and not place.startswith(("in the", "at the", "on the"))):
        whole = ""
    return rng.choice((f"{item} {place}{whole}", f"{item} {place}{whole}", f"{item}, {place}{whole}",
                       f"{place}{whole} {item}", f"{place}{whole}, {item}", f"{item} is {place}{whole}",
                       f"{place}{whole} there is {item}"))  # fmt: skip


def pair_en(relation: str, a: str, b: str, rng: Random) -> str:
    said, back = rng.choice(RELATION_EN[relation]), rng.choice(RELATION_EN[CONVERSE[relation]])
    here, there = (rng.choice(PLACE_EN[side]) for side in SIDES[relation])
    kind = rng.random()
    if kind < 0.42:
        return rng.choice((f"{a} {said} {b}", f"{a} {said} {b}", f"{a} is {said} {b}", f"{a}, {said} {b}"))
    if kind < 0.62:
        return rng.choice((f"{b} {back} {a}", f"{b} is {back} {a}", f"{said} {b} is {a}", f"{said} {b} there is {a}"))
    if kind < 0.8:
        return rng.choice((f"{a} {here} and {b} {there}", f"{a} {here}, {b} {there}",
        f"{here} {a}, {there} {b}",
                           f"{b} {there}, {a} {here}", f"{here} is {a} and {there} is {b}"))  # fmt: skip
    tails = {"left of": ("to its right", "on its right"), "right of": ("to its left", "on its left"),
             "above": ("below it", "under it", "beneath it"), "below": ("above it", "over it")}  # fmt: skip
    if kind < 0.88 or relation != "left of":
        return f"{a} with {b} {rng.choice(tails[relation])}"
    return rng.choice((f"{a} and {b}", f"{a} and {b} side by side", f"{a} next to {b}", f"{a} beside {b}"))


def _unseen_en(scene: Scene, rng: Random) -> str:
    """Sentence patterns that training never sees."""
    ground, first = scene.background, _item_en(scene.items[0], rng)
    if scene.relation is None:
        place = PLACE_EN[scene.place][0]
        return rng.choice((
            f"could you put {first} {place} on {with_article(ground)} background?",
            f"{with_article(ground)} card showing {first} {place}",
            f"my wish: {first}, located {place}, everything behind it {ground}",
            f"{place} goes {first} and the rest of the picture stays {ground}",
        ))  # fmt: skip
    second, said = _item_en(scene.items[1], rng), RELATION_EN[scene.relation][0]
    return rng.choice((
        f"could you put {first} {said} {second} on {with_article(ground)} background?",
        f"{with_article(ground)} card showing {first} {said} {second}",
        f"two things: {first} sits {said} {second}, everything behind them {ground}",
        f"{first} located {said} {second} while the rest of the picture stays {ground}",
    ))  # fmt: skip


# Chinese scenes


def _item_zh(item: Item, rng: Random) -> str:
    colour = COLOUR_ZH[item.colour]
    shape = rng.choice([word for word in SHAPE_ZH[item.shape] if not (word == "红心" and item.colour != "red")])
    hue = rng.choice((f"{colour}色|的|", f"{colour}色|的|", f"{colour}色|", f"{colour}色|", f"{colour}|"))
    if shape == "红心":
        hue = rng.choice(("", "红色|的|"))
    size = f"{rng.choice(SIZE_ZH[item.size])}|" if item.size in SIZE_ZH else ""
    counter = rng.choice(("一个|", "一个|", "一颗|" if item.shape in ("star", "heart") else "一个|", "", "", "个|"))
    text = f"{size}{hue}{shape}" if rng.random() < 0.75 else f"{hue}{size}{shape}"
    return counter + text


def ground_zh(background: str, rng: Random) -> tuple[str, str]:
    if rng.random() < (0.22 if background == "white" else 0.02):
        return "", ""
    c = COLOUR_ZH[background]
    if rng.random() < 0.4:
        return _rare_ground_zh(c, rng)
    after = rng.choice((
        f"|，|{c}色|背景", f"|，|背景|是|{c}色", f"|，|背景|是|{c}色|的", f"|，|背景|为|{c}色", f"|，|{c}底",
        f"|，|{c}色|的|背景",
        f"|在|{c}色|背景|上", f"|，|{c}背景", f"|，|在|{c}色|背景|上", f"|，|底色|是|{c}色", f"|，|{c}色|底",
        f"。|背景|{c}色",
    ))  # fmt: skip
    before = rng.choice((
        f"{c}色|背景|上|的|", f"{c}色|背景|上|的|", f"{c}底|", f"{c}底|，|", f"{c}色|背景|，|",
        f"在|{c}色|背景|上|，|", f"{c}色|的|背景|上|有|",
        f"{c}色|背景|上|有|", f"背景|是|{c}色|，|", f"{c}背景|上|的|", f"{c}色|背景|中|的|", f"{c}底|的|",
        f"{c}色|背景|",
    ))  # fmt: skip
    return after, before


def _rare_ground_zh(c: str, rng: Random) -> tuple[str, str]:
    surface = rng.choice(("画布", "纸", "墙", "页面", "海报", "屏幕", "木板", "旗子", "布", "画面"))
    around = rng.choice(("四周", "周围", "后面", "其他|地方", "别的|地方", "外面", "剩下|的", "空白|处"))
    all_ = rng.choice(("", "都|", "全|", "全部|"))
    after = rng.choice((
        f"|，|{around}|{all_}是|{c}色", f"|，|{around}|{all_}是|{c}色|的", f"|，|{around}|涂|成|{c}色",
        f"|，|{around}|用|{c}色",
        f"|，|{surface}|是|{c}色|的", f"|，|画|在|{c}色|{surface}|上", f"|，|{around}|{all_}为|{c}色",
    ))  # fmt: skip
    before = rng.choice((
        f"{c}色|{surface}|上|的|", f"{c}色|{surface}|，|", f"{c}色|的|{surface}|，|上面|有|",
        f"{c}色|{surface}|，|上面|画|着|",
        f"{surface}|{all_}是|{c}色|的|，|", f"{around}|{all_}是|{c}色|，|", f"全|{c}色|，|只|有|",
        f"一|张|{c}色|的|{surface}|，|里面|是|",
    ))  # fmt: skip
    return after, before


def _scene_zh(scene: Scene, rng: Random) -> str:
    after, before = ground_zh(scene.background, rng)
    first = _item_zh(scene.items[0], rng)
    if scene.relation is None:
        core = _single_zh(scene, first, rng)
    else:
        core = pair_zh(scene.relation, first, _item_zh(scene.items[1], rng), rng)
    return core + after if rng.random() < 0.5 else before + core


def _single_zh(scene: Scene, item: str, rng: Random) -> str:
    if scene.place == "centre" and rng.random() < 0.7:
        return item
    place = rng.choice(PLACE_ZH[scene.place])
    return rng.choice((f"{item}|在|{place}", f"{place}|的|{item}", f"{place}|有|{item}", f"{place}|是|{item}",
                       f"{item}|，|{place}", f"在|{place}|的|{item}", f"{item}|在|画面|{place}",
                       f"{place}|{item}",
                       f"在|{place}|有|{item}", f"画面|{place}|有|{item}"))  # fmt: skip


def pair_zh(relation: str, a: str, b: str, rng: Random) -> str:
    said, back = rng.choice(RELATION_ZH[relation]), rng.choice(RELATION_ZH[CONVERSE[relation]])
    here, there = (rng.choice(PLACE_ZH[side]) for side in SIDES[relation])
    kind = rng.random()
    if kind < 0.4:
        return rng.choice((f"{a}|在|{b}|的|{said}", f"{a}|在|{b}|的|{said}", f"{a}|在|{b}|{said}",
        f"{b}|{said}|的|{a}",
                           f"{b}|{said}|有|{a}", f"{b}|的|{said}|有|{a}", f"{b}|的|{said}|是|{a}"))  # fmt: skip
    if kind < 0.6:
        return rng.choice(
            (f"{b}|在|{a}|的|{back}", f"{a}|的|{back}|是|{b}", f"{a}|{back}|有|{b}", f"{a}|，|{back}|是|{b}")
        )
    if kind < 0.85 or relation != "left of":
        return rng.choice((f"{here}|是|{a}|，|{there}|是|{b}", f"{here}|{a}|，|{there}|{b}",
        f"{a}|在|{here}|，|{b}|在|{there}",
                           f"{there}|是|{b}|，|{here}|是|{a}", f"{here}|有|{a}|，|{there}|有|{b}"))  # fmt: skip
    return rng.choice((f"{a}|和|{b}", f"{a}|与|{b}", f"{a}|、|{b}", f"{a}|和|{b}|并排"))


def _unseen_zh(scene: Scene, rng: Random) -> str:
    ground, first = COLOUR_ZH[scene.background], _item_zh(scene.items[0], rng)
    if scene.relation is None:
        place = PLACE_ZH[scene.place][0]
        return rng.choice((
            f"麻烦把{first}放到{place}，底色用{ground}色",
            f"整张图是{ground}色的，只在{place}放{first}",
            f"{ground}色卡片，{place}印着{first}",
            f"能不能画{first}，位置在{place}，其余部分都是{ground}色",
        ))  # fmt: skip
    second, said = _item_zh(scene.items[1], rng), RELATION_ZH[scene.relation][0]
    return rng.choice((
        f"麻烦把{first}放到{second}的{said}，底色用{ground}色",
        f"整张图是{ground}色的，{first}位于{second}的{said}",
        f"{ground}色卡片，印着{first}，它在{second}的{said}",
        f"能不能画{first}，位置在{second}{said}，其余部分都是{ground}色",
    ))  # fmt: skip


# The picture book

THING_EN = {"house": ("house", "little house", "cottage"), "tree": ("tree",), "cat": ("cat", "kitten",
    "little cat"),
            "flowers": ("flowers",), "balloon": ("hot air balloon", "balloon"), "mountain": ("mountains",
            "mountain"),
            "boat": ("boat", "sailboat", "little boat", "ship"), "lighthouse": ("lighthouse",),
            "island": ("island", "small island", "palm tree"), "snowman": ("snowman",)}  # fmt: skip
THING_ZH = {"house": ("一座|", ("房子", "小屋", "小房子")), "tree": ("一棵|", ("树", "大树")), "cat": ("一只|",
    ("猫", "小猫", "猫咪")),
            "flowers": ("一些|", ("花", "花朵", "鲜花")), "balloon": ("一个|", ("热气球",)),
            "mountain": ("一座|", ("山", "高山", "雪山")),
            "boat": ("一艘|", ("船", "小船", "帆船")), "lighthouse": ("一座|", ("灯塔",)), "island": ("一座|",
            ("小岛", "岛")),
            "snowman": ("一个|", ("雪人",))}  # fmt: skip
LAND_EN = {"meadow": ("on a meadow", "in a meadow", "in a green field", "on the grass"),
           "sea": ("on the sea", "at sea", "by the sea", "on the ocean"),
           "snow": ("in the snow", "on the snow", "in a snowy field")}  # fmt: skip
LAND_ZH = {
    "meadow": ("草地|上", "草原|上"),
    "sea": ("海上", "大海|上", "海面|上"),
    "snow": ("雪地|里", "雪地|上", "雪中"),
}
ALONE_EN = {"meadow": ("a meadow", "a green meadow", "a green field"), "sea": ("the sea", "the ocean",
    "a calm sea"),
            "snow": ("a snowy field", "snow", "a snowy landscape")}  # fmt: skip
ALONE_ZH = {"meadow": ("草地", "绿色|的|草地"), "sea": ("大海", "海"), "snow": ("雪地", "雪景")}
TIME_EN = {"day": ("during the day", "by day", "in the daytime"), "sunset": ("at sunset", "at dusk",
    "in the evening"),
           "night": ("at night", "by night")}  # fmt: skip
TIME_ZH = {"day": ("白天",), "sunset": ("日落|时", "傍晚", "夕阳|下"), "night": ("夜晚", "晚上", "夜里")}
LIGHT_EN = {"sun": ("the sun", "a bright sun"), "moon": ("the moon", "a full moon"), "stars": ("stars",
    "many stars"),
            "clouds": ("clouds", "white clouds")}  # fmt: skip
LIGHT_ZH = {"sun": ("太阳",), "moon": ("月亮", "圆月"), "stars": ("星空", "繁星"), "clouds": ("白云", "云")}


def _thing_en(thing: Thing, rng: Random) -> str:
    name = rng.choice(THING_EN[thing.kind])
    if thing.tint and rng.random() < 0.75:
        if thing.kind == "house" and rng.random() < 0.6:
            return f"a {name} with a {thing.tint} roof"
        name = f"{thing.tint} {name}"
    plural = name.endswith(("flowers", "mountains"))
    return name if plural else with_article(name)


def _landscape_en(view: Landscape, rng: Random) -> str:
    time = "" if view.time == "day" and rng.random() < 0.5 else rng.choice(TIME_EN[view.time])
    things = " and ".join(_thing_en(thing, rng) for thing in view.things)
    place = rng.choice(LAND_EN[view.land]) if things else ""
    core = things or rng.choice(ALONE_EN[view.land])
    lights = [rng.choice(LIGHT_EN[light]) for light in view.lights if rng.random() < 0.6]
    sky = f" {rng.choice(('with', 'under', 'and'))} {' and '.join(lights)}" if lights else ""
    parts = " ".join(part for part in (core, place, time) if part)
    if time and rng.random() < 0.25:
        parts = f"{time}, {core} {place}".strip()
    return parts + sky


def _thing_zh(thing: Thing, rng: Random) -> str:
    counter, names = THING_ZH[thing.kind]
    tint = f"{COLOUR_ZH[thing.tint]}色|{rng.choice(('的|', ''))}" if thing.tint and rng.random() < 0.75 else ""
    return (counter if rng.random() < 0.6 else "") + tint + rng.choice(names)


def _landscape_zh(view: Landscape, rng: Random) -> str:
    time = "" if view.time == "day" and rng.random() < 0.5 else rng.choice(TIME_ZH[view.time])
    things = rng.choice(("|和|", "|和|", "|与|", "|、|")).join(_thing_zh(thing, rng) for thing in view.things)
    lights = [rng.choice(LIGHT_ZH[light]) for light in view.lights if rng.random() < 0.6]
    sky = f"|，|{rng.choice(('天上|有|', '有|', ''))}{'|和|'.join(lights)}" if lights else ""
    if not things:
        return f"{time}|{rng.choice(('的|', ''))}{rng.choice(ALONE_ZH[view.land])}{sky}".strip("|")
    land = rng.choice(LAND_ZH[view.land])
    core = rng.choice((f"{land}|的|{things}", f"{land}|有|{things}", f"{things}|在|{land}"))
    joined = f"{time}|{rng.choice(('，|', '', ''))}{core}" if time else core
    return (joined if rng.random() < 0.75 or not time else f"{core}|，|{time}") + sky


def _sign_en(sign: Sign, rng: Random) -> str:
    text = rng.choice((f'"{sign.text}"', f'"{sign.text}"', sign.text, f"'{sign.text}'"))
    board = f"{sign.board} {BOARD_EN}" if rng.random() < 0.65 else BOARD_EN
    ink = f" in {sign.ink} letters" if rng.random() < 0.4 else ""
    ground = f" on {with_article(sign.background)} background" if rng.random() < 0.65 else ""
    opening = f"{rng.choice(OPENINGS_EN)} " if rng.random() < 0.25 else ""
    return opening + rng.choice((
        f"{with_article(board)} that says {text}{ink}{ground}",
        f"{with_article(board)} saying {text}{ink}{ground}",
        f"{with_article(board)} with the text {text}{ink}{ground}",
        f"{with_article(board)} reading {text}{ink}{ground}",
        f"{board}: {text}{ink}{ground}", f"the word {text} on {with_article(board)}{ground}",
        f"{with_article(board)} with {text} on it{ground}", f"{text} written on {with_article(board)}{ground}",
    ))  # fmt: skip


def _sign_zh(sign: Sign, rng: Random) -> str:
    text = rng.choice(
        (f"“|{sign.text}|”", f"“|{sign.text}|”", f"|{sign.text}|", f"「|{sign.text}|」", f'"|{sign.text}|"')
    )
    board = rng.choice(BOARD_ZH)
    hue = f"{COLOUR_ZH[sign.board]}色|的|" if rng.random() < 0.65 else ""
    ground = f"|，|{COLOUR_ZH[sign.background]}色|背景" if rng.random() < 0.65 else ""
    ink = f"{COLOUR_ZH[sign.ink]}色|的|" if rng.random() < 0.3 else ""
    opening = rng.choice(OPENINGS_ZH) if rng.random() < 0.25 else ""
    return opening + rng.choice((
        f"写|着|{ink}{text}|的|{hue}{board}{ground}", f"一块|{hue}{board}|，|上面|写|着|{ink}{text}{ground}",
        f"{hue}{board}|上|写|着|{ink}{text}{ground}", f"一个|写|着|{text}|的|{hue}{board}{ground}",
        f"{hue}{board}|：|{text}{ground}",
    ))  # fmt: skip


def _unseen_sign_en(sign: Sign, rng: Random) -> str:
    return rng.choice((
        f'on {with_article(sign.background)} background stands {with_article(sign.board)} sign: "{sign.text}"',
        f'{with_article(sign.board)} board against {sign.background}, marked "{sign.text}" in {sign.ink}',
        f'write "{sign.text}" in {sign.ink} on {with_article(sign.board)} sign, {sign.background} background',
    ))  # fmt: skip


def _unseen_sign_zh(sign: Sign, rng: Random) -> str:
    ink, board, ground = (f"{COLOUR_ZH[colour]}色" for colour in (sign.ink, sign.board, sign.background))
    return rng.choice((
        f"{ground}|背景|前|立着|{board}|牌子|，|牌子|上|是|“|{sign.text}|”",
        f"在|{board}|的|牌子|上|用|{ink}|写|“|{sign.text}|”|，|{ground}|背景",
        f"{ground}|背景|，|一块|{board}|牌子|，|{ink}|字|“|{sign.text}|”",
    ))  # fmt: skip
