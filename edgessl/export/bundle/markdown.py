"""Text from outside on its way into Markdown: it is shown as it is written, and does nothing."""

from __future__ import annotations

import re
import unicodedata

_BEGINS = re.compile(r"([-+=~#>]|\d+[.)])(?=\s|$)|(?=[-=~]{2})")
"""What begins a list, a heading, a quotation or a line, if it stands first."""


def plain(text: str) -> str:
    """Escape what Markdown or HTML would take for more than text, and leave one line.

    Args:
        text: Of any kind, such as a class name or a path.
    """
    line = " ".join("".join(map(_printable, text)).split())
    line = re.sub(r"&(?=#?\w+;)", "&amp;", line).replace("<", "&lt;").replace(">", "&gt;")
    line = re.sub(r"[\\`*\[\]|]", r"\\\g<0>", line)
    line = re.sub(r"(?<!\w)_|_(?!\w)", r"\\_", line)  # within a word it is no emphasis
    if begins := _BEGINS.match(line):
        end = max(1, begins.end()) - 1
        line = f"{line[:end]}\\{line[end:]}"
    return line


def _printable(letter: str) -> str:
    return " " if unicodedata.category(letter) in ("Cc", "Zl", "Zp", "Cs") else letter
