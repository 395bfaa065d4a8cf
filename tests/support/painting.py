"""A sample from its last step to pixels, without the engine loop."""

from __future__ import annotations

import numpy as np

from engine.worker.pipeline.pipeline import Painter
from engine.worker.pipeline.sample import Sample


def finish(painter: Painter, sample: Sample) -> np.ndarray | Sample:
    """Its pixels, or under an upscale the sample of the next tile."""
    following = painter.following(sample)
    pixels = painter.finish(painter.develop(sample))
    if following is not None:
        assert pixels is None
        return following
    assert pixels is not None
    return pixels
