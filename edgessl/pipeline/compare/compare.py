"""The story of ``edgessl compare``: runs and exported files in, which of them to ship out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from edgessl.artifact.opened import SUFFIXES, read_metadata
from edgessl.bench.compare.names import told_apart
from edgessl.errors import Refusals, UserError
from edgessl.export.product import ExportedFile
from edgessl.pipeline.compare.files import (
    exported_from,
    find_subjects,
    refuse_damaged,
    sha256_of,
)
from edgessl.pipeline.compare.latency import with_latency
from edgessl.pipeline.profile import profile_subject
from edgessl.pipeline.results import Run
from edgessl.report.compare.compared import Compared, compared
from edgessl.report.compare.from_dense import is_dense, rows_of_dense_run
from edgessl.report.compare.from_file import row_of_file
from edgessl.report.compare.from_run import finished_or_not, rows_of_run
from edgessl.report.compare.row import FILE, Row
from edgessl.report.folder import read_run
from edgessl.runs.run_table import trouble_with_run

Subject = Run | ExportedFile | str | Path


def compare(
    subjects: Iterable[Subject] | Subject,
    *,
    latency: Sequence[str | Path] = (),
    bench: bool = False,
    device: str = "cpu",
    trust: bool = False,
    say: Callable[[str], None] = lambda _line: None,
) -> Compared:
    """Put runs and exported files side by side, and say which to ship.

    Args:
        subjects: Finished runs, exported files, or folders of either. Every arm of a run is a row.
        latency: JSON documents of ``edgessl bench``, for files that they measured.
        bench: Whether to measure latencies now.
        device: For that: a name in ``bench/devices/``, or a TOML file.
        trust: Whether to open a ``.pt2`` or ``.torchscript`` file that no manifest lists.
        say: Called with the name of each step.

    Returns:
        ``.answer`` in a sentence, ``.commands`` to go on with, the rows by their test images in
        ``.sets``, and everything as plain values by ``.to_dict()``.

    Raises:
        UserError: Something is no finished run and no exported file; all are told at once.

    Examples:
        >>> import edgessl
        >>> run = "runs/photos-mobilenetv2-dino"
        >>> both = edgessl.compare([run, f"{run}/model.onnx"])
        >>> sorted(row.arm for row in both.sets[0].rows)
        ['file', 'ours', 'random']
        >>> both.answer
        'Ship ...'
    """
    found = find_subjects(_paths(subjects))
    names = told_apart([(str(path.absolute()), path.absolute().name) for path in found.paths])
    refusals = Refusals()
    rows: list[Row] = []
    files = []
    for path in found.paths:
        name = names[str(path.absolute())]
        with refusals:
            if path.suffix.lower() in SUFFIXES and not path.is_dir():
                # Most are called model.onnx; the folder says of what.
                name = name if name != path.name else f"{path.absolute().parent.name}/{name}"
                files.append((len(rows), path, name))
            else:
                rows += _rows_of(path, name)
    added = []
    for place, path, name in files:
        with refusals:
            say(f"reading {path.name}")
            added.append((place, _row_of(path, name, rows, trust=trust)))
    refusals.raise_all()
    for offset, (place, row) in enumerate(added):
        rows.insert(place + offset, row)
    rows = with_latency(
        rows, [Path(one) for one in latency], measure=bench, device=device, trust=trust, say=say
    )
    left = ", ".join(map(str, found.unfinished))
    notes = [f"Left out, because not finished: {left}."] if left else []
    return compared(rows, notes)


def _paths(subjects: Iterable[Subject] | Subject) -> list[str | Path]:
    if isinstance(subjects, Run | ExportedFile | str | Path):
        subjects = (subjects,)
    return [one if isinstance(one, str | Path) else one.path for one in subjects]


def _rows_of(path: Path, name: str) -> list[Row]:
    refuse_damaged(path)
    record = read_run(path)
    if record.run and (trouble := trouble_with_run(record.run)):
        raise UserError(
            f"{path / 'run.json'}: must be the JSON that edgessl wrote, got {trouble}; run the "
            "recipe again"
        )
    if trouble := finished_or_not(path, record):
        raise UserError(trouble)
    return rows_of_dense_run(record, name) if is_dense(record) else rows_of_run(record, name)


def _row_of(path: Path, name: str, rows: Sequence[Row], *, trust: bool) -> Row:
    metadata = read_metadata(path)[1]
    cost = profile_subject(str(path), trust=trust)
    sha256 = exported_from(path)
    origin = next(
        (row for row in rows if sha256 and row.arm != FILE and sha256_of(row.file) == sha256),
        None,
    )
    return row_of_file(path, name, metadata, cost, origin)
