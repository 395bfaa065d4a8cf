"""The picture book: small landscapes with a few friendly things in them, and signs with a word or two.

Drawn with soft gradients at twice the size and reduced. Chinese signs need the font `fonts-noto-cjk` (Debian) while
training; without it they are left out.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from engine.training.subjects.scenes import COLOURS

TIMES = ("day", "sunset", "night")
LANDS = ("meadow", "sea", "snow")
THINGS = {
    "meadow": ("house", "tree", "cat", "flowers", "balloon", "mountain"),
    "sea": ("boat", "boat", "lighthouse", "balloon", "island"),
    "snow": ("house", "tree", "snowman", "cat", "mountain"),
}
TINTED = ("house", "boat", "cat", "balloon", "flowers")  # things that have a colour of their own
TINTS = {
    "house": ("red", "blue", "orange", "purple"),
    "boat": ("red", "blue", "yellow", "white"),
    "cat": ("orange", "black", "white"),
    "balloon": ("red", "yellow", "purple", "blue"),
    "flowers": ("red", "yellow", "pink", "white"),
}
WORDS = ("HI", "OK", "GO", "YES", "NO", "LOVE", "HELLO", "STOP", "OPEN", "CAFE", "CAT", "DOG", "HOME", "ZOO", "WOW",
         "FUN", "BOT", "SALE", "PARTY", "WELCOME")  # fmt: skip
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
DIGITS = "0123456789"
HAN = "福春爱家山水大小中人好喜乐龙马花月日年茶"
HAN_WORDS = ("你好", "欢迎", "新年", "加油")
LATIN_FONT = Path("/usr/share/fonts/truetype/dejavu/DejaVuSans-Bold.ttf")
HAN_FONT = Path("/usr/share/fonts/opentype/noto/NotoSansCJK-Bold.ttc")

Rgb = tuple[int, int, int]

_SKIES: dict[str, tuple[Rgb, Rgb, Rgb]] = {
    "day": ((74, 158, 236), (142, 204, 248), (222, 242, 252)),
    "sunset": ((92, 74, 150), (240, 122, 96), (255, 212, 128)),
    "night": ((12, 16, 48), (26, 36, 88), (62, 76, 138)),
}  # top, middle, horizon
_GROUNDS: dict[str, tuple[Rgb, Rgb]] = {
    "meadow": ((140, 206, 92), (64, 150, 66)),
    "sea": ((72, 170, 220), (22, 88, 164)),
    "snow": ((246, 250, 255), (206, 222, 242)),
}  # far, near
_LIGHT: dict[str, tuple[float, float, float]] = {
    "day": (1.0, 1.0, 1.0),
    "sunset": (0.98, 0.72, 0.66),
    "night": (0.5, 0.54, 0.72),
}  # what the time of day leaves of a colour
HORIZON = 0.6  # share of the height


@dataclass(frozen=True, kw_only=True, slots=True)
class Thing:
    """Something in a landscape. `tint` is a colour word, or empty for the thing's own."""

    kind: str
    tint: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Landscape:
    """A place at a time with up to two things, the first to the left; `lights` are sun, moon, stars, clouds."""

    time: str
    land: str
    things: tuple[Thing, ...]
    lights: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Sign:
    """A board with a short `text` in `ink` on `board`, before a plain `background` (colour words)."""

    text: str
    ink: str
    board: str
    background: str


def random_landscape(rng: Random) -> Landscape:
    """A landscape that a newcomer may ask for."""
    time, land = rng.choice(TIMES), rng.choice(LANDS)
    kinds = rng.sample(sorted(set(THINGS[land])), rng.choices((0, 1, 2), (0.12, 0.5, 0.38))[0])
    things = tuple(Thing(kind=kind, tint=rng.choice(TINTS[kind]) if kind in TINTED else "") for kind in kinds)
    sky = {"day": ("sun", "clouds"), "sunset": ("sun",), "night": ("moon", "stars")}[time]
    lights = tuple(light for light in sky if rng.random() < 0.75)
    return Landscape(time=time, land=land, things=things, lights=lights)


def sign_texts() -> tuple[str, ...]:
    """Every text that a sign may carry: few, so that a small model learns to write them."""
    return (*WORDS, *LETTERS, *DIGITS, *((*HAN, *HAN_WORDS) if HAN_FONT.exists() else ()))


