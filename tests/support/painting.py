"""A sample from its last step to pixels, without the engine loop."""

from __future__ import annotations

import numpy as np

from engine.worker.pipeline.pipeline import Pipeline
from engine.worker.pipeline.sample import Sample


def finish(pipeline: Pipeline, sample: Sample) -> np.ndarray | Sample:
    """Its pixels, or under an upscale the sample of the next tile."""
    following = pipeline.following(sample)
    pixels = pipeline.finish(pipeline.start_decoding(sample))
    if following is not None:
        assert pixels is None
        return following
    assert pixels is not None
    return pixels
