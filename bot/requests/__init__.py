"""From words, presses and pictures to an `ImageRequest`."""