def random_sign(rng: Random) -> Sign:
    """A sign with a letter, a digit, a Chinese character or a short word; letters and digits half as often."""
    texts = sign_texts()
    text = rng.choices(texts, [1 if text in LETTERS or text in DIGITS else 2 for text in texts])[0]
    board, ink = rng.choice(
        (("white", "black"), ("white", "red"), ("white", "blue"), ("yellow", "black"), ("red", "white"),
         ("blue", "white"), ("green", "white"), ("black", "white"), ("pink", "black"))
    )  # fmt: skip
    background = rng.choice([colour for colour in COLOURS if colour != board])
    return Sign(text=text, ink=ink, board=board, background=background)


def draw_sign(sign: Sign, width: int, height: int, rng: Random) -> Image.Image:
    """`sign` as an RGB picture: a rounded board on a post."""
    k = 2
    w, h, side = width * k, height * k, min(width, height) * k
    picture = Image.new("RGB", (w, h), COLOURS[sign.background])
    pen = ImageDraw.Draw(picture)
    cx, cy = w * 0.5 + rng.uniform(-0.004, 0.004) * side, h * 0.44
    half_w, half_h = side * 0.38, side * 0.27
    pen.rectangle((cx - side * 0.03, cy, cx + side * 0.03, h), fill=(150, 102, 62))
    box = (cx - half_w, cy - half_h, cx + half_w, cy + half_h)
    pen.rounded_rectangle(box, side * 0.06, fill=COLOURS[sign.board], outline=(110, 74, 48), width=int(side * 0.022))
    lettering = font(sign.text, int(side * letter_size(sign.text)))
    pen.text((cx, cy), sign.text, fill=COLOURS[sign.ink], font=lettering, anchor="mm")
    return picture.reduce(k)


def letter_size(text: str) -> float:
    """How high the letters of a sign are drawn, as a share of the picture's shorter side."""
    if not text.isascii():
        return {1: 0.42, 2: 0.3}[len(text)]
    return {1: 0.42, 2: 0.36, 3: 0.28, 4: 0.2, 5: 0.18}.get(len(text), 0.115)


