"""The guild: its people, channels, messages and what happens there."""
