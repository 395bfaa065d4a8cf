"""Places in which things can stand: meadow, beach, sea and others, by day, at sunset and by night.

A place at a time always looks the same: what does not move is learned soon. Knows nothing of things or words.
"""

from __future__ import annotations

import math
from functools import cache
from random import Random

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

TIMES = ("day", "sunset", "night")
PLACES = ("meadow", "beach", "sea", "snow", "mountains", "forest", "desert", "city", "space", "room")
TIMELESS = ("space", "room")  # look the same at any time
HORIZON = 0.58  # share of the height
LIGHT = {"day": (1.0, 1.0, 1.0), "sunset": (1.0, 0.86, 0.78), "night": (0.66, 0.7, 0.9)}  # what it leaves of a colour

Rgb = tuple[int, int, int]

_SKY: dict[str, tuple[Rgb, ...]] = {
    "day": ((92, 172, 242), (160, 214, 250), (228, 244, 252)),
    "sunset": ((104, 86, 164), (244, 134, 106), (255, 216, 140)),
    "night": ((14, 18, 54), (30, 40, 96), (70, 84, 146)),
}  # top to horizon
_GROUND: dict[str, tuple[Rgb, Rgb]] = {
    "meadow": ((156, 214, 104), (84, 166, 76)),
    "beach": ((250, 228, 172), (236, 204, 138)),
    "sea": ((86, 180, 226), (28, 98, 172)),
    "snow": ((248, 251, 255), (212, 226, 244)),
    "mountains": ((150, 198, 116), (92, 150, 84)),
    "forest": ((120, 176, 90), (66, 122, 62)),
    "desert": ((246, 206, 136), (222, 164, 92)),
    "city": ((150, 152, 164), (104, 106, 120)),
}  # far, near


@cache
def backdrop(place: str, time: str, width: int, height: int) -> Image.Image:
    """The empty place as an RGB picture of `width` x `height` pixels; not to be drawn upon."""
    k = 2
    brush = _Brush(time if place not in TIMELESS else "day", width * k, height * k)
    getattr(brush, place)()
    return brush.picture.reduce(k)


