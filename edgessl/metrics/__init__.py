"""How good features and predictions are: pure functions of arrays, and nothing about files."""
