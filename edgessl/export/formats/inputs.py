"""What the input of an exported file is called; known without torch."""

from __future__ import annotations

from edgessl.artifact import Takes

INPUT = "images"
INPUTS: dict[Takes, str] = {"normalised": INPUT, "pixels": "pixels"}
"""What a file takes -> the name of its input."""
