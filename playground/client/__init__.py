"""What a person's Discord client does: typing commands, pressing buttons, filling forms."""
