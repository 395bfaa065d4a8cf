"""What holds for every test: hypothesis measures no time."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("shared machine", deadline=None)  # it is slow now and then
settings.load_profile("shared machine")
