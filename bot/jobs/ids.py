"""Names of jobs, and the two clocks, as parameters that tests replace."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Callable

WallClock = Callable[[], float]  # Unix seconds: age of tokens, quotas
MonotonicClock = Callable[[], float]  # seconds that never jump: leases, pace
IdSource = Callable[[], str]  # 16 characters of base32 in lower case


def random_id() -> str:
    """80 random bits as 16 characters of a-z and 2-7."""
    return base64.b32encode(secrets.token_bytes(10)).decode().lower()
