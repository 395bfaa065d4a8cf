"""What `run_bot.py` is made of. Like it, these may know every part."""
