"""Reads the sign in a picture: which of all texts that signs carry stands on the board, if it can be read at all.

Compares the board's ink with the drawing of each text; knows nothing of models or words.
"""

from __future__ import annotations

from functools import cache
from random import Random

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from engine.training.subjects.book import Sign, draw_sign, sign_texts
from engine.training.subjects.scenes import COLOURS

LEAST_OVERLAP = 0.5  # intersection over union of the letters with those of the drawing
BOARD = (0.34, 0.23)  # half the width and height that letters may fill, as shares of the shorter side
MIDDLE = 0.44  # of the board, as a share of the height

Ink = NDArray[np.bool_]


def read(picture: Image.Image, sign: Sign) -> str:
    """The text on the board of an RGB picture that should show `sign`; empty where none overlaps by half."""
    found = _ink(picture, sign.ink, sign.board)
    scores = {text: _overlap(found, ink) for text, ink in _drawn(*picture.size).items()}
    best = max(scores, key=lambda text: scores[text])
    return best if scores[best] > LEAST_OVERLAP else ""


def _ink(picture: Image.Image, ink: str, board: str) -> Ink:
    """Which pixels within the board are nearer to the ink's colour than to the board's."""
    width, height = picture.size
    side = min(width, height)
    left, top = round(width / 2 - BOARD[0] * side), round(height * MIDDLE - BOARD[1] * side)
    within = picture.crop((left, top, width - left, round(height * MIDDLE + BOARD[1] * side)))
    pixels = np.asarray(within.convert("RGB"), np.float32)
    far = [((pixels - np.asarray(COLOURS[colour], np.float32)) ** 2).sum(-1) for colour in (ink, board)]
    return far[0] < far[1]


@cache
def _drawn(width: int, height: int) -> dict[str, Ink]:
    """The ink of every text at this size."""
    signs = (Sign(text=text, ink="black", board="white", background="white") for text in sign_texts())
    return {sign.text: _ink(draw_sign(sign, width, height, Random(0)), "black", "white") for sign in signs}


def _overlap(a: Ink, b: Ink) -> float:
    either = (a | b).sum()
    return float((a & b).sum() / either) if either else 0.0
