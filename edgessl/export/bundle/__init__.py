"""What goes around the files, so that they run without edgessl."""
