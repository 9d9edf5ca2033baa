"""Which images to label next: chosen by features or by a classifier's doubt, and shown."""
