"""Finds boxes, or the classes of pixels, in images with an exported detector or segmenter.

    python run.py photo.jpg --draw drawn/
    python run.py photo.jpg --json
    python run.py photo.jpg --masks masks/      (a segmenter)
    python run.py --selftest
    python run.py --time

Needs numpy, Pillow and onnxruntime only.
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


class Network:
    """One model file of the folder, ready to be asked."""

    def __init__(self, path: Path, about: dict, threads: int) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        self.session = onnxruntime.InferenceSession(
            str(path), options, providers=["CPUExecutionProvider"]
        )
        self.about = about
        self.whole = self.session.get_inputs()[0].type == "tensor(uint8)"  # preprocessing inside

    def prepare(self, image: Image.Image) -> np.ndarray:
        """Resize an upright RGB image to the square, and normalise it: (3, S, S)."""
        side, kernel = self.about["input_px"], KERNELS[self.about["interpolation"]]
        image = image.resize((side, image.height), kernel).resize((side, side), kernel)
        pixels = np.asarray(image, np.float32).transpose(2, 0, 1) / np.float32(255)
        mean, std = (np.array(self.about[key], np.float32)[:, None, None]
                     for key in ("mean", "std"))
        return (pixels - mean) / std

    def output(self, image: Image.Image) -> np.ndarray:
        """Return what the model says of one upright RGB image."""
        given = np.asarray(image) if self.whole else self.prepare(image)
        return self.session.run(None, {self.session.get_inputs()[0].name: given[None]})[0]


def read(path: Path) -> Image.Image:
    """Open an image upright, in RGB."""
    image = ImageOps.exif_transpose(Image.open(path))
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image)
    return image.convert("RGB")


class Boxes:
    """What a detector answers: rows (found, 7) of image, left, top, right, bottom, score, class."""

    vectors, doing = "detections/", "save images with boxes"
    colours = (
        "#0b7a6f", "#c2512f", "#3b6ea8", "#b7791f", "#7c6fb0", "#b0457f", "#5d7a0b", "#59636e",
    )
    sure, same_iou, same_score, least_same = 0.3, 0.9, 0.1, 0.95

    def __init__(self, about: dict, labels: list[str]) -> None:
        self.about, self.labels = about, labels

    def arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add what only a detector is asked."""
        parser.add_argument("--min-score", type=float, default=0.5)

    def of(self, output: np.ndarray) -> np.ndarray:
        """Return the rows of one image, the surest first."""
        return output if output.ndim == 2 else self.suppressed(output[0])

    def suppressed(self, predictions: np.ndarray) -> np.ndarray:
        """Keep the surest of overlapping boxes, for a model that does not do it itself."""
        rows = []
        for label in range(predictions.shape[1] - 4):
            scores = predictions[:, 4 + label]
            order = np.flatnonzero(scores > self.about["min_score"])
            order = order[np.argsort(-scores[order], kind="stable")]
            kept = 0
            while len(order) and kept < self.about["max_boxes_of_a_class"]:
                best, order = order[0], order[1:]
                rows.append([0, *predictions[best, :4], scores[best], label])
                kept += 1
                shares = overlap(predictions[best, :4], predictions[order, :4])
                order = order[shares <= self.about["nms_iou"]]
        found = np.array(rows, np.float32).reshape(-1, 7)
        return found[np.argsort(-found[:, 5], kind="stable")]

    def told(
        self, rows: np.ndarray, image: Image.Image, name: str, options: argparse.Namespace
    ) -> dict:
        """Return the boxes in pixels, and draw them where asked."""
        rows = rows[rows[:, 5] >= options.min_score]
        sides = np.array([image.width, image.height] * 2, np.float32)
        boxes = [
            {"name": self.labels[int(row[6])], "score": round(float(row[5]), 4),
             "box": [round(float(one), 1) for one in row[1:5] * sides]}
            for row in rows
        ]
        if options.draw is not None:
            drawing = ImageDraw.Draw(image)
            for one, row in zip(boxes, rows, strict=True):
                colour = self.colours[int(row[6]) % len(self.colours)]
                drawing.rectangle(one["box"], outline=colour, width=max(2, min(image.size) // 200))
                text = f"{one['name']} {100 * one['score']:.0f}"
                drawing.text((one["box"][0] + 3, one["box"][1] + 2), text, fill=colour)
            save(image, options.draw, name)
        return {"boxes": boxes}

    def line(self, told: dict) -> str:
        """Say it in a line."""
        boxes = ", ".join(f"{one['name']} {100 * one['score']:.0f} %" for one in told["boxes"])
        return boxes or "no box"

    def compare(self, found: list[np.ndarray], expected: np.ndarray) -> tuple[bool, str]:
        """Say whether the answers on the test images are those that they must be."""
        expected = expected[expected[:, 5] >= self.sure]
        same = sum(self.is_there(row, found[int(row[0])]) for row in expected)
        told = f"{same} of {len(expected)} boxes as they must be"
        return same >= self.least_same * len(expected), told

    def is_there(self, row: np.ndarray, found: np.ndarray) -> bool:
        """Say whether a box is among others, nearly."""
        others = found[found[:, 6] == row[6]]
        near = overlap(row[1:5], others[:, 1:5]) >= self.same_iou
        return bool((near & (abs(others[:, 5] - row[5]) <= self.same_score)).any())


def overlap(box: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return the share of the union that a box has in common with others."""
    low, high = np.maximum(box[:2], others[:, :2]), np.minimum(box[2:], others[:, 2:])
    common = (high - low).clip(0).prod(axis=1)
    areas = (others[:, 2:] - others[:, :2]).prod(axis=1) + (box[2:] - box[:2]).prod()
    return common / np.maximum(areas - common, 1e-12)


class Pixels:
    """What a segmenter answers: logits (classes, S, S)."""

    vectors, doing = "classes/", "save painted images"
    least_same, least_told, least_said = 0.99, 0.001, 0.01

    def __init__(self, about: dict, labels: list[str]) -> None:
        self.about, self.labels = about, labels

    def arguments(self, parser: argparse.ArgumentParser) -> None:
        """Add what only a segmenter is asked."""
        parser.add_argument(
            "--masks", type=Path, metavar="FOLDER", help="save masks of class numbers"
        )

    def of(self, output: np.ndarray) -> np.ndarray:
        """Return the logits of one image."""
        return output[0]

    def told(
        self, logits: np.ndarray, image: Image.Image, name: str, options: argparse.Namespace
    ) -> dict:
        """Return the share of each class, and paint or save the classes where asked."""
        planes = [np.asarray(Image.fromarray(plane).resize(image.size, Image.Resampling.BILINEAR))
                  for plane in logits]
        classes = np.stack(planes).argmax(axis=0).astype(np.uint8)
        if options.masks is not None:
            save(Image.fromarray(classes), options.masks, name)
        if options.draw is not None:
            colours = np.array(self.about["colours"], np.float32)[classes]
            mixed = 0.45 * np.asarray(image, np.float32) + 0.55 * colours
            save(Image.fromarray(mixed.round().astype(np.uint8)), options.draw, name)
        shares = np.bincount(classes.ravel(), minlength=len(self.labels)) / classes.size
        return {"pixels": [
            {"name": self.labels[i], "share": round(float(shares[i]), 4)}
            for i in np.argsort(-shares) if shares[i] >= self.least_told
        ]}

    def line(self, told: dict) -> str:
        """Say it in a line."""
        return ", ".join(f"{one['name']} {100 * one['share']:.0f} %" for one in told["pixels"]
                         if one["share"] >= self.least_said)

    def compare(self, found: list[np.ndarray], expected: np.ndarray) -> tuple[bool, str]:
        """Say whether the answers on the test images are those that they must be."""
        classes = np.stack([one.argmax(axis=0) for one in found])
        same = float((classes == expected).mean())
        return same >= self.least_same, f"{100 * same:.2f} % of the pixels as they must be"


def save(image: Image.Image, folder: Path, name: str) -> None:
    """Write an image into a folder that need not exist."""
    folder.mkdir(parents=True, exist_ok=True)
    image.save(folder / f"{name}.png")


def selftest(kind: Boxes | Pixels, threads: int) -> int:
    """Compare the answers of every model with those that it must give; return the exit code."""
    wrong = 0
    with np.load(HERE / "testvectors.npz", allow_pickle=False) as vectors:
        images = [Image.fromarray(vectors[f"image_{i}"])
                  for i in range(sum(name.startswith("image_") for name in vectors.files))]
        for name in (one for one in vectors.files if one.startswith(kind.vectors)):
            model = name.removeprefix(kind.vectors)
            network = Network(HERE / model, kind.about, threads)
            found = [kind.of(network.output(image)) for image in images]
            passed, told = kind.compare(found, vectors[name])
            wrong += not passed
            print(f"{model}: {'pass' if passed else 'FAIL'}: {told}")
    return 3 if wrong else 0


def timed(network: Network, kind: Boxes | Pixels) -> float:
    """Return the median milliseconds of an image, resized and answered."""
    image, spent = Image.new("RGB", (640, 480), "grey"), []
    for _ in range(25):
        began = time.perf_counter()
        kind.of(network.output(image))
        spent.append(1000 * (time.perf_counter() - began))
    return float(np.median(spent[5:]))


def main() -> int:
    """Do what the command line asks."""
    about = json.loads((HERE / "preprocess.json").read_text(encoding="utf-8"))
    labels = (HERE / "labels.txt").read_text(encoding="utf-8").splitlines()
    kind = (Boxes if "nms_iou" in about else Pixels)(about, labels)
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("images", nargs="*", type=Path)
    parser.add_argument("--model", type=Path, default=HERE / "model.onnx")
    parser.add_argument("--draw", type=Path, metavar="FOLDER", help=kind.doing)
    kind.arguments(parser)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--selftest", action="store_true")
    parser.add_argument("--time", action="store_true", help="time the model")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    if options.selftest:
        return selftest(kind, options.threads)
    if not options.images and not options.time:
        parser.error("name images, or pass --selftest or --time")
    network = Network(options.model, about, options.threads)
    if options.time:
        print(f"{options.model.name}: {timed(network, kind):.1f} ms an image of 640 x 480, resize "
              f"included, {options.threads} thread(s)")
    code = 0
    for path in options.images:
        try:
            image = read(path)
            told = kind.told(kind.of(network.output(image)), image, path.stem, options)
        except OSError as error:
            print(f"error: {path}: must be an image, got: {error}", file=sys.stderr)
            code = 2
            continue
        line = json.dumps({"image": str(path), **told})
        print(line if options.json else f"{path}: {kind.line(told)}")
    return code


if __name__ == "__main__":
    sys.exit(main())