class _Brush:
    """Draws one place; x and y are shares of the picture, sizes shares of its shorter side."""

    def __init__(self, time: str, width: int, height: int) -> None:
        self.time, self.w, self.h, self.side = time, width, height, min(width, height)
        self.picture = Image.new("RGB", (width, height))
        self.pen = ImageDraw.Draw(self.picture)

    def lit(self, colour: Rgb) -> Rgb:
        strength = {"day": (1.0, 1.0, 1.0), "sunset": (0.98, 0.74, 0.66), "night": (0.4, 0.45, 0.66)}[self.time]
        return tuple(int(value * share) for value, share in zip(colour, strength, strict=True))  # pyright: ignore[reportReturnType]

    def blend(self, top: float, bottom: float, stops: tuple[Rgb, ...]) -> None:
        first, last = round(top * self.h), round(bottom * self.h)
        at = np.linspace(0, len(stops) - 1, last - first)
        table = np.asarray(stops, np.float32)
        column = np.stack([np.interp(at, range(len(stops)), table[:, c]) for c in range(3)], 1)
        strip = np.repeat(column[:, None], self.w, 1).round().astype(np.uint8)
        self.picture.paste(Image.fromarray(strip), (0, first))

    def oval(self, x: float, y: float, rx: float, ry: float, colour: Rgb) -> None:
        x, y, rx, ry = x * self.w, y * self.h, rx * self.side, ry * self.side
        self.pen.ellipse((x - rx, y - ry, x + rx, y + ry), fill=colour)

    def hill(self, x: float, rx: float, top: float, colour: Rgb) -> None:
        """A round hill over the horizon, as wide a share of the picture's width as `rx` says."""
        base, half = HORIZON * self.h, rx * self.w
        self.pen.ellipse((x * self.w - half, base - top * self.h, x * self.w + half, base + top * self.h), fill=colour)

    def glow(self, x: float, y: float, radius: float, colour: Rgb, strength: int) -> None:
        size = int(radius * self.side)
        axis = np.linspace(-1, 1, 2 * size, dtype=np.float32)
        far = np.sqrt(axis[:, None] ** 2 + axis[None] ** 2)
        alpha = Image.fromarray((np.clip(1 - far, 0, 1) ** 2 * strength).astype(np.uint8))
        self.picture.paste(
            Image.new("RGB", alpha.size, colour), (int(x * self.w) - size, int(y * self.h) - size), alpha
        )

    def stars(self, count: int, bottom: float) -> None:
        rng = Random(5)
        for _ in range(count):
            radius = rng.choice((0.003, 0.004, 0.007))
            self.oval(rng.random(), rng.random() * bottom, radius, radius, (255, 250, 226))

    def sky(self) -> None:
        self.blend(0, HORIZON + 0.02, _SKY[self.time])
        if self.time == "day":
            for x, y in ((0.16, 0.12), (0.84, 0.2)):
                for dx, dy, r in ((-0.06, 0.012, 0.036), (0.0, 0.0, 0.052), (0.062, 0.012, 0.04)):
                    self.oval(x + dx * self.side / self.w, y + dy, r * 1.3, r, (255, 255, 255))
        elif self.time == "sunset":
            self.glow(0.5, 0.5, 0.5, (255, 240, 180), 190)
            self.oval(0.5, 0.5, 0.11, 0.11, (255, 232, 140))
        else:
            self.stars(26, HORIZON - 0.1)
            self.glow(0.84, 0.15, 0.22, (220, 226, 255), 120)
            self.oval(0.84, 0.15, 0.065, 0.065, (252, 246, 218))

    def ground(self, kind: str) -> None:
        far, near = (self.lit(colour) for colour in _GROUND[kind])
        self.blend(HORIZON, 1, (far, near))

    def meadow(self) -> None:
        self.sky()
        self.hill(0.2, 0.5, 0.09, self.lit((126, 194, 112)))
        self.hill(0.85, 0.55, 0.13, self.lit((112, 184, 104)))
        self.ground("meadow")
        rng = Random(2)
        for _ in range(26):
            x, y = rng.random(), rng.uniform(HORIZON + 0.06, 0.98)
            colour = rng.choice(((255, 246, 236), (255, 214, 96), (250, 170, 190)))
            self.oval(x, y, 0.009, 0.007, self.lit(colour))

    def beach(self) -> None:
        self.sky()
        self.blend(HORIZON - 0.12, HORIZON + 0.06, (self.lit((44, 132, 200)), self.lit((112, 208, 226))))
        self.blend(HORIZON + 0.06, 1, tuple(self.lit(colour) for colour in _GROUND["beach"]))
        for x in (0.0, 0.25, 0.5, 0.75, 1.0):
            self.oval(x, HORIZON + 0.06, 0.2, 0.012, self.lit((250, 252, 252)))

    def sea(self) -> None:
        self.sky()
        self.ground("sea")
        for row, y in enumerate((0.64, 0.72, 0.82, 0.93)):
            for x in (0.1, 0.42, 0.74, 1.06):
                self.oval(x - (row % 2) * 0.16, y, 0.05 + 0.015 * row, 0.005 + 0.001 * row, self.lit((170, 224, 246)))

    def snow(self) -> None:
        self.sky()
        self.hill(0.15, 0.5, 0.1, self.lit((226, 236, 250)))
        self.hill(0.8, 0.5, 0.14, self.lit((234, 242, 252)))
        for x, size in ((0.08, 0.15), (0.2, 0.11), (0.78, 0.12), (0.92, 0.16)):
            self.fir(x, HORIZON + 0.02, size, self.lit((66, 128, 108)))
        self.ground("snow")

    def fir(self, x: float, y: float, size: float, colour: Rgb) -> None:
        x, y, s = x * self.w, y * self.h, size * self.side
        for base, half, top in ((0.0, 0.34, 0.5), (0.3, 0.27, 0.78), (0.58, 0.2, 1.0)):
            self.pen.polygon(
                [(x - half * s, y - base * s), (x, y - top * s), (x + half * s, y - base * s)], fill=colour
            )

    def mountains(self) -> None:
        self.sky()
        for x, half, top, colour in (
            (0.12, 0.4, 0.3, (142, 156, 188)),
            (0.9, 0.42, 0.34, (134, 148, 182)),
            (0.5, 0.46, 0.44, (116, 130, 166)),
        ):
            cx, base, peak, w = x * self.w, HORIZON * self.h + 2, (HORIZON - top) * self.h, half * self.w
            self.pen.polygon([(cx - w, base), (cx, peak), (cx + w, base)], fill=self.lit(colour))
            high = (base - peak) * 0.28
            cut = w * 0.28
            snow = [(cx - cut, peak + high), (cx, peak), (cx + cut, peak + high), (cx + cut * 0.3, peak + high * 0.75),
                    (cx - cut * 0.3, peak + high * 1.1)]  # fmt: skip
            self.pen.polygon(snow, fill=self.lit((250, 252, 255)))
        self.ground("mountains")

    def forest(self) -> None:
        self.sky()
        rng = Random(8)
        for layer, colour in enumerate(((92, 150, 112), (66, 128, 86), (48, 108, 66))):
            for number in range(9):
                x = (number + rng.uniform(0.2, 0.8)) / 8 - 0.06
                self.fir(x, HORIZON + 0.02 + 0.015 * layer, rng.uniform(0.3, 0.46) - 0.05 * layer, self.lit(colour))
        self.ground("forest")

    def desert(self) -> None:
        self.sky()
        self.hill(0.15, 0.45, 0.08, self.lit((236, 188, 116)))
        self.hill(0.8, 0.5, 0.12, self.lit((230, 178, 106)))
        self.ground("desert")
        for x, y, r in ((0.2, 0.78, 0.5), (0.9, 0.9, 0.6)):
            self.oval(x, y, r, 0.012, self.lit((214, 154, 84)))

    def city(self) -> None:
        self.sky()
        rng = Random(3)
        x = -0.02
        while x < 1:
            wide, top = rng.uniform(0.09, 0.16), rng.uniform(0.16, 0.42)
            colour = rng.choice(((130, 146, 176), (166, 150, 160), (112, 130, 158), (184, 168, 150)))
            box = (x * self.w, (HORIZON - top) * self.h, (x + wide) * self.w, HORIZON * self.h + 2)
            self.pen.rectangle(box, fill=self.lit(colour))
            for row in range(int(top / 0.045) - 1):
                for column in range(int(wide / 0.032)):
                    at_x, at_y = x + 0.012 + column * 0.032, HORIZON - top + 0.02 + row * 0.045
                    bright = self.time != "day" and rng.random() < 0.6
                    pane = (255, 224, 130) if bright else self.lit((206, 226, 240))
                    if self.time == "day" or bright:
                        box = (at_x * self.w, at_y * self.h, (at_x + 0.017) * self.w, (at_y + 0.024) * self.h)
                        self.pen.rectangle(box, fill=pane)
            x += wide + 0.006
        self.ground("city")
        for x in (0.0, 0.28, 0.56, 0.84):
            self.pen.rectangle(
                (x * self.w, 0.955 * self.h, (x + 0.14) * self.w, 0.97 * self.h), fill=self.lit((240, 238, 226))
            )

    def space(self) -> None:
        self.blend(0, 1, ((18, 14, 46), (44, 28, 88), (22, 20, 62)))
        self.glow(0.2, 0.75, 0.6, (120, 60, 160), 120)
        self.glow(0.85, 0.3, 0.5, (40, 90, 180), 110)
        self.stars(60, 1.0)

    def room(self) -> None:
        self.blend(0, 0.66, ((250, 236, 214), (246, 226, 200)))
        self.blend(0.66, 1, ((206, 160, 112), (178, 130, 86)))
        self.pen.rectangle((0, 0.645 * self.h, self.w, 0.665 * self.h), fill=(255, 250, 240))
        cx, cy, half = 0.2 * self.w, 0.27 * self.h, 0.13 * self.side
        self.pen.rectangle((cx - half, cy - half, cx + half, cy + half), fill=(255, 252, 246))
        inner = half * 0.86
        self.pen.rectangle((cx - inner, cy - inner, cx + inner, cy + inner), fill=(166, 216, 246))
        bar = half * 0.06
        self.pen.rectangle((cx - bar, cy - half, cx + bar, cy + half), fill=(255, 252, 246))
        self.pen.rectangle((cx - half, cy - bar, cx + half, cy + bar), fill=(255, 252, 246))
        self.oval(0.5, 0.88, 0.42, 0.075, (214, 116, 104))
        self.oval(0.5, 0.88, 0.36, 0.058, (232, 146, 128))


@cache
def shadow(width: int, height: int) -> Image.Image:
    """A soft oval as coverage (0..255), for what stands on the ground."""
    blur = max(height / 3, 1.0)
    edge = math.ceil(2 * blur)
    mask = Image.new("L", (width + 2 * edge, height + 2 * edge), 0)
    ImageDraw.Draw(mask).ellipse((edge, edge, edge + width, edge + height), fill=110)
    return mask.filter(ImageFilter.GaussianBlur(blur))
