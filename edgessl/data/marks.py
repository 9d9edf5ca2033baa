"""Tables with a column for each class, in which a row marks its own by 1 and the others by 0."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from edgessl.data.tagged import MARK

_MARKS = {"0", "1", "0.0", "1.0"}
_MOST_BY_MISTAKE = 0.1
"""Share of other cells up to which columns are meant as marks; not tuned."""


def is_marks(cells: Iterable[str]) -> bool:
    """Tell whether the cells of a column mark rows.

    Args:
        cells: Of all rows.
    """
    return {cell.strip() for cell in cells} <= _MARKS


def mistaken_marks(
    lines: Sequence[tuple[int, Mapping[str, str]]]
) -> tuple[tuple[int, str], ...] | None:
    """Find the cells of columns that mark rows, where they do not.

    Args:
        lines: The number of each row, and its cell of each column.

    Returns:
        The number and the mistake of each, none where all are marks; None where the columns seem
        to be of another kind.
    """
    wrong = tuple(
        (number, f"{name} must be 0 or 1, got {cell!a}")
        for number, row in lines for name, cell in row.items() if cell.strip() not in _MARKS
    )  # fmt: skip
    cells = sum(len(row) for _, row in lines)
    return None if len(wrong) > _MOST_BY_MISTAKE * cells else wrong


def marked_label(row: Mapping[str, str]) -> str:
    """Return what a row marks as the cell of one column would have it: ``a``, ``|a|b``, or ``|``.

    Args:
        row: The cell of each class, a mark.
    """
    marked = [name for name, cell in row.items() if float(cell) == 1]
    return marked[0] if len(marked) == 1 else MARK + MARK.join(marked)


def marks_in_words(count: int) -> str:
    """Return how such columns are called in a sentence.

    Args:
        count: How many there are.
    """
    return f"the {count} columns of which each row marks one, or several"
