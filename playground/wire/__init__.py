"""What Discord's wire looks like, whatever is said over it."""
