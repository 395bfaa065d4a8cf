"""What Discord refuses in commands, messages and components. Pure."""
