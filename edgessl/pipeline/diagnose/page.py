"""The folder of a diagnosis: its page, and its numbers as JSON."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

from edgessl.diagnose.diagnosis import Diagnosis
from edgessl.diagnose.exhibits import (
    Exhibit,
    neighbours_of,
    on_map,
    points_of,
    queries_of,
)
from edgessl.diagnose.look import look
from edgessl.diagnose.outputs import SplitOutputs
from edgessl.diagnose.page import MARK, diagnosis_page
from edgessl.diagnose.subject import Subject
from edgessl.errors import UserError
from edgessl.files import atomic_path
from edgessl.pipeline.diagnose.images import Images

PAGE, NUMBERS = "diagnosis.html", "diagnosis.json"

Say = Callable[[str], None]


def refuse_to_overwrite(folder: Path) -> None:
    """Refuse a folder whose files were not made by ``edgessl diagnose``.

    Args:
        folder: Where the page is to go.

    Raises:
        UserError: It is a file, or has other files of these names.
    """
    if folder.exists() and not folder.is_dir():
        raise UserError(f"--out: must be a folder, got the file {folder}; choose another name")
    for name, mark in ((PAGE, MARK), (NUMBERS, '"edgessl"')):
        file = folder / name
        if not file.exists():
            continue
        if file.is_dir() or mark not in file.read_text(encoding="utf-8", errors="replace")[:50_000]:
            raise UserError(
                f"--out: must not overwrite another file, got {file}; choose another folder"
            )


def write_page(
    folder: Path, found: Diagnosis, subjects: Sequence[Subject],
    outputs: Sequence[Sequence[SplitOutputs]], looked: Images, seed: int, say: Say,
) -> Path:  # fmt: skip
    """Write the page and the numbers.

    Args:
        folder: Where to; made if it is not there.
        found: The diagnosis.
        subjects: The networks.
        outputs: Of each network its outputs by split, train first.
        looked: The images.
        seed: Decides what is shown.
        say: Called with the name of each step.

    Returns:
        Where the page is.

    Raises:
        UserError: An image is not what it was, or the folder cannot be written to.
    """
    shown = looked.looked[-1]
    chosen, queries = on_map(shown), queries_of(shown, seed)
    exhibits = []
    for subject, of in zip(subjects, outputs, strict=True):
        say(f"{subject.name}: laying out the map")
        train, last = of[0], of[-1]
        exhibits.append(Exhibit(
            points_of(last.features[chosen], seed), neighbours_of(train, last, queries),
            look(subject, train, last, queries, found.classes, say),
        ))  # fmt: skip
    say("writing the page")
    page = diagnosis_page(
        found, exhibits, train=looked.train, shown=shown, on_map=chosen, queries=queries,
        value_range=looked.dataset.value_range,
    )  # fmt: skip
    folder.mkdir(parents=True, exist_ok=True)
    texts = {PAGE: page, NUMBERS: json.dumps(found.to_dict(), indent=1) + "\n"}
    for name, text in texts.items():
        with atomic_path(folder / name) as temporary:
            temporary.write_text(text, encoding="utf-8", errors="backslashreplace")
    return folder / PAGE
