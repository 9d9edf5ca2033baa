"""Finds boxes in images with an exported detector: numpy, Pillow and onnxruntime only.

    python run.py photo.jpg --draw drawn/
    python run.py photo.jpg --json
    python run.py --selftest
    python run.py --time
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

import numpy as np
import onnxruntime
from PIL import Image, ImageDraw, ImageOps

HERE = Path(__file__).resolve().parent
KERNELS = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}
COLOURS = ("#0b7a6f", "#c2512f", "#3b6ea8", "#b7791f", "#7c6fb0", "#b0457f", "#5d7a0b", "#59636e")
SURE, SAME_IOU, SAME_SCORE = 0.3, 0.9, 0.1


class Detector:
    """One model file of the folder, ready to be asked."""

    def __init__(self, path: Path, threads: int) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        self.session = onnxruntime.InferenceSession(
            str(path), options, providers=["CPUExecutionProvider"]
        )
        self.about = json.loads((HERE / "preprocess.json").read_text(encoding="utf-8"))
        self.whole = self.session.get_inputs()[0].type == "tensor(uint8)"  # preprocessing inside
        self.labels = (HERE / "labels.txt").read_text(encoding="utf-8").splitlines()

    def prepare(self, image: Image.Image) -> np.ndarray:
        """Resize an upright RGB image to the square, and normalise it: (3, S, S)."""
        side, kernel = self.about["input_px"], KERNELS[self.about["interpolation"]]
        image = image.resize((side, image.height), kernel).resize((side, side), kernel)
        pixels = np.asarray(image, np.float32).transpose(2, 0, 1) / np.float32(255)
        mean, std = (np.array(self.about[key], np.float32)[:, None, None]
                     for key in ("mean", "std"))
        return (pixels - mean) / std

    def look(self, image: Image.Image) -> np.ndarray:
        """Return the rows (found, 7) of one upright RGB image."""
        return self.find(np.asarray(image)[None] if self.whole else self.prepare(image)[None])

    def find(self, images: np.ndarray) -> np.ndarray:
        """Return rows (found, 7): image, left, top, right, bottom, score, class."""
        output = self.session.run(None, {self.session.get_inputs()[0].name: images})[0]
        return output if output.ndim == 2 else self.suppressed(output)

    def suppressed(self, predictions: np.ndarray) -> np.ndarray:
        """Keep the surest of overlapping boxes, for a model that does not do it itself."""
        rows = []
        for image, one in enumerate(predictions):
            for label in range(one.shape[1] - 4):
                scores = one[:, 4 + label]
                order = np.flatnonzero(scores > self.about["min_score"])
                order = order[np.argsort(-scores[order], kind="stable")]
                kept = 0
                while len(order) and kept < self.about["max_boxes_of_a_class"]:
                    best, order = order[0], order[1:]
                    rows.append([image, *one[best, :4], scores[best], label])
                    kept += 1
                    order = order[overlap(one[best, :4], one[order, :4]) <= self.about["nms_iou"]]
        found = np.array(rows, np.float32).reshape(-1, 7)
        return found[np.argsort(-found[:, 5], kind="stable")]


def overlap(box: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return the share of the union that a box has in common with others."""
    low, high = np.maximum(box[:2], others[:, :2]), np.minimum(box[2:], others[:, 2:])
    common = (high - low).clip(0).prod(axis=1)
    areas = (others[:, 2:] - others[:, :2]).prod(axis=1) + (box[2:] - box[:2]).prod()
    return common / np.maximum(areas - common, 1e-12)


def read(path: Path) -> Image.Image:
    """Open an image upright, in RGB."""
    image = ImageOps.exif_transpose(Image.open(path))
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image)
    return image.convert("RGB")


