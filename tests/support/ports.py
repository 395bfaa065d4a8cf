"""Ports that stay free for whoever asks: a server that goes down and comes back finds its own again."""

from __future__ import annotations

import os
import secrets
import socket
from itertools import count

# Below the range from which Linux gives ports to whoever asks for none (32768 and up): there any connection of any
# process may take the port of a server that is down for a moment. Each of xdist's workers has its own share.
LOW, SHARE, SHARES = 16_000, 1_000, 16
_OURS = LOW + SHARE * (int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % SHARES)
_steps = count(secrets.randbelow(SHARE))


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on, and that no other test is given."""
    while True:
        port = _OURS + next(_steps) % SHARE
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port
