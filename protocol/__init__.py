"""What bot and engine say to each other. It imports nothing of ours."""
