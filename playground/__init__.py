"""Discord's side of the wire on loopback, and the page to talk through. Knows nothing of the bot behind it."""

from playground.server import Playground, open_playground
from playground.wire.exchange import Exchange
from playground.wire.faults import Faults
from playground.wire.ratelimits import RateLimits
from playground.world.rules import Rules

__all__ = ["Exchange", "Faults", "Playground", "RateLimits", "Rules", "open_playground"]
