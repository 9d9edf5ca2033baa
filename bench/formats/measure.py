#!/usr/bin/env python3
"""One network in every format and precision: proven, weighed and timed, into one table.

    python bench/formats/measure.py --data clothing10 --out table \\
        mobilenetv2=runs/a/ckpt.pt resnet18=runs/b/ckpt.pt

Each network is exported for each target, through its gates, into ``OUT/NETWORK/TARGET``; then all
files that were made are timed in turns on one thread. What is done already is not done again, so a
run that was stopped goes on. ``OUT/table.md`` and ``OUT/table.json`` have a row for each file, also
failed ones, and the letter of the noise beside each latency. A network takes about five minutes
of a core at 64 px.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import edgessl
from edgessl.errors import EdgesslError

TARGETS = ("litert", "executorch", "openvino", "ncnn", "onnx")
ONNX_FORMATS = ("onnx", "int8")
DEVICE = Path(__file__).with_name("one-thread.toml")
FORMATS = {
    "onnx": "ONNX", "litert": "LiteRT", "executorch": "ExecuTorch", "openvino": "OpenVINO",
    "ncnn": "NCNN",
}  # fmt: skip


def export_all(checkpoint: Path, data: str, folder: Path, targets: Sequence[str]) -> None:
    """Export a checkpoint for every target, and keep what was said.

    Args:
        checkpoint: A classifier.
        data: What it was trained on.
        folder: Of the network.
        targets: Of ``TARGETS``.
    """
    for target in targets:
        said = folder / target / "said.json"
        if said.is_file():
            continue
        print(f"{folder.name}: {target}", flush=True)
        try:
            files = edgessl.export(
                checkpoint, data=data, out=folder / target,
                **({"formats": ONNX_FORMATS} if target == "onnx" else {"target": target}),
            ).to_dict()  # fmt: skip
        except EdgesslError as error:
            files = {"refused": str(error), "files": []}
        said.parent.mkdir(parents=True, exist_ok=True)
        said.write_text(json.dumps(files), encoding="utf-8")


def time_all(folder: Path) -> None:
    """Time the files of a network in turns, failed ones included.

    Args:
        folder: Of the network.
    """
    timed = folder / "timed.json"
    if timed.is_file():
        return
    paths = [Path(file["path"]) for _, file in kept(folder)]
    document = edgessl.bench(paths, device=str(DEVICE)).document
    timed.write_text(json.dumps(document), encoding="utf-8")


def all_said(folder: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Go through what the exports of a network said, by target."""
    for target in TARGETS:
        path = folder / target / "said.json"
        if path.is_file():
            yield target, json.loads(path.read_text(encoding="utf-8"))


def kept(folder: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Go through the files of a network for one image of normalised numbers, by target."""
    for target, said in all_said(folder):
        for file in said["files"]:
            if file["takes"] == "normalised" and "batch1" not in file["path"]:
                yield target, file


def rows_of(folder: Path) -> Iterator[dict[str, Any]]:
    """Return a row for each file of a network, and one for each that was not made."""
    times, grade = {}, ""
    if (folder / "timed.json").is_file():
        document = json.loads((folder / "timed.json").read_text(encoding="utf-8"))
        times = {entry["path"]: entry["p50_ms"] for entry in document["models"]}
        grade = document["conditions"][0]["noise"]["grade"]
    for target, file in kept(folder):
        gates = {gate["name"]: gate for gate in file["gates"]}
        failed = [gate for gate in file["gates"] if gate["status"] == "fail"]
        yield {
            "network": folder.name, "format": target, "precision": file["precision"],
            "size_mb": file["size_mb"], "p50_ms": times.get(file["path"]), "noise": grade,
            "accuracy": gates.get("accuracy", {}).get("numbers"),
            "verdict": failed[0]["name"] if failed else "passed",
            "finding": failed[0]["finding"] if failed else "",
        }
    for target, said in all_said(folder):
        lost = [(one["name"], one["reason"]) for one in said.get("not_made", ())]
        if "refused" in said:
            lost.append(("all", said["refused"]))
        for name, reason in lost:
            yield {"network": folder.name, "format": target, "precision": name, "size_mb": None,
                   "p50_ms": None, "noise": grade, "accuracy": None, "verdict": "not made",
                   "finding": reason}  # fmt: skip


def table(rows: Sequence[dict[str, Any]]) -> str:
    """Write rows as Markdown."""
    lines = ["| network | format | precision | top-1, % | against the checkpoint, points | MB "
             "| p50, ms | verdict |", "|---|---|---|---|---|---|---|---|"]  # fmt: skip
    for row in rows:
        numbers = row["accuracy"]
        top1 = lost = size = ms = "-"
        if numbers:
            apart = numbers["difference"]
            top1 = f"{numbers['top1']['value']:.1f}"
            lost = f"{apart['value']:+.1f} [{apart['low']:+.1f}, {apart['high']:+.1f}]"
        if row["size_mb"] is not None:
            size = f"{row['size_mb']:.1f}"
        if row["p50_ms"] is not None:
            ms = f"{row['p50_ms']:.2f} ({row['noise']})"
        verdict = "passed" if row["verdict"] == "passed" else f"**{row['verdict']}**"
        lines.append(
            f"| {row['network']} | {FORMATS[row['format']]} | {row['precision']} | {top1} | {lost} "
            f"| {size} | {ms} | {verdict} |"
        )
    return "\n".join(lines) + "\n"


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("networks", nargs="+", metavar="NAME=CKPT")
    parser.add_argument("--data", required=True)
    parser.add_argument("--out", required=True, type=Path)
    parser.add_argument("--targets", nargs="+", default=TARGETS, choices=TARGETS)
    asked = parser.parse_args()
    asked.out.mkdir(parents=True, exist_ok=True)
    for one in asked.networks:
        name, _, checkpoint = one.partition("=")
        if not name or not Path(checkpoint).is_file():
            sys.exit(f"error: {one}: must be NAME=CKPT with a checkpoint that is there")
        export_all(Path(checkpoint), asked.data, asked.out / name, asked.targets)
        time_all(asked.out / name)
        write_table(asked.out)
    print(asked.out / "table.md")


def write_table(out: Path) -> None:
    """Write the table of what is there."""
    networks = sorted({path.parents[1] for path in out.glob("*/*/said.json")})
    rows = [row for folder in networks for row in rows_of(folder)]
    (out / "table.json").write_text(json.dumps(rows, indent=1), encoding="utf-8")
    (out / "table.md").write_text(table(rows), encoding="utf-8")


if __name__ == "__main__":
    main()
