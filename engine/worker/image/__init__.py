"""Pixels, latents and noise levels, without a model of words."""
