"""Whether a method learns, and what to change where it does not."""
