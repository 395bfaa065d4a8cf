"""How many tokens the transformer computes for pictures and words."""

from __future__ import annotations

PATCH = 2  # latent pixels a token spans on each side
MULTIPLE = 32  # the transformer pads picture and caption each to a multiple of this


def padded(tokens: int) -> int:
    """As many as the transformer computes for them."""
    return -(-tokens // MULTIPLE) * MULTIPLE
