"""Answers at places of an image: detection and segmentation.

A layer of its own: what it trains, exports and reports with is what classification has.
"""
