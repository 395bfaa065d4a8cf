"""Discord's side of the wire on loopback, and the page to talk through. Knows nothing of the bot behind it."""

from playground.exchange import Exchange
from playground.faults import Faults
from playground.ratelimits import RateLimits
from playground.rules import Rules
from playground.server import Playground, open_playground

__all__ = ["Exchange", "Faults", "Playground", "RateLimits", "Rules", "open_playground"]
