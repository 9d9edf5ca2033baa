"""What can go wrong, and the exit code each kind ends with.

EdgesslError            1   a failed environment: network, device memory
├── UserError           2   the user's mistake; nothing was lost or half-written
├── GateFailed          3   a check on a result failed: parity, accuracy
└── Interrupted   130/143   Ctrl-C or SIGTERM, after saving
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from types import TracebackType


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


class Refusals:
    """Collects what checks refuse, so that a user hears of all mistakes at once.

    Each check stands in a ``with`` block of its own; ``raise_all`` comes after the last one.
    """

    def __init__(self) -> None:
        self._found: list[str] = []

    def __enter__(self) -> None:
        return None

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        error: BaseException | None,
        _trace: TracebackType | None,
    ) -> bool:
        if not isinstance(error, UserError):
            return False
        if str(error) not in self._found:
            self._found.append(str(error))
        return True

    def raise_all(self) -> None:
        """Refuse what was found, a mistake an entry; do nothing if there was none.

        Raises:
            UserError: There was at least one.
        """
        if len(self._found) == 1:
            raise UserError(self._found[0])
        if self._found:
            lines = [line.replace("\n", "\n  ") for line in self._found]
            raise UserError(f"{len(lines)} mistakes\n  " + "\n  ".join(lines))


_LONGEST_WORD = 80


def nearest(word: str, known: Iterable[str]) -> str:
    """Suggest the known word closest to a mistyped one.

    Args:
        word: What the user wrote.
        known: The words that would have been accepted.

    Returns:
        ``"; did you mean X?"`` or an empty string.
    """
    if len(word) > _LONGEST_WORD:  # comparing takes the square of its length, and it is no slip
        return ""
    match = get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f"; did you mean {match[0]}?" if match else ""
