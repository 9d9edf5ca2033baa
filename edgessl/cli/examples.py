"""Worked examples at the end of a command's help."""

from __future__ import annotations


def examples(*lines: str) -> str:
    r"""Set examples for the ``epilog`` of a command.

    Args:
        lines: Commands, each below a line that begins with ``#`` and says what it does.

    Returns:
        A paragraph that is printed line by line: ``\b`` keeps the help from wrapping it.
    """
    return "\n".join(("\b", "Examples:", *(f"  {line}" for line in lines)))
