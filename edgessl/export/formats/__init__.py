"""The formats that a network is written in."""
