"""The bench's page and tables."""
