"""How a folder or a table is to be read, where the user says it: nothing has to be guessed then."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from edgessl.data.dataset import SPLIT_NAMES, SplitName
from edgessl.errors import UserError, nearest

LAYOUTS = ("auto", "folders", "csv", "flat")
NO_SPLITS = "none"


@dataclass(frozen=True, slots=True)
class Reading:
    """What the user says about the layout of images.

    Attributes:
        layout: ``auto``; ``folders``: folders are classes; ``csv``: labels are in a table; or
            ``flat``: there are no labels.
        splits: Which folders, or values of a column ``split``, are which split, as
            ``train=A,val=B,test=C``; ``none`` for no splits; empty for their usual names.
        column: The column of a table that has the labels; empty for its usual names.

    Raises:
        UserError: A value is none of these; all mistakes are told at once.
    """

    layout: str = "auto"
    splits: str = ""
    column: str = ""

    def __post_init__(self) -> None:
        mistakes = []
        if self.layout not in LAYOUTS:
            hint = nearest(self.layout, LAYOUTS)
            mistakes.append(
                f"--layout: must be one of {', '.join(LAYOUTS)}, got '{self.layout}'{hint}"
            )
        try:
            self.named()
        except UserError as error:
            mistakes.append(str(error))
        if self.column and self.layout in ("folders", "flat"):
            mistakes.append(
                f"--column: must come with labels in a table, got --layout {self.layout} too; "
                "drop one of them"
            )
        if mistakes:
            raise UserError("\n".join(mistakes))

    def named(self) -> dict[str, SplitName] | None:
        """Return which name is which split; empty for no splits, None for the usual names.

        Raises:
            UserError: ``splits`` cannot be read.
        """
        if not self.splits:
            return None
        if self.splits == NO_SPLITS:
            return {}
        found: dict[str, SplitName] = {}
        for part in self.splits.split(","):
            split, _, name = (word.strip() for word in part.partition("="))
            known = next((one for one in SPLIT_NAMES if one == split.lower()), None)
            name = name.strip("/")
            if known is None or not name or name in found:
                wrong = f"'{name}' twice" if known and name else f"'{part.strip()}'"
                raise UserError(
                    f"--splits: must be {NO_SPLITS}, or say what is which of "
                    f"{', '.join(SPLIT_NAMES)} as train=A,test=B, got {wrong}"
                )
            found[name] = known
        if "train" not in found.values() and "unlabeled" not in found.values():
            raise UserError(
                f"--splits: must name what to train on, got '{self.splits}'; add train=FOLDER"
            )
        return found

    def to_dict(self) -> dict[str, str]:
        """Return plain values."""
        return asdict(self)

    def said(self) -> dict[str, str]:
        """Return plain values; none if nothing was said."""
        return {} if self == Reading() else self.to_dict()

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Reading:
        """Rebuild from ``to_dict``'s values, which may lie among others; older ones lack them."""
        return cls(*(str(values.get(key) or default) for key, default in asdict(cls()).items()))

    def options(self) -> str:
        """Return the options to type, each with a space before it; empty if nothing was said."""
        usual = asdict(Reading())
        return "".join(
            f" --{key} {shlex.quote(value)}"
            for key, value in self.to_dict().items() if value != usual[key]
        )  # fmt: skip


AS_FOUND = Reading()
"""Nothing is said: what is found decides."""
