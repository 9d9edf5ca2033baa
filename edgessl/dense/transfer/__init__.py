"""Transfer as in the papers: their detectors and segmenters on our backbones, and their data."""
