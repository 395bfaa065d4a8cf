"""Where weights lie and how fast they are multiplied."""
