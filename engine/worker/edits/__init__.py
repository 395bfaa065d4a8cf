"""Painting over what is there: parts of a picture, and enlargements."""