@cache
def font(text: str, size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(str(LATIN_FONT if text.isascii() else HAN_FONT), size)


def draw_landscape(view: Landscape, width: int, height: int, rng: Random) -> Image.Image:
    """`view` as an RGB picture of `width` x `height` pixels."""
    k = 2
    brush = _Brush(view, width * k, height * k, rng)
    brush.sky()
    for light in view.lights:
        getattr(brush, light)()
    if any(thing.kind == "mountain" for thing in view.things):
        brush.mountain()
    brush.ground()
    standing = [thing for thing in view.things if thing.kind != "mountain"]
    for index, thing in enumerate(standing):
        x = 0.5 if len(standing) == 1 else (0.28, 0.72)[index]
        getattr(brush, thing.kind)(x + rng.uniform(-0.006, 0.006), COLOURS.get(thing.tint, (0, 0, 0)))
    return brush.picture.reduce(k)


class _Brush:
    """Draws one landscape; x and y are shares of the picture, sizes shares of its shorter side."""

    def __init__(self, view: Landscape, width: int, height: int, rng: Random) -> None:
        self.view, self.w, self.h, self.rng = view, width, height, rng
        self.side = min(width, height)
        self.light = _LIGHT[view.time]
        self.picture = Image.new("RGB", (width, height))
        self.pen = ImageDraw.Draw(self.picture)

    def lit(self, colour: Rgb) -> Rgb:
        return (
            int(colour[0] * self.light[0]),
            int(colour[1] * self.light[1]),
            int(colour[2] * self.light[2]),
        )

    def oval(self, x: float, y: float, rx: float, ry: float, colour: Rgb) -> None:
        x, y, rx, ry = x * self.w, y * self.h, rx * self.side, ry * self.side
        self.pen.ellipse((x - rx, y - ry, x + rx, y + ry), fill=colour)

    def outline(self, x: float, y: float, points: list[tuple[float, float]], colour: Rgb) -> None:
        self.pen.polygon([(x * self.w + a * self.side, y * self.h + b * self.side) for a, b in points], fill=colour)

    def blend(self, rows: slice, stops: tuple[Rgb, ...]) -> None:
        """Fill rows with a vertical gradient through `stops`."""
        top, bottom = rows.start, rows.stop
        at = np.linspace(0, len(stops) - 1, bottom - top)
        table = np.asarray(stops, np.float32)
        column = np.stack([np.interp(at, range(len(stops)), table[:, c]) for c in range(3)], 1)
        strip = np.repeat(column[:, None], self.w, 1).round().astype(np.uint8)
        self.picture.paste(Image.fromarray(strip), (0, top))

    def glow(self, x: float, y: float, radius: float, colour: Rgb) -> None:
        """A soft round light."""
        size = int(radius * self.side)
        axis = np.linspace(-1, 1, 2 * size, dtype=np.float32)
        distance = np.sqrt(axis[:, None] ** 2 + axis[None] ** 2)
        alpha = (np.clip(1 - distance, 0, 1) ** 2 * 150).astype(np.uint8)
        at = (int(x * self.w) - size, int(y * self.h) - size)
        self.picture.paste(Image.new("RGB", (2 * size, 2 * size), colour), at, Image.fromarray(alpha))

    def sky(self) -> None:
        self.blend(slice(0, int(self.h * HORIZON) + 2), _SKIES[self.view.time])

    def sun(self) -> None:
        low = self.view.time == "sunset"
        x, y = (0.5 if low else 0.2), (0.47 if low else 0.17)
        self.glow(x, y, 0.34, (255, 244, 190))
        self.oval(x, y, 0.115 if low else 0.09, 0.115 if low else 0.09, (255, 226, 120) if low else (255, 220, 60))

    def moon(self) -> None:
        x, y = 0.78, 0.18
        self.glow(x, y, 0.28, (220, 226, 255))
        self.oval(x, y, 0.085, 0.085, (252, 246, 214))

    def stars(self) -> None:
        for x, y in ((0.08, 0.1), (0.4, 0.07), (0.5, 0.24), (0.62, 0.12), (0.93, 0.3), (0.1, 0.34), (0.34, 0.4)):
            self.oval(x, y, 0.0085, 0.0085, (255, 250, 224))

    def clouds(self) -> None:
        for x, y in ((0.5, 0.14), (0.68, 0.3), (0.25, 0.33)):
            for dx, dy, r in ((-0.07, 0.012, 0.042), (0.0, 0.0, 0.06), (0.07, 0.012, 0.046)):
                self.oval(x + dx * self.side / self.w, y + dy, r * 1.25, r, (255, 255, 255))

    def mountain(self) -> None:
        rock, snow = self.lit((122, 132, 162)), self.lit((248, 250, 255))
        for x, top in ((0.3, 0.3), (0.72, 0.36)):
            self.outline(x, HORIZON, [(-0.36, 0.03), (0.0, -top), (0.36, 0.03)], rock)
            self.outline(x, HORIZON, [(-0.1, 0.1 - top), (0, -top), (0.1, 0.1 - top), (0.03, 0.07 - top),
                                      (-0.03, 0.1 - top)], snow)  # fmt: skip

    def ground(self) -> None:
        far, near = _GROUNDS[self.view.land]
        horizon = int(self.h * HORIZON)
        self.blend(slice(horizon, self.h), (self.lit(far), self.lit(near)))
        if self.view.land == "sea":
            for index, y in enumerate((0.69, 0.8, 0.91)):
                for x in (0.12, 0.48, 0.84):
                    self.oval(x + (index % 2) * 0.14 - 0.05, y, 0.07, 0.006, self.lit((150, 214, 244)))
        else:
            self.oval(0.5, HORIZON + 0.025, 0.75 * self.w / self.side, 0.05, self.lit(far))

    def house(self, x: float, roof: Rgb) -> None:
        y = 0.76
        self.outline(x, y, [(-0.16, -0.2), (0.16, -0.2), (0.16, 0.06), (-0.16, 0.06)], self.lit((252, 236, 206)))
        self.outline(x, y, [(-0.21, -0.19), (0, -0.37), (0.21, -0.19)], self.lit(roof))
        self.outline(x, y, [(-0.04, -0.08), (0.04, -0.08), (0.04, 0.06), (-0.04, 0.06)], self.lit((150, 98, 60)))
        pane = (255, 226, 120) if self.view.time != "day" else (150, 206, 240)
        for dx in (-0.1, 0.1):
            self.outline(
                x, y, [(dx - 0.032, -0.14), (dx + 0.032, -0.14), (dx + 0.032, -0.07), (dx - 0.032, -0.07)], pane
            )

    def tree(self, x: float, _tint: Rgb) -> None:
        y = 0.8
        self.outline(x, y, [(-0.026, -0.18), (0.026, -0.18), (0.034, 0.03), (-0.034, 0.03)], self.lit((134, 90, 56)))
        if self.view.land == "snow":
            for base, half, top in ((-0.06, 0.15, -0.24), (-0.16, 0.125, -0.34), (-0.26, 0.1, -0.44)):
                self.outline(x, y, [(-half, base), (0, top), (half, base)], self.lit((44, 124, 84)))
        else:
            for dx, dy, r in ((-0.08, -0.2, 0.1), (0.08, -0.2, 0.1), (0.0, -0.3, 0.13)):
                self.oval(x + dx * self.side / self.w, y + dy * self.side / self.h, r, r, self.lit((58, 150, 70)))

    def cat(self, x: float, fur: Rgb) -> None:
        y, coat = 0.84, self.lit(fur)
        s = self.side
        tail = (x * self.w + 0.02 * s, y * self.h - 0.2 * s, x * self.w + 0.2 * s, y * self.h + 0.02 * s)
        self.pen.arc(tail, -70, 110, fill=coat, width=int(0.035 * s))
        self.oval(x, y - 0.07 * s / self.h, 0.09, 0.11, coat)
        self.oval(x, y - 0.21 * s / self.h, 0.075, 0.066, coat)
        for side in (-1, 1):
            self.outline(x, y, [(side * 0.07, -0.31), (side * 0.015, -0.26), (side * 0.072, -0.21)], coat)
            eye = (70, 190, 90) if sum(fur) < 200 else (40, 44, 40)
            self.oval(x + side * 0.029 * s / self.w, y - 0.215 * s / self.h, 0.011, 0.014, eye)
        self.oval(x, y - 0.187 * s / self.h, 0.009, 0.007, self.lit((238, 130, 140)))

    def flowers(self, x: float, petals: Rgb) -> None:
        for dx, dy in ((-0.2, 0.1), (-0.08, 0.02), (0.04, 0.1), (0.16, 0.03)):
            fx, fy = x + dx * self.side / self.w, 0.78 + dy
            self.outline(fx, fy, [(-0.006, 0), (0.006, 0), (0.006, 0.09), (-0.006, 0.09)], self.lit((40, 116, 50)))
            for turn in range(5):
                a = turn * 2 * math.pi / 5
                px = fx + 0.028 * math.cos(a) * self.side / self.w
                self.oval(px, fy + 0.028 * math.sin(a) * self.side / self.h, 0.021, 0.021, self.lit(petals))
            self.oval(fx, fy, 0.016, 0.016, self.lit((250, 206, 60)))

    def snowman(self, x: float, _tint: Rgb) -> None:
        y, ball = 0.84, self.lit((255, 255, 255))
        shade = self.lit((214, 226, 244))
        for dy, r in ((-0.06, 0.12), (-0.22, 0.09), (-0.35, 0.066)):
            self.oval(x, y + (dy + 0.008) * self.side / self.h, r + 0.006, r + 0.006, shade)
            self.oval(x, y + dy * self.side / self.h, r, r, ball)
        self.outline(x, y, [(-0.07, -0.405), (0.07, -0.405), (0.07, -0.385), (-0.07, -0.385)], (40, 40, 48))
        self.outline(x, y, [(-0.045, -0.47), (0.045, -0.47), (0.045, -0.4), (-0.045, -0.4)], (40, 40, 48))
        for dx in (-0.024, 0.024):
            self.oval(x + dx * self.side / self.w, y - 0.362 * self.side / self.h, 0.009, 0.009, (30, 30, 36))
        self.outline(x, y, [(0, -0.348), (0.06, -0.338), (0, -0.328)], self.lit((246, 136, 40)))

    def boat(self, x: float, hull: Rgb) -> None:
        y = 0.76
        self.outline(x, y, [(-0.008, -0.36), (0.008, -0.36), (0.008, 0.0), (-0.008, 0.0)], self.lit((120, 84, 56)))
        self.outline(x, y, [(0.016, -0.35), (0.17, -0.06), (0.016, -0.06)], self.lit((255, 252, 244)))
        self.outline(x, y, [(-0.016, -0.3), (-0.12, -0.06), (-0.016, -0.06)], self.lit((236, 232, 224)))
        self.outline(x, y, [(-0.2, -0.03), (0.2, -0.03), (0.13, 0.07), (-0.13, 0.07)], self.lit(hull))

    def lighthouse(self, x: float, _tint: Rgb) -> None:
        y = 0.72
        self.oval(x, y + 0.03, 0.17, 0.05, self.lit((128, 118, 112)))
        bands = 5
        for index in range(bands):
            top, bottom = -0.36 + index * 0.08, -0.28 + index * 0.08
            a, b = 0.045 + 0.006 * index, 0.051 + 0.006 * index
            colour = (224, 60, 56) if index % 2 == 0 else (250, 248, 244)
            self.outline(x, y, [(-a, top), (a, top), (b, bottom), (-b, bottom)], self.lit(colour))
        if self.view.time != "day":
            self.glow(x, y - 0.4 * self.side / self.h, 0.16, (255, 240, 170))
        self.outline(x, y, [(-0.034, -0.43), (0.034, -0.43), (0.034, -0.36), (-0.034, -0.36)], (255, 226, 120))
        self.outline(x, y, [(-0.05, -0.42), (0, -0.48), (0.05, -0.42)], self.lit((70, 70, 84)))

    def island(self, x: float, _tint: Rgb) -> None:
        y = 0.72
        self.oval(x, y + 0.01, 0.22, 0.055, self.lit((240, 214, 150)))
        self.outline(x, y, [(-0.014, 0.0), (0.014, 0.0), (0.04, -0.26), (0.018, -0.26)], self.lit((140, 96, 58)))
        for turn in (-160, -125, -55, -20, 15, 165):
            a = math.radians(turn)
            tip = (0.03 + 0.15 * math.cos(a), -0.26 + 0.1 * math.sin(a) + 0.03)
            mid = (0.03 + 0.08 * math.cos(a), -0.26 + 0.1 * math.sin(a) - 0.03)
            self.outline(x, y, [(0.03, -0.27), mid, tip, (0.03, -0.25)], self.lit((56, 150, 74)))

    def balloon(self, x: float, silk: Rgb) -> None:
        y = 0.34
        self.outline(x, y, [(-0.1, 0.05), (0.1, 0.05), (0.032, 0.19), (-0.032, 0.19)], self.lit(silk))
        self.oval(x, y, 0.125, 0.125, self.lit(silk))
        pale = self.lit((255, 248, 230))
        self.oval(x, y, 0.045, 0.122, pale)
        self.outline(x, y, [(-0.03, 0.1), (0.03, 0.1), (0.012, 0.185), (-0.012, 0.185)], pale)
        self.outline(x, y, [(-0.032, 0.21), (0.032, 0.21), (0.026, 0.26), (-0.026, 0.26)], self.lit((150, 98, 58)))


def smooth_noise(rng: np.random.Generator, size: int) -> Image.Image:
    """A picture of soft random texture, so that the autoencoder meets more than flat paint."""
    total = np.zeros((size, size, 3), np.float32)
    for cells, weight in ((3, 1.0), (8, 0.6), (24, 0.35), (64, 0.2)):
        grid = rng.random((cells, cells, 3)).astype(np.float32)
        layer = Image.fromarray((grid * 255).astype(np.uint8)).resize((size, size), Image.Resampling.BICUBIC)
        total += weight * (np.asarray(layer, np.float32) - 127.5)
    picture = Image.fromarray(np.clip(total * rng.uniform(0.4, 1.3) + rng.uniform(40, 215, 3), 0, 255).astype(np.uint8))
    return picture.filter(ImageFilter.GaussianBlur(float(rng.uniform(0, 1.2))))
