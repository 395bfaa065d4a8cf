"""Shares as text, and pictures side by side."""

from __future__ import annotations

from pathlib import Path

from PIL import Image


def said(right: int, asked: int) -> str:
    return f"{per_cent(right, asked):.1f} % ({right}/{asked})"


def per_cent(right: int, asked: int) -> float:
    return 100.0 * right / asked if asked else 100.0


def sheet(pictures: list[Image.Image], path: Path, *, columns: int = 8, cell: int = 168) -> None:
    """Small pictures side by side."""
    rows = -(-len(pictures) // columns)
    board = Image.new("RGB", (columns * cell, rows * cell), (236, 236, 236))
    for number, picture in enumerate(pictures):
        small = picture.copy()
        small.thumbnail((cell - 8, cell - 8), Image.Resampling.LANCZOS)
        x, y = number % columns * cell, number // columns * cell
        board.paste(small, (x + (cell - small.width) // 2, y + (cell - small.height) // 2))
    path.parent.mkdir(parents=True, exist_ok=True)
    board.save(path, optimize=True, quality=82)  # the latter of WebP alone
