"""Requests and orders for tests: small, complete, changed by keyword."""

from __future__ import annotations

from typing import Any

import msgspec

from protocol.messages import Generate
from protocol.request import ImageRequest

PLAIN = ImageRequest(prompt="a red star above a blue circle", shape="1:1", width=64, height=64, steps=8, seed=7)


def request(**changes: Any) -> ImageRequest:
    """A 64² picture of 8 steps, but for `changes`."""
    return msgspec.structs.replace(PLAIN, **changes)


def order(
    job: str = "job",
    source: bytes | None = None,
    mask: bytes | None = None,
    control: bytes | None = None,
    **changes: Any,
) -> Generate:
    """An order for all pictures of such a request."""
    wish, wanted = request(**changes), tuple(range(changes.get("count", 1)))
    return Generate(job=job, attempt=1, request=wish, wanted=wanted, source=source, mask=mask, control=control)