def answer(detector: Detector, path: Path, least: float, folder: Path | None) -> dict:
    """Find the boxes of one file, and draw them where asked."""
    image = read(path)
    rows = detector.look(image)
    rows = rows[rows[:, 5] >= least]
    sides = np.array([image.width, image.height] * 2, np.float32)
    boxes = [
        {"name": detector.labels[int(row[6])], "score": round(float(row[5]), 4),
         "box": [round(float(one), 1) for one in row[1:5] * sides]}
        for row in rows
    ]
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        drawing = ImageDraw.Draw(image)
        for one, row in zip(boxes, rows, strict=True):
            colour = COLOURS[int(row[6]) % len(COLOURS)]
            drawing.rectangle(one["box"], outline=colour, width=max(2, min(image.size) // 200))
            text = f"{one['name']} {100 * one['score']:.0f}"
            drawing.text((one["box"][0] + 3, one["box"][1] + 2), text, fill=colour)
        image.save(folder / f"{path.stem}.png")
    return {"image": str(path), "boxes": boxes}


def selftest(folder: Path, threads: int) -> int:
    """Compare the boxes of every model with those that it must give; return the exit code."""
    wrong = 0
    with np.load(folder / "testvectors.npz", allow_pickle=False) as vectors:
        images = [Image.fromarray(vectors[f"image_{i}"])
                  for i in range(sum(name.startswith("image_") for name in vectors.files))]
        for name in vectors.files:
            if not name.startswith("detections/"):
                continue
            detector = Detector(folder / name.removeprefix("detections/"), threads)
            found = [detector.look(image) for image in images]
            for number, rows in enumerate(found):
                rows[:, 0] = number
            found = np.concatenate(found)
            expected = vectors[name]
            sure = expected[expected[:, 5] >= SURE]
            same = sum(is_there(row, found) for row in sure)
            passed = same >= 0.95 * len(sure)
            wrong += not passed
            print(f"{name.removeprefix('detections/')}: {'pass' if passed else 'FAIL'}: "
                  f"{same} of {len(sure)} boxes as they must be")
    return 3 if wrong else 0


def is_there(row: np.ndarray, found: np.ndarray) -> bool:
    """Say whether a box is among others, nearly."""
    others = found[(found[:, 0] == row[0]) & (found[:, 6] == row[6])]
    near = overlap(row[1:5], others[:, 1:5]) >= SAME_IOU
    return bool((near & (abs(others[:, 5] - row[5]) <= SAME_SCORE)).any())


def main() -> int:
    """Do what the command line asks."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("images", nargs="*", type=Path)
    parser.add_argument("--model", type=Path, default=HERE / "model.onnx")
    parser.add_argument("--min-score", type=float, default=0.5)
    parser.add_argument("--draw", type=Path, metavar="FOLDER", help="save images with boxes")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--selftest", action="store_true")
    parser.add_argument("--time", action="store_true", help="time the model on noise")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    if options.selftest:
        return selftest(HERE, options.threads)
    if not options.images and not options.time:
        parser.error("name images, or pass --selftest or --time")
    detector = Detector(options.model, options.threads)
    if options.time:
        side = detector.about["input_px"]
        noise = np.random.default_rng(0).standard_normal((1, 3, side, side), dtype=np.float32)
        if detector.whole:
            noise = np.full((1, 480, 640, 3), 127, np.uint8)
        spent = []
        for _ in range(25):
            began = time.perf_counter()
            detector.find(noise)
            spent.append(1000 * (time.perf_counter() - began))
        print(f"{options.model.name}: {np.median(spent[5:]):.1f} ms an image, "
              f"{options.threads} thread(s)")
    code = 0
    for path in options.images:
        try:
            found = answer(detector, path, options.min_score, options.draw)
        except OSError as error:
            print(f"error: {path}: must be an image, got: {error}", file=sys.stderr)
            code = 2
            continue
        if options.json:
            print(json.dumps(found))
        else:
            told = ", ".join(f"{one['name']} {100 * one['score']:.0f} %" for one in found["boxes"])
            print(f"{path}: {told or 'no box'}")
    return code


if __name__ == "__main__":
    sys.exit(main())
