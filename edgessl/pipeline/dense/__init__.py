"""Detectors and segmenters: trained, scored, exported and drawn."""
