"""What a user names to be compared: runs, exported files, and folders of either."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from edgessl.artifact.opened import SUFFIXES
from edgessl.artifact.trust import MANIFEST
from edgessl.errors import Refusals, UserError
from edgessl.files import expanded
from edgessl.json_file import read_table
from edgessl.runtimes.formats import companions_of

_RUN, _REPORT = "run.json", "report.json"


@dataclass(frozen=True, slots=True)
class Subjects:
    """What is compared.

    Attributes:
        paths: Run folders and exported files, in the order in which they were named, each once.
        unfinished: Runs in a named folder that have not come to their end.
    """

    paths: tuple[Path, ...]
    unfinished: tuple[Path, ...]


def find_subjects(named: Sequence[str | Path]) -> Subjects:
    """Find the runs and files that a user means.

    Args:
        named: Run folders, exported files, folders that an export wrote, folders of runs.

    Raises:
        UserError: One line for each that is none of them.
    """
    refusals = Refusals()
    found: list[Path] = []
    unfinished: list[Path] = []
    for one in named:
        with refusals:
            whole, partly = _find(expanded(one))
            found += whole
            unfinished += partly
    if not named:
        with refusals:
            raise UserError("RUN: must be at least one run folder or exported file, got none")
    refusals.raise_all()
    return Subjects(tuple({path.absolute(): path for path in found}.values()), tuple(unfinished))


def _find(path: Path) -> tuple[list[Path], list[Path]]:
    if path.suffix.lower() in SUFFIXES and not path.is_dir():
        return [path], []
    if path.is_file():
        raise UserError(
            f"{path}: must be a run folder or an exported file ({', '.join(SUFFIXES)}), got "
            f"another file; {_instead(path)}"
        )
    if not path.is_dir():
        raise UserError(
            f"{path}: must be a run folder or an exported file, found none; check the path"
        )
    if (path / _RUN).is_file():
        return [path], []
    if models := _exported(path):
        return models, []
    if (path / _REPORT).is_file():
        return [path], []
    return _runs_in(path)


def _instead(path: Path) -> str:
    run = path.parent if (path.parent / _RUN).is_file() else path.parent.parent
    if path.suffix == ".pt" and (run / _RUN).is_file():
        return f"pass its run folder, {run}, whose arms are all compared"
    return "export a checkpoint first (`edgessl export`), or pass its run folder"


def _exported(folder: Path) -> list[Path]:
    """Return the models that a manifest lists, in its order."""
    files = read_table(folder / MANIFEST).get("files")
    names = [name for name in files if isinstance(name, str)] if isinstance(files, dict) else []
    return [
        folder / name for name in names
        if Path(name).suffix.lower() in SUFFIXES and (folder / name).is_file()
    ]  # fmt: skip


def _runs_in(folder: Path) -> tuple[list[Path], list[Path]]:
    inner = sorted(path.parent for path in folder.glob(f"*/{_RUN}"))
    finished = [path for path in inner if (path / _REPORT).is_file()]
    if not finished:
        found = f"{len(inner)} unfinished run(s) in it" if inner else "no run in it"
        raise UserError(
            f"{folder}: must be a run folder, or hold finished runs, found {found}; pass the "
            "folder that `edgessl recipe` wrote"
        )
    return finished, [path for path in inner if path not in finished]


def refuse_damaged(path: Path) -> None:
    """Refuse a run with an empty file, before it is taken for an unfinished one.

    Args:
        path: The run folder.

    Raises:
        UserError: ``report.json`` or ``run.json`` is there but empty.
    """
    for file in (path / _REPORT, path / _RUN):
        if file.is_file() and not file.stat().st_size:
            raise UserError(
                f"{file}: must be the JSON that edgessl wrote, got an empty file; give the run's "
                "command again"
            )


@cache  # of files that may be large
def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file with those that belong to it; empty where there is none.

    Args:
        path: The file.
    """
    if not path.is_file():
        return ""
    found = hashlib.sha256()
    for part in (path, *companions_of(path)):
        if part.is_file():
            found.update(part.read_bytes())
    return found.hexdigest()


def exported_from(path: Path) -> str:
    """Return the SHA-256 of the checkpoint that a file was exported from; empty if not known.

    Args:
        path: An exported file, with its manifest beside it.
    """
    origin = read_table(path.parent / MANIFEST).get("checkpoint")
    found = origin.get("sha256") if isinstance(origin, dict) else None
    return found if isinstance(found, str) else ""
