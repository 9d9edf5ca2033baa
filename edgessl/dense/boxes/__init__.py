"""Images with boxes: what they are, and the layouts that they are read from."""
