"""The engine of this machine, over a WebSocket on loopback."""
