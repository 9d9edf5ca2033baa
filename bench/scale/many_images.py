"""Train and score on very many small images: the peak memory, and the time that scores take.

    python bench/scale/many_images.py --images 200000 --out many

Images are 32 px JPEGs that are all distinct: a colour and a stripe that their class decides, and
noise. The same command goes on where an earlier one stopped. ``many/many_images.json`` has the
numbers.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
from PIL import Image

SIDE_PX, CLASSES = 32, 100
TEST_SHARE = 0.05
POLL_S = 0.2


def main() -> int:
    """Make the images, run, and write what it took."""
    asked = _arguments()
    out = Path(asked.out)
    folder = out / "images"
    started = time.perf_counter()
    make_images(folder, asked.images)
    made_s = time.perf_counter() - started
    run = out / "run"
    command = [
        sys.executable, "-m", "edgessl", "recipe", asked.recipe, "--data", str(folder),
        "--out", str(run), "--size", str(SIDE_PX), "--epochs", str(asked.epochs),
        "--baselines", "none", "--device", "cpu", "--set", "data.val_percent=0",
        "--set", f"evaluate.protocols={json.dumps(asked.protocols)}",
        *(word for change in asked.set for word in ("--set", change)),
    ]  # fmt: skip
    started = time.perf_counter()
    code, peak_mb, marks = watched(command)
    found = {
        "images": asked.images, "made_s": round(made_s, 1), "exit_code": code,
        "run_s": round(time.perf_counter() - started, 1), "peak_mb": round(peak_mb),
        "marks_s": marks,
    }  # fmt: skip
    report = run / "report.json"
    if report.is_file():
        told = json.loads(report.read_text())
        found |= {"seconds": told["throughput"]["seconds"], "scores": told.get("scores")}
    (out / "many_images.json").write_text(json.dumps(found, indent=1) + "\n")
    print(json.dumps(found, indent=1))
    return code


def make_images(folder: Path, count: int) -> None:
    """Write the images that are not there yet, in class folders of train and test.

    Args:
        folder: Where to.
        count: How many in all.
    """
    ready = folder / ".made"
    if ready.is_file() and ready.read_text() == str(count):
        return
    for name in range(CLASSES):
        for split in ("train", "test"):
            (folder / split / f"{name:03d}").mkdir(parents=True, exist_ok=True)
    rows = np.arange(SIDE_PX)[:, None, None]
    tests = round(count * TEST_SHARE)
    for number in range(count):
        own = number % CLASSES
        random = np.random.default_rng(number)
        colour = np.array([(own * 37) % 256, (own * 91) % 256, (own * 151) % 256])
        stripe = 60 * ((rows // (2 + own % 5)) % 2)
        noise = random.integers(-40, 40, (SIDE_PX, SIDE_PX, 3))
        pixels = np.clip(colour + stripe + noise, 0, 255).astype(np.uint8)
        split = "test" if number < tests else "train"
        path = folder / split / f"{own:03d}" / f"{number:07d}.jpg"
        Image.fromarray(pixels).save(path, quality=80)
    ready.write_text(str(count))


def watched(command: list[str]) -> tuple[int, float, dict[str, float]]:
    """Run a command, and say its exit code, its peak memory in MB, and when it told what.

    Args:
        command: What to run; its lines are shown.
    """
    started = time.perf_counter()
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    peak = [0.0]
    watcher = threading.Thread(target=_watch, args=(child, peak), daemon=True)
    watcher.start()
    marks: dict[str, float] = {}
    assert child.stdout is not None
    for line in child.stdout:
        print(line, end="", flush=True)
        marks.setdefault(line.strip()[:60], round(time.perf_counter() - started, 1))
    code = child.wait()
    watcher.join()
    return code, peak[0], marks


def _watch(child: subprocess.Popen[str], peak: list[float]) -> None:
    status = Path(f"/proc/{child.pid}/status")
    while child.poll() is None:
        try:
            for line in status.read_text().splitlines():
                if line.startswith("VmHWM"):
                    peak[0] = max(peak[0], int(line.split()[1]) / 1024)
        except OSError:  # it has just ended
            return
        time.sleep(POLL_S)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=200_000)
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--recipe", default="mobilenetv3s-simclr")
    parser.add_argument("--protocols", nargs="*", default=["knn", "linear"])
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--out", default="many")
    return parser.parse_args()


if __name__ == "__main__":
    raise SystemExit(main())
