"""From files to packed images: what the user has, what it means, and how it is read."""
