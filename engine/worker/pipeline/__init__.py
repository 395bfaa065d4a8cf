"""One picture from words to pixels."""
