"""Requests and orders for tests: small, complete, changed by keyword."""

from __future__ import annotations

from typing import Any

import msgspec

from engine.protocol import Generate, ImageRequest

PLAIN = ImageRequest(prompt="a red star above a blue circle", shape="1:1", width=64, height=64, steps=8, seed=7)


def request(**changes: Any) -> ImageRequest:
    """A 64² picture of 8 steps, but for `changes`."""
    return msgspec.structs.replace(PLAIN, **changes)


def order(job: str = "job", source: bytes | None = None, **changes: Any) -> Generate:
    """An order for all pictures of such a request."""
    wish = request(**changes)
    return Generate(job=job, attempt=1, request=wish, wanted=tuple(range(wish.count)), source=source)
