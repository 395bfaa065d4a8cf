"""Discord's numbers, which tests may shorten."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from playground.wire.ratelimits import RateLimits

MIB = 1024 * 1024


@dataclass(frozen=True, kw_only=True, slots=True)
class Rules:
    """Times in seconds, sizes in bytes."""

    answer_within: float = 3.0
    token_life: float = 900.0
    nonce_life: float = 180.0  # "a few minutes", in which a message with the same nonce is not sent again
    attachment_size: int = 10 * MIB
    request_size: int = 25 * MIB
    harmful_links: tuple[str, ...] = ()  # what Discord's filter of links knows; a message with one is refused
    interactions_name_channel: bool = True  # with the channel itself and not its id alone
    rate_limits: RateLimits = field(default_factory=RateLimits)
    wall: Callable[[], float] = time.time
    monotonic: Callable[[], float] = time.monotonic
