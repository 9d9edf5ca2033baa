"""What lies in a bundle, with hashes; and the export's part of ``report.json``."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from edgessl.files import atomic_path

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
    report = _report(path)
    new = {entry["path"] for entry in outcome["files"]}
    old = report.get(KEY, {}).get("files", [])
    kept = [e for e in old if e["path"] not in new and (folder / e["path"]).is_file()]
    report[KEY] = {**outcome, "files": [*outcome["files"], *kept]}
    with atomic_path(path) as temporary:
        temporary.write_text(
            json.dumps(report, indent=2, ensure_ascii=False) + "\n", encoding="utf-8"
        )


def _report(path: Path) -> dict[str, Any]:
    """Return what is there; a damaged file is written anew."""
    try:
        report = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return report if isinstance(report, dict) else {}


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
    folder: Path, *, checkpoint: Mapping[str, Any], files: Mapping[str, Mapping[str, Any]]
) -> Path:
    """Write ``manifest.json``.

    Args:
        folder: The bundle.
        checkpoint: Name and ``sha256`` of the checkpoint.
        files: ``describe_file`` of each file by name.

    Returns:
        Where it is.
    """
    document = {
        "schema": SCHEMA,
        "checkpoint": dict(checkpoint),
        "versions": {name: found for name in PACKAGES if (found := _version(name))},
        "files": {name: dict(files[name]) for name in sorted(files)},
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
    return {
        name: entry
        for name, entry in document["files"].items()
        if "format" in entry
        and (folder / name).is_file()
        and sha256_of(folder / name) == entry["sha256"]
    }


def listed_files(folder: Path) -> tuple[str, ...]:
    """Return the names that the manifest of a folder lists; none where edgessl wrote none."""
    document = _read(folder)
    return () if document is None else tuple(document["files"])


def lists_gone_models(folder: Path) -> bool:
    """Say whether the manifest of a folder speaks of a model that is gone or another one now."""
    document = _read(folder)
    entries = {} if document is None else document["files"]
    return any(
        "format" in entry
        and not ((folder / name).is_file() and sha256_of(folder / name) == entry["sha256"])
        for name, entry in entries.items()
    )


def _read(folder: Path) -> dict[str, Any] | None:
    """Read a manifest of edgessl's; None for anything else."""
    try:
        document = json.loads((folder / NAME).read_text(encoding="utf-8"))
        known = document["schema"] <= SCHEMA and "edgessl" in document["versions"]
        entries = (document["checkpoint"], *document["files"].values())
        return document if known and all(isinstance(entry, dict) for entry in entries) else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
