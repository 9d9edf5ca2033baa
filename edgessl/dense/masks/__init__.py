"""Images with a class for each pixel: what they are, and the folders that they are read from."""
