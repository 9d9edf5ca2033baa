"""What the offline pages are made of."""
