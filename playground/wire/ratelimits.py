"""Discord's per-route rate limits, told in headers and enforced with 429."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class RateLimits:
    """Requests per seconds. Discord publishes no numbers; these are what communities measured, rounded up."""

    channel_messages: tuple[int, float] = (10, 5.0)
    webhook: tuple[int, float] = (5, 2.0)
    others: tuple[int, float] = (50, 1.0)
    enforced: bool = True


@dataclass(slots=True)
class _Window:
    start: float
    used: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """`retry_after` in seconds when the request is one too many, else None."""

    retry_after: float | None
    headers: dict[str, str]


class Buckets:
    """One fixed window per route and major parameter."""

    def __init__(self, limits: RateLimits, monotonic: Callable[[], float], wall: Callable[[], float]) -> None:
        self._limits = limits
        self._monotonic = monotonic
        self._wall = wall
        self._windows: dict[tuple[str, str, str], _Window] = {}

    def count_request(self, method: str, route: str, major: str) -> Verdict | None:
        """None for routes without a limit: answers to interactions are exempt."""
        if not self._limits.enforced or route.startswith("/interactions"):
            return None
        allowed, seconds = self._limit_of(route)
        now = self._monotonic()
        shared_route = route if route.startswith("/channels") else route.split("/messages")[0]
        key = (method if route.startswith("/channels") else "", shared_route, major)
        window = self._windows.get(key)
        if window is None or now >= window.start + seconds:
            window = self._windows[key] = _Window(now, 0)
            self._forget_old(now)
        left = window.start + seconds - now
        over = window.used >= allowed
        window.used = min(window.used + 1, allowed)
        headers = {
            "X-RateLimit-Limit": str(allowed),
            "X-RateLimit-Remaining": str(allowed - window.used),
            "X-RateLimit-Reset": f"{self._wall() + left:.3f}",
            "X-RateLimit-Reset-After": f"{left:.3f}",
            "X-RateLimit-Bucket": hashlib.md5("".join(key[:2]).encode(), usedforsecurity=False).hexdigest(),
        }
        if over:
            headers |= {"Retry-After": f"{left:.3f}", "X-RateLimit-Scope": "user"}
        return Verdict(retry_after=left if over else None, headers=headers)

    def _limit_of(self, route: str) -> tuple[int, float]:
        if route.startswith("/webhooks"):
            return self._limits.webhook
        if route.startswith("/channels/{channel_id}/messages"):
            return self._limits.channel_messages
        return self._limits.others

    def _forget_old(self, now: float) -> None:
        if len(self._windows) > 1000:
            self._windows = {key: window for key, window in self._windows.items() if now - window.start < 60}
