"""What a network sees, without training it."""
