"""Everything that only a GPU can tell, in one call of under ten minutes.

Part after part, each in processes of its own with a time limit of its own: a failure or a cut-off
in one does not stop the others, and each part's JSON is written as soon as it is done. ``--device
cpu --steps 2`` rehearses all of it without a GPU.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

import torch

from edgessl.bench.measure.device import describe_device

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(HERE.parent / "peers"))

from contender import Contender, ContenderFailed  # noqa: E402
from contest import same_images  # noqa: E402
from work import WORKS  # noqa: E402

WORKERS = (2, 4, 16)
RECIPE_PX = 112, 64  # global and local views
BUDGETS_S = {"loop": 240, "recipe": 150, "lightly": 110, "tests": 60}
"""Parts in the order they run, and the seconds each may take: 560 in all."""

Part = Callable[[argparse.Namespace, float], dict[str, Any]]


def run(command: Sequence[str], budget_s: float, log: Path) -> int | None:
    """Run a command in a process group of its own, and end the group with it.

    Args:
        command: Program and arguments.
        budget_s: Seconds after which it is ended.
        log: File for what it prints.

    Returns:
        Its exit code; None if it was ended.
    """
    with log.open("wb") as file:
        process = subprocess.Popen(
            command, stdout=file, stderr=subprocess.STDOUT, cwd=ROOT, start_new_session=True
        )
        try:
            return process.wait(budget_s)
        except subprocess.TimeoutExpired:
            return None
        finally:
            try:
                os.killpg(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            process.wait()


def last_words(log: Path) -> str:
    """Return the end of what a command printed."""
    return "\n".join(log.read_text(errors="replace").splitlines()[-12:])


def loop_part(given: argparse.Namespace, budget_s: float) -> dict[str, Any]:
    """Measure our loop with and without data: see ``loop_grid.py``."""
    lines = given.out / "loop.jsonl"
    lines.unlink(missing_ok=True)
    command = [
        sys.executable, str(HERE / "loop_grid.py"), "--data", given.data, "--device", given.device,
        "--batch", str(given.batch), "--warmup", str(given.warmup), "--steps", str(given.steps),
        "--lines", str(lines), *(["--cases", str(given.cases)] if given.cases else []),
    ]  # fmt: skip
    code = run(command, budget_s, given.out / "loop.log")
    found = lines.read_text(encoding="utf-8").splitlines() if lines.is_file() else []
    return {
        "exit_code": code,
        "measured": [json.loads(line) for line in found],
        "last_words": last_words(given.out / "loop.log"),
    }


def recipe_part(given: argparse.Namespace, budget_s: float) -> dict[str, Any]:
    """Time ``edgessl recipe`` at 112 px, from the command to the report."""
    px, local_px = RECIPE_PX
    with TemporaryDirectory() as folder:
        out = Path(folder) / "run"
        command = [
            sys.executable, "-m", "edgessl", "recipe", "mobilenetv2-dino", "--data",
            given.recipe_data, "--epochs", str(given.epochs), "--device", given.device,
            "--out", str(out), "--set", f"views.0.size_px={px}", "--set",
            f"views.1.size_px={local_px}", "--set", f"finetune.view.size_px={px}", "--set",
            f"image.crop_px={px}", "--set", f"image.resize_px={round(px * 8 / 7)}",
            *(part for setting in given.recipe_set for part in ("--set", setting)),
        ]  # fmt: skip
        began = perf_counter()
        code = run(command, budget_s, given.out / "recipe.log")
        wall_s = perf_counter() - began
        report, timing = out / "report.json", out / "timing.jsonl"
        lines = timing.read_text(encoding="utf-8").splitlines() if timing.is_file() else []
        return {
            "command": command[1:],
            "exit_code": code,
            "wall_s": round(wall_s, 1),
            "last_timing": json.loads(lines[-1]) if lines else None,
            "report": json.loads(report.read_text()) if report.is_file() else None,
            "last_words": last_words(given.out / "recipe.log"),
        }


def lightly_part(given: argparse.Namespace, budget_s: float) -> dict[str, Any]:
    """Measure lightly as its documentation writes it, with few and many workers."""
    probe = [given.peer_python, "-c", "import lightly"]
    if subprocess.run(probe, capture_output=True, check=False).returncode:
        return {"skipped": f"{given.peer_python} cannot import lightly"}
    if not Path(given.data).is_dir():
        return {"skipped": f"lightly reads folders, --data is '{given.data}'"}
    measured, began = [], perf_counter()
    with same_images(Path(given.data)) as images:
        for work in ("mobilenetv2-112", "mobilenetv2-64"):
            for workers in WORKERS[::-1]:
                left = budget_s - (perf_counter() - began)
                found = {"work": work, "workers": workers, "batch": given.batch}
                found |= _lightly(given, images, work, workers, left)
                measured.append(found)
    return {"measured": measured}


def _lightly(
    given: argparse.Namespace, images: Path, work: str, workers: int, budget_s: float
) -> dict[str, Any]:
    command = [
        given.peer_python, str(HERE.parent / "peers" / "lightly_contender.py"), "--data",
        str(images), "--work", work, "--batch", str(given.batch), "--workers", str(workers),
        "--device", given.device,
    ]  # fmt: skip
    # Each worker holds two batches ready: those are not to be counted.
    warmup = max(1, min(2 * workers + 1, given.warmup))
    began = perf_counter()
    try:
        with Contender("lightly", command, {}, given.out / "lightly.log") as contender:
            contender.wait_until_ready(max(1.0, budget_s))
            left = max(1.0, budget_s - (perf_counter() - began))
            turn = contender.take_turn(warmup, given.steps, left)
    except ContenderFailed as failed:
        return {"error": str(failed)[-2000:]}
    rate = turn["steps"] * WORKS[work].with_batch(given.batch).batch / turn["wall_s"]
    return {"images_per_s": round(rate, 1), **turn}


def tests_part(given: argparse.Namespace, budget_s: float) -> dict[str, Any]:
    """Run the tests that need a GPU."""
    log = given.out / "tests.log"
    code = run([sys.executable, "-m", "pytest", "-m", "gpu", "-q", "tests"], budget_s, log)
    said = last_words(log)
    return {"exit_code": code, "pytest_said": said.rpartition("\n")[2], "last_words": said}


PARTS: dict[str, Part] = {
    "loop": loop_part, "recipe": recipe_part, "lightly": lightly_part, "tests": tests_part,
}  # fmt: skip


def describe(device: str) -> dict[str, Any]:
    """Describe the machine, its GPU and torch."""
    facts = {**describe_device(), "torch": torch.__version__}
    if device == "cuda":
        facts["gpu"] = torch.cuda.get_device_name()
        facts["gpu_mb"] = round(torch.cuda.get_device_properties(0).total_memory / 1e6)
    return facts


def markdown(results: dict[str, dict[str, Any]]) -> str:
    """Return what was found, for people."""
    lines = ["| work | engine | feed | img/s | of the limit | peak GPU MB |", "|---" * 6 + "|"]
    loop = results.get("loop", {}).get("measured", [])
    limits = {_case(row): row.get("images_per_s") for row in loop if row["feed"] == "one batch"}
    for row in loop:
        rate, limit = row.get("images_per_s"), limits.get(_case(row))
        share = f"{rate / limit:.3f}" if rate and limit and row["feed"] == "data" else ""
        engine = row.get("engine", {})
        told = " ".join(str(engine.get(key, "")) for key in ("precision", "memory_format"))
        told += " compiled" if row["compiled"] else ""
        told += " (chosen)" if row["precision"] is None else ""
        cells = [row["work"], told, row["feed"], rate or "failed", share, row.get("peak_gpu_mb")]
        lines.append("| " + " | ".join(str(cell) for cell in cells) + " |")
    if not loop:
        lines.append(f"loop: {results.get('loop', 'not run')}")
    lines += ["", "| lightly | workers | img/s |", "|---" * 3 + "|"]
    for row in results.get("lightly", {}).get("measured", []):
        lines.append(f"| {row['work']} | {row['workers']} | {row.get('images_per_s', 'failed')} |")
    recipe, tests = results.get("recipe", {}), results.get("tests", {})
    lines += [
        "",
        f"edgessl recipe: {recipe.get('wall_s')} s, exit code {recipe.get('exit_code')} "
        f"(None: cut off; then at {recipe.get('last_timing')})",
        f"pytest -m gpu: {tests.get('pytest_said')}, exit code {tests.get('exit_code')}",
    ]
    return "\n".join(lines)


def _case(row: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(row[key] for key in ("work", "precision", "memory_format", "compiled"))


def main() -> None:
    """Run the parts, write a JSON file after each, print a summary."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", default="demo", help="images for the loop: a folder, or demo")
    parser.add_argument("--recipe-data", help="labelled set of the timed run; --data if left out")
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--steps", type=int, default=30, help="timed steps of each measurement")
    parser.add_argument("--warmup", type=int, default=10)
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--cases", type=int, help="only the first so many settings of the loop")
    parser.add_argument("--epochs", type=int, default=200, help="of the timed run")
    parser.add_argument(
        "--recipe-set", action="append", default=[], help="--set of the timed run; repeatable"
    )
    parser.add_argument("--peer-python", default=sys.executable, help="interpreter with lightly")
    parser.add_argument("--parts", default=",".join(PARTS), help="commas between")
    parser.add_argument("--budget-factor", type=float, default=1.0, help="of the time limits")
    parser.add_argument("--out", type=Path, required=True, help="folder of the JSON files")
    given = parser.parse_args()
    given.recipe_data = given.recipe_data or given.data
    given.out.mkdir(parents=True, exist_ok=True)
    if given.device == "cuda" and not torch.cuda.is_available():
        parser.error("--device: cuda must be available to torch, found none; rehearse with cpu")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that parts end too
    machine = describe(given.device)
    results: dict[str, dict[str, Any]] = {}
    with TemporaryDirectory() as cache:
        os.environ["EDGESSL_CACHE"] = cache  # pack anew, as on a first run
        for name in given.parts.split(","):
            began = perf_counter()
            try:
                found = PARTS[name](given, BUDGETS_S[name] * given.budget_factor)
            except Exception as error:  # the other parts are worth having
                found = {"error": f"{type(error).__name__}: {error}"}
            found |= {"seconds": round(perf_counter() - began, 1), "machine": machine}
            results[name] = found
            text = json.dumps(found, indent=2) + "\n"
            (given.out / f"{name}.json").write_text(text, encoding="utf-8")
            print(f"{name}: {found['seconds']} s", file=sys.stderr, flush=True)
    print(markdown(results))


if __name__ == "__main__":
    main()
