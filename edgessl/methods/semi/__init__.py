"""Semi-supervised training: few labels, and images without any."""
