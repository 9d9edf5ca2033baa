"""How fast the whole pretraining loop is next to other libraries': ``compare.py --data FOLDER``.

Every contender runs in its own process group, with its own threads, allocator and environment, and
is stopped while it is not its turn. Every round gives one ratio; the median and the range over
rounds are reported, as a Markdown row and as JSON. The JSON is written after each round, so that a
measurement that is cut off keeps its rounds. On a busy machine the contender with more processes
gets more of it: CPU time, workers included, does not depend on that. Linux only.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from contender import ContenderFailed
from contest import LIMIT, NAMES, OURS, TRAIN, Setting, hold, summary
from work import JUDGED, METHODS, WORKS

from edgessl.bench.measure.device import describe_device

RESULTS = Path(__file__).resolve().parents[1] / "results"
_PACKAGES = ("torch", "torchvision", "timm", "lightly", "lightly-train", "numpy", "pillow")
_VERSIONS = """
import importlib.metadata as m, json, sys
found = {i.metadata["Name"].lower().replace("_", "-"): i.version for i in m.distributions()}
print(json.dumps({name: found.get(name) for name in sys.argv[1:]}))
"""


def compare(
    names: list[str], setting: Setting, *, rounds: int, warmup: int, steps: int
) -> Iterator[dict[str, Any]]:
    """Measure, and describe what was measured on what.

    Args:
        names: Values of ``NAMES``.
        setting: Under what conditions.
        rounds: Counted turns of each.
        warmup: Steps of a turn that are not counted.
        steps: Steps that are.

    Yields:
        After each round, everything so far, as plain values.
    """
    machine = describe_device()  # before, so that its load is that of others
    conditions = {
        "what": f"whole pretraining loop, files to updated weights: {setting.work.sentence}",
        "method": setting.work.method,
        "work": setting.work_name,
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M"),
        "data": setting.folder.resolve().name,
        "device": setting.device,
        "rounds_asked_for": rounds,
        "steps_a_turn": steps,
        "warmup_steps_a_turn": warmup,
        "overrides": setting.overrides,
        "environment": {
            key: os.environ[key] for key in sorted(os.environ) if key.startswith(("OMP_", "MKL_"))
        } | {"threads": setting.threads},
        "machine": machine,
        "versions": our_versions(),
        "peer_versions": versions_of(setting.peer_python),
    }
    held = hold(names, setting, rounds=rounds, warmup=warmup, steps=steps)
    for done, (turns, facts) in enumerate(held, start=1):
        found = {"rounds": done, **summary(turns, setting.work.batch), "contenders": facts}
        yield {**conditions, **found}


def write(result: dict[str, Any], file: Path) -> None:
    """Replace a file by the result as JSON, at once."""
    part = file.with_name(f".{file.name}.part")
    part.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    part.replace(file)


def table(result: dict[str, Any]) -> str:
    """Return a Markdown table of one row: rates, and ratios with their ranges."""
    names = list(result["images_per_s"])
    head = ["method", "work", "data", "rounds", *(f"{name}, img/s" for name in names)]
    cells = [METHODS[result["method"]], result["work"], result["data"], str(result["rounds"])]
    cells += [f"{result['images_per_s'][name]['median']:.1f}" for name in names]
    for key, words in (("ratio", "times as fast as"), ("ratio_of_cpu_time", "by CPU time,")):
        for name, found in result.get(key, {}).items():
            head.append(f"{words} {name}")
            cells.append(f"{found['median']:.2f} ({found['low']:.2f}-{found['high']:.2f})")
    head.append("load before")
    cells.append(f"{result['machine']['load_1min']:.1f}")
    lines = (head, ["---"] * len(head), cells)
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def peer_python(given: str | None) -> str | None:
    """Return the interpreter that can import lightly, or None."""
    if given is not None:
        return given
    return sys.executable if importlib.util.find_spec("lightly") else None


def our_versions() -> dict[str, str | None]:
    """Return the versions of edgessl and of what it computes with, here."""
    found: dict[str, str | None] = {}
    for name in ("edgessl", *_PACKAGES):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = None
    return found


def versions_of(python: str) -> dict[str, str | None]:
    """Return the versions of the other libraries, in an interpreter's environment."""
    done = subprocess.run(
        [python, "-c", _VERSIONS, *_PACKAGES], capture_output=True, text=True, check=True
    )
    versions: dict[str, str | None] = json.loads(done.stdout)
    return versions


def main() -> None:
    """Measure, print a Markdown row, write JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of images")
    parser.add_argument("--method", choices=METHODS, default="dino")
    parser.add_argument("--work", choices=WORKS, default=JUDGED)
    parser.add_argument(
        "--contenders", default="edgessl,limit,lightly,matched",
        help=f"of {', '.join(NAMES)}; commas between",
    )  # fmt: skip
    parser.add_argument("--peer-python", help="interpreter with lightly; see setup.sh")
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    parser.add_argument("--threads", type=int, help="of every loop; as the library sets it if left")
    parser.add_argument("--workers", type=int, default=2, help="of the peers' data loaders")
    parser.add_argument("--memory-format", default="channels_last", help="of 'matched' alone")
    parser.add_argument("--precision", default="fp32", help="of 'matched' alone")
    parser.add_argument(
        "--set", action="append", default=[], dest="overrides",
        help="KEY=VALUE change to our recipe, such as engine.memory_format=channels_last",
    )  # fmt: skip
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--warmup", type=int, default=5, help="steps before them in every turn")
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder of the JSON file")
    given = parser.parse_args()
    words = [word.strip() for word in given.contenders.split(",")]
    if unknown := [word for word in words if word not in NAMES]:
        parser.error(f"--contenders: must be of {', '.join(NAMES)}, got {', '.join(unknown)}")
    names = [NAMES[word] for word in words]
    if TRAIN in names and given.method != "dino":
        parser.error(f"--contenders: train must be left out with --method {given.method}")
    python = peer_python(given.peer_python)
    if python is None and set(names) - {OURS, LIMIT}:
        parser.error("--peer-python: must be given, because lightly is not here; see setup.sh")
    work = WORKS[given.work].with_method(given.method)
    setting = Setting(
        given.data, work, given.work, python or sys.executable, given.device, given.threads,
        given.workers, given.memory_format, given.precision, tuple(given.overrides),
    )  # fmt: skip
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that contenders end too
    given.out.mkdir(parents=True, exist_ok=True)
    file = given.out / f"loop-{given.method}-{given.work}-{given.device}.json"
    result: dict[str, Any] = {}
    try:
        for result in compare(
            names, setting, rounds=given.rounds, warmup=given.warmup, steps=given.steps
        ):
            write(result, file)
    except ContenderFailed as failed:
        sys.exit(f"error: {failed}")
    finally:
        if result:  # of the rounds that were held, if it was cut off
            print(table(result))


if __name__ == "__main__":
    main()
