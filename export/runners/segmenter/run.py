"""Paints the classes of an image's pixels with an exported segmenter.

    python run.py photo.jpg --draw painted/
    python run.py photo.jpg --masks masks/
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import numpy as np
import onnxruntime
from PIL import Image, ImageOps

HERE = Path(__file__).resolve().parent
KERNELS = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}


def main() -> int:
    """Do what the command line asks."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("images", nargs="+", type=Path)
    parser.add_argument("--model", type=Path, default=HERE / "model.onnx")
    parser.add_argument("--draw", type=Path, metavar="FOLDER", help="save painted images")
    parser.add_argument("--masks", type=Path, metavar="FOLDER", help="save masks of class numbers")
    options = parser.parse_args()
    about = json.loads((HERE / "preprocess.json").read_text(encoding="utf-8"))
    labels = (HERE / "labels.txt").read_text(encoding="utf-8").splitlines()
    session = onnxruntime.InferenceSession(str(options.model), providers=["CPUExecutionProvider"])
    code = 0
    for path in options.images:
        try:
            image = ImageOps.exif_transpose(Image.open(path)).convert("RGB")
        except OSError as error:
            print(f"error: {path}: must be an image, got: {error}", file=sys.stderr)
            code = 2
            continue
        side, kernel = about["input_px"], KERNELS[about["interpolation"]]
        square = image.resize((side, image.height), kernel).resize((side, side), kernel)
        pixels = np.asarray(square, np.float32).transpose(2, 0, 1) / np.float32(255)
        mean, std = (np.array(about[key], np.float32)[:, None, None] for key in ("mean", "std"))
        name = session.get_inputs()[0].name
        logits = session.run(None, {name: ((pixels - mean) / std)[None]})[0][0]
        planes = [np.asarray(Image.fromarray(plane).resize(image.size, Image.Resampling.BILINEAR))
                  for plane in logits]
        answer = np.stack(planes).argmax(axis=0).astype(np.uint8)
        shares = np.bincount(answer.ravel(), minlength=len(labels)) / answer.size
        order = np.argsort(-shares)
        told = ", ".join(f"{labels[i]} {100 * shares[i]:.0f} %" for i in order if shares[i] >= 0.01)
        print(f"{path}: {told}")
        for folder, picture in ((options.masks, answer), (options.draw, None)):
            if folder is None:
                continue
            folder.mkdir(parents=True, exist_ok=True)
            if picture is None:
                table = np.array(about["colours"], np.float32)
                mixed = 0.45 * np.asarray(image, np.float32) + 0.55 * table[answer]
                picture = mixed.round().astype(np.uint8)
            Image.fromarray(picture).save(folder / f"{path.stem}.png")
    return code


if __name__ == "__main__":
    sys.exit(main())
