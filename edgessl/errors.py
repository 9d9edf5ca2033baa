"""What can go wrong, and the exit code each kind ends with.

EdgesslError            1   a failed environment: network, device memory
├── UserError           2   the user's mistake; nothing was lost or half-written
├── GateFailed          3   a check on a result failed: parity, accuracy
└── Interrupted   130/143   Ctrl-C or SIGTERM, after saving
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class EdgesslError(Exception):
    """An expected failure: shown as one message, without a traceback.

    Attributes:
        told: Whether another process of the run has shown a message already; None where each
            process ends with the same one.
    """

    exit_code = 1
    told: bool | None = None


class UserError(EdgesslError):
    """Input that cannot be used. The message reads *where: what must hold, what came; way out*."""

    exit_code = 2


class GateFailed(EdgesslError):
    """A result exists but failed a check that was asked for."""

    exit_code = 3


class Interrupted(EdgesslError):
    """The run was asked to stop and has saved its state.

    Args:
        message: What was saved and how to go on.
        signal_number: The signal received (2 for Ctrl-C, 15 for SIGTERM).
    """

    def __init__(self, message: str, signal_number: int) -> None:
        super().__init__(message)
        self.exit_code = 128 + signal_number


def nearest(word: str, known: Iterable[str]) -> str:
    """Suggest the known word closest to a mistyped one.

    Args:
        word: What the user wrote.
        known: The words that would have been accepted.

    Returns:
        ``"; did you mean X?"`` or an empty string.
    """
    match = get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f"; did you mean {match[0]}?" if match else ""
