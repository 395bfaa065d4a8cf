"""Discord's REST API for the bot."""
