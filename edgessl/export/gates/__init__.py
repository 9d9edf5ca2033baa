"""What a file must pass before it gets its name."""
