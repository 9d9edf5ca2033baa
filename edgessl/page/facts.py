"""Facts as a page tells them: pairs of words."""

from __future__ import annotations

Facts = list[tuple[str, str]]
"""What is told, and the telling."""
