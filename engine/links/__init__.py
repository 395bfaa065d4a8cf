"""The engine's side of each link to a bot."""
