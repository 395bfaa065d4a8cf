"""From files as people have them to a model in memory."""
