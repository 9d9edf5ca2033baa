"""What goes into an exported file, and what comes out, is called; known without torch."""

from __future__ import annotations

from edgessl.artifact import Takes

INPUT = "images"
INPUTS: dict[Takes, str] = {"normalised": INPUT, "pixels": "pixels"}
"""What a file takes -> the name of its input."""

FEATURES = "features"
_OUTPUTS = {"prototypes": ("scores", FEATURES)}


def outputs_of(head: str) -> tuple[str, ...]:
    """Return the names of a file's outputs; the first one is the answer.

    Args:
        head: What it gives.
    """
    return _OUTPUTS.get(head, (head,))
