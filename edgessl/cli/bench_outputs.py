"""The files that ``edgessl bench`` writes."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from edgessl.cli.console import print_json
from edgessl.errors import UserError


@dataclass(frozen=True, slots=True)
class Outputs:
    """Where a document goes; an empty name for nowhere.

    Attributes:
        json: The document itself, with every run; ``-`` for stdout.
        csv: A table for programs.
        markdown: A table for people.
        html: One offline page.
    """

    json: str = ""
    csv: str = ""
    markdown: str = ""
    html: str = ""

    @property
    def on_stdout(self) -> bool:
        """Whether stdout carries the JSON document."""
        return self.json == "-"

    def files(self) -> dict[str, str]:
        """Return the names of files by option."""
        named = {
            "--json": "" if self.on_stdout else self.json,
            "--csv": self.csv, "--markdown": self.markdown, "--html": self.html,
        }  # fmt: skip
        return {option: name for option, name in named.items() if name}

    def refuse_wrong(self) -> None:
        """Check, before anything is measured, that every file can be written.

        Raises:
            UserError: One line for each that cannot.
        """
        wrong = [line for option, name in self.files().items() if (line := _wrong(option, name))]
        if wrong:
            raise UserError("\n".join(wrong))

    def write(self, screen: Console, document: Mapping[str, Any]) -> None:
        """Write the files, each whole or not at all.

        Args:
            screen: Where to say so.
            document: What was measured.
        """
        from edgessl.files import atomic_path

        for option, name in self.files().items():
            with atomic_path(Path(name)) as temporary:
                temporary.write_text(_MAKERS[option](document), encoding="utf-8")
            screen.print(f"written: {name}", markup=False)
        if self.on_stdout:
            print_json(document)


def _wrong(option: str, name: str) -> str:
    if name == "-":
        return f"{option}: must be the name of a file, got '-'; only --json goes to stdout"
    if Path(name).is_dir():
        return f"{option}: must be the name of a file, got the folder '{name}'; name a file in it"
    if not Path(name).absolute().parent.is_dir():
        return f"{option}: must be in an existing folder, got '{name}'; make the folder"
    return ""


def _as_json(document: Mapping[str, Any]) -> str:
    return json.dumps(document, ensure_ascii=False) + "\n"


def _as_csv(document: Mapping[str, Any]) -> str:
    from edgessl.bench.page.tables import to_csv

    return to_csv(document)


def _as_markdown(document: Mapping[str, Any]) -> str:
    from edgessl.bench.page.tables import to_markdown

    return to_markdown(document)


def _as_page(document: Mapping[str, Any]) -> str:
    from edgessl.pipeline.bench_page import page

    return page(document)


_MAKERS: dict[str, Callable[[Mapping[str, Any]], str]] = {
    "--json": _as_json, "--csv": _as_csv, "--markdown": _as_markdown, "--html": _as_page,
}  # fmt: skip
