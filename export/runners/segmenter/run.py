"""Paints the classes of an image's pixels with an exported segmenter.

    python run.py photo.jpg --draw painted/
    python run.py photo.jpg --masks masks/
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
from PIL import Image, ImageOps

HERE = Path(__file__).resolve().parent
KERNELS = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}
LEAST_SAME = 0.99


class Segmenter:
    """One model file of the folder, ready to be asked."""

    def __init__(self, path: Path, threads: int) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        self.session = onnxruntime.InferenceSession(
            str(path), options, providers=["CPUExecutionProvider"]
        )
        self.about = json.loads((HERE / "preprocess.json").read_text(encoding="utf-8"))
        self.labels = (HERE / "labels.txt").read_text(encoding="utf-8").splitlines()
        self.whole = self.session.get_inputs()[0].type == "tensor(uint8)"  # preprocessing inside

    def prepare(self, image: Image.Image) -> np.ndarray:
        """Resize an upright RGB image to the square, and normalise it: (3, S, S)."""
        side, kernel = self.about["input_px"], KERNELS[self.about["interpolation"]]
        image = image.resize((side, image.height), kernel).resize((side, side), kernel)
        pixels = np.asarray(image, np.float32).transpose(2, 0, 1) / np.float32(255)
        mean, std = (np.array(self.about[key], np.float32)[:, None, None]
                     for key in ("mean", "std"))
        return (pixels - mean) / std

    def look(self, image: Image.Image) -> np.ndarray:
        """Return the logits (classes, S, S) of an upright RGB image."""
        given = np.asarray(image) if self.whole else self.prepare(image)
        return self.session.run(None, {self.session.get_inputs()[0].name: given[None]})[0][0]


def read(path: Path) -> Image.Image:
    """Open an image upright, in RGB."""
    image = ImageOps.exif_transpose(Image.open(path))
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image)
    return image.convert("RGB")


def classes_of(logits: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Return the class of each pixel of an image of that size, (height, width)."""
    planes = [np.asarray(Image.fromarray(plane).resize(size, Image.Resampling.BILINEAR))
              for plane in logits]
    return np.stack(planes).argmax(axis=0).astype(np.uint8)


def answer(segmenter: Segmenter, path: Path, drawn: Path | None, masks: Path | None) -> dict:
    """Name the classes of one file's pixels, and save them where asked."""
    image = read(path)
    classes = classes_of(segmenter.look(image), image.size)
    shares = np.bincount(classes.ravel(), minlength=len(segmenter.labels)) / classes.size
    if masks is not None:
        masks.mkdir(parents=True, exist_ok=True)
        Image.fromarray(classes).save(masks / f"{path.stem}.png")
    if drawn is not None:
        drawn.mkdir(parents=True, exist_ok=True)
        colours = np.array(segmenter.about["colours"], np.float32)[classes]
        mixed = 0.45 * np.asarray(image, np.float32) + 0.55 * colours
        Image.fromarray(mixed.round().astype(np.uint8)).save(drawn / f"{path.stem}.png")
    return {"image": str(path), "pixels": [
        {"name": segmenter.labels[i], "share": round(float(shares[i]), 4)}
        for i in np.argsort(-shares) if shares[i] >= 0.001
    ]}


def selftest(folder: Path, threads: int) -> int:
    """Compare the classes of every model with those that it must give; return the exit code."""
    wrong = 0
    with np.load(folder / "testvectors.npz", allow_pickle=False) as vectors:
        images = [Image.fromarray(vectors[f"image_{i}"])
                  for i in range(sum(name.startswith("image_") for name in vectors.files))]
        for name in vectors.files:
            if not name.startswith("classes/"):
                continue
            segmenter = Segmenter(folder / name.removeprefix("classes/"), threads)
            found = np.stack([segmenter.look(image).argmax(axis=0) for image in images])
            same = float((found == vectors[name]).mean())
            wrong += same < LEAST_SAME
            print(f"{name.removeprefix('classes/')}: {'pass' if same >= LEAST_SAME else 'FAIL'}: "
                  f"{100 * same:.2f} % of the pixels as they must be")
    return 3 if wrong else 0


def main() -> int:
    """Do what the command line asks."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("images", nargs="*", type=Path)
    parser.add_argument("--model", type=Path, default=HERE / "model.onnx")
    parser.add_argument("--draw", type=Path, metavar="FOLDER", help="save painted images")
    parser.add_argument("--masks", type=Path, metavar="FOLDER", help="save masks of class numbers")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--selftest", action="store_true")
    parser.add_argument("--time", action="store_true", help="time the model")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    if options.selftest:
        return selftest(HERE, options.threads)
    if not options.images and not options.time:
        parser.error("name images, or pass --selftest or --time")
    segmenter = Segmenter(options.model, options.threads)
    if options.time:
        image, spent = Image.new("RGB", (640, 480), "grey"), []
        for _ in range(25):
            began = time.perf_counter()
            segmenter.look(image)
            spent.append(1000 * (time.perf_counter() - began))
        print(f"{options.model.name}: {np.median(spent[5:]):.1f} ms an image of 640 x 480, resize "
              f"included, {options.threads} thread(s)")
    code = 0
    for path in options.images:
        try:
            found = answer(segmenter, path, options.draw, options.masks)
        except OSError as error:
            print(f"error: {path}: must be an image, got: {error}", file=sys.stderr)
            code = 2
            continue
        told = ", ".join(f"{one['name']} {100 * one['share']:.0f} %" for one in found["pixels"]
                         if one["share"] >= 0.01)
        print(json.dumps(found) if options.json else f"{path}: {told}")
    return code


if __name__ == "__main__":
    sys.exit(main())
