"""What lasts: the ledger and the pictures."""
