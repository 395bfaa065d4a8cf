"""Discord's REST API as the bot meets it: what its refusals mean, its rate limits, answers to interactions."""
