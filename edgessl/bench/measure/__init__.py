"""Measuring: one model, one process, in turns with others."""
