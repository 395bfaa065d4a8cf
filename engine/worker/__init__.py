"""The worker process: loads a model and paints with it. The only part of the engine with torch, beside training."""
