"""What lies in a bundle, with hashes; and the export's part of ``report.json``."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from edgessl.export.bundle.names import MODELS
from edgessl.export.unchecked import NAMES as PACKAGE_NAMES
from edgessl.export.unchecked import Unchecked, parts_of
from edgessl.files import atomic_path
from edgessl.json_file import read_table

REPORT = "report.json"
KEY = "export"


def write_record(folder: Path, outcome: dict[str, Any]) -> None:
    """Put an outcome under ``export``; what a run wrote there stays.

    Args:
        folder: The output folder.
        outcome: Plain values; ``files`` is a list of dicts with a ``path``. Files of an earlier
            export that are still in the folder keep their entries.
    """
    path = folder / REPORT
    report = read_table(path)  # a damaged one is written anew
    new = {entry["path"] for entry in outcome["files"]}
    kept = [e for e in _files(report) if e["path"] not in new and (folder / e["path"]).is_file()]
    report[KEY] = {**outcome, "files": [*outcome["files"], *kept]}
    with atomic_path(path) as temporary:
        temporary.write_text(
            json.dumps(report, indent=2, ensure_ascii=False) + "\n", encoding="utf-8"
        )


def _files(report: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the entries of files with plain names; a report is no place for paths."""
    try:
        entries = [entry for entry in report[KEY]["files"] if isinstance(entry, dict)]
    except (KeyError, TypeError):
        return []
    return [e for e in entries if _is_plain(e.get("path"))]


def _is_plain(name: object) -> bool:
    return isinstance(name, str) and bool(re.fullmatch(r"[\w-][\w.-]*", name))


NAME = "manifest.json"
SCHEMA = 1
PACKAGES = ("edgessl", "torch", "timm", "onnx", "onnxscript", "onnxruntime", "numpy", "pillow")


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file's content, in hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def describe_file(path: Path, what: str, **more: Any) -> dict[str, Any]:
    """Return checksum, size in bytes and what a file is for.

    Args:
        path: The file.
        what: What it is, in a few words.
        **more: Further facts, as plain values.
    """
    return {"what": what, "bytes": path.stat().st_size, "sha256": sha256_of(path), **more}


def write_manifest(
    folder: Path, *, checkpoint: Mapping[str, Any], files: Mapping[str, Mapping[str, Any]],
    unchecked: Sequence[Mapping[str, Any]] = (),
) -> Path:
    """Write ``manifest.json``.

    Args:
        folder: The bundle.
        checkpoint: Name and ``sha256`` of the checkpoint.
        files: ``describe_file`` of each file by name.
        unchecked: Models that nothing could run, as plain values.

    Returns:
        Where it is.
    """
    not_run = {"unchecked": [dict(one) for one in unchecked]} if unchecked else {}
    document = {
        "schema": SCHEMA,
        "checkpoint": dict(checkpoint),
        "versions": {name: found for name in PACKAGES if (found := _version(name))},
        "files": {name: dict(files[name]) for name in sorted(files)},
        **not_run,
    }
    text = json.dumps(document, indent=2, ensure_ascii=False) + "\n"
    with atomic_path(folder / NAME) as temporary:
        temporary.write_text(text, encoding="utf-8")
    return folder / NAME


def known_models(folder: Path, checkpoint_sha256: str) -> dict[str, dict[str, Any]]:
    """Return the models of an earlier export of the same checkpoint that still lie in a folder.

    Args:
        folder: Where an earlier bundle may lie.
        checkpoint_sha256: Of the checkpoint exported now.

    Returns:
        Their entries in the manifest by name; none where it is missing, damaged or of another
        checkpoint, and none that was changed since.
    """
    document = _read(folder)
    if document is None or document["checkpoint"].get("sha256") != checkpoint_sha256:
        return {}
    files = document["files"]
    return {
        name: files[name]
        for name in sorted(MODELS & files.keys())
        if "format" in files[name] and _matches(folder / name, files[name])
    }


def earlier_packages(folder: Path, checkpoint_sha256: str) -> tuple[Unchecked, ...]:
    """Return the models that nothing could run, of an earlier export of the same checkpoint.

    Args:
        folder: Where an earlier bundle may lie.
        checkpoint_sha256: Of the checkpoint exported now.
    """
    document = _read(folder)
    if document is None or document["checkpoint"].get("sha256") != checkpoint_sha256:
        return ()
    try:
        return tuple(
            Unchecked(str(one["name"]), one["precision"], str(one["finding"]), one["size_mb"])
            for one in document.get("unchecked", ())
            if PACKAGE_NAMES.get(one["precision"]) == one["name"]
            and is_whole_package(folder, one["name"])
        )
    except (KeyError, TypeError, AttributeError):  # a manifest not of ours
        return ()


def is_whole_package(folder: Path, name: str) -> bool:
    """Say whether a package of several files is as the manifest of its folder lists it.

    Args:
        folder: Where a bundle may lie.
        name: Of the package.
    """
    document = _read(folder)
    files = {} if document is None else document["files"]
    there = [part.relative_to(folder).as_posix() for part in parts_of(folder, name)]
    listed = [part for part in files if part.startswith(f"{name}/")]
    return bool(there) and sorted(listed) == sorted(there) and all(
        _matches(folder / part, files[part]) for part in there
    )


def is_ours(folder: Path) -> bool:
    """Say whether the manifest of a folder is one of edgessl's that lists something."""
    document = _read(folder)
    return document is not None and bool(document["files"])


def is_whole(folder: Path, name: str) -> bool:
    """Say whether a file is as the manifest of its folder lists it.

    Args:
        folder: Where a bundle may lie.
        name: One of those that an export writes.
    """
    document = _read(folder)
    return document is not None and _matches(folder / name, document["files"].get(name, {}))


def lists_gone_models(folder: Path) -> bool:
    """Say whether the manifest of a folder speaks of a model that is gone or another one now."""
    document = _read(folder)
    files = {} if document is None else document["files"]
    return any(
        "format" in files[name] and not _matches(folder / name, files[name])
        for name in MODELS & files.keys()
    )


def _matches(path: Path, entry: Mapping[str, Any]) -> bool:
    return path.is_file() and sha256_of(path) == entry.get("sha256")


def _read(folder: Path) -> dict[str, Any] | None:
    """Read a manifest of edgessl's; None for anything else. Its names are not to be paths."""
    try:
        document = json.loads((folder / NAME).read_text(encoding="utf-8"))
        known = document["schema"] <= SCHEMA and "edgessl" in document["versions"]
        entries = (document["checkpoint"], *document["files"].values())
        return document if known and all(isinstance(entry, dict) for entry in entries) else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
