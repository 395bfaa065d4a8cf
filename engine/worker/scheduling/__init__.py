"""Which samples share the next forward."""
