"""Which names may stand one a line in files, on terminals and in pages."""

from __future__ import annotations

import unicodedata

_TURNING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Marks that turn the direction of what follows, so that a name reads as another one."""


def trouble_with(name: str) -> str:
    """Say what keeps a name from being shown as it is; empty if nothing does.

    Args:
        name: As it is in a folder, a table or a file.
    """
    kinds = {unicodedata.category(letter) for letter in name}
    if kinds & {"Cc", "Zl", "Zp"} or _TURNING & set(name):
        return "must not hold line breaks or other control characters"
    if "Cs" in kinds:
        return "must be in UTF-8"
    return ""
