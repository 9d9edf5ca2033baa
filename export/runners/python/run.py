#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the models of this folder on a device: no torch, no edgessl.

    python run.py IMAGE...              the most likely classes of each image
    python run.py --model FILE IMAGE... through another of the models
    python run.py --selftest            do the models answer here as they did where they were made?
    python run.py --enrol NAME IMAGE... add a class from a few images, without training; it is kept
                                        in enrolled.json (for exports with --head prototypes)
    python run.py --forget NAME         take such a class away
    python run.py --bench --json FILE   latency, in the terms of `edgessl bench`

Needs Python 3.9 and what requirements.txt lists: numpy, pillow, onnxruntime; models for another
runtime (.xml, .param, .tflite, .pte) need that one instead, and runtimes.py. Labels and
preprocessing are read from the model file itself, so one model and this script are enough to run.
Exit codes: 0 done; 2 something asked for cannot be used; 3 the self-test failed; 130 interrupted.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import re
import signal
import subprocess
import sys
import time
import warnings
from importlib.metadata import PackageNotFoundError, version
from io import BytesIO
from pathlib import Path

try:
    import numpy as np
    from PIL import Image
except ImportError as missing:
    print(f"error: {missing}; run: python -m pip install -r requirements.txt", file=sys.stderr)
    sys.exit(2)

HERE = Path(__file__).resolve().parent
PREFERRED = (
    "model.onnx", "model.batch1.onnx", "model.e2e.onnx", "model.int8.onnx", "model.ort",
    "model.xml", "model.ncnn.param", "model.tflite", "model.pte",
)  # fmt: skip
OF_DEVICES = (".xml", ".param", ".tflite", ".pte")  # runtimes.py opens these
RUN_HERE = (".onnx", ".ort", *OF_DEVICES)
PROVIDER = "CPUExecutionProvider"
TOP = 5
AROUND = (
    "run.py", "runtimes.py", "requirements.txt", "labels.txt", "preprocess.json", "testvectors.npz",
)  # fmt: skip
MODELS = (
    *PREFERRED, "model.e2e.int8.onnx", "model.torchscript", "model.pt2",
    "model.bin", "model.fp16.xml", "model.fp16.bin", "model.int8.xml", "model.int8.bin",
    "model.ncnn.bin", "model.ncnn.json", "model.ncnn.fp16.param", "model.ncnn.fp16.bin",
    "model.ncnn.fp16.json", "model.fp16.tflite", "model.int8.tflite", "model.int8.pte",
)  # fmt: skip
NAME = r"(?:(?:web|cpp)/)?(?:vendor/)?[A-Za-z0-9_-][A-Za-z0-9_.-]*"  # no path leaves the folder


class UserError(Exception):
    """Something asked for cannot be used; the message says what must hold, and the way out."""


# --- images: the same arithmetic as training's evaluation, bit for bit ---------------------------

FORMATS = ("JPEG", "PNG", "WEBP", "AVIF", "BMP", "DIB", "GIF", "TIFF", "PPM", "JPEG2000")
FILTERS = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}
ORIENTATION_TAG = 0x0112
UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
MIN_SIDE_PX = 8
MAX_PIXELS = 89_478_485
Image.MAX_IMAGE_PIXELS = None  # MAX_PIXELS is checked here, with one clear line


def read_image(path, value_range=None):
    """Read a file as an upright 8-bit RGB image.

    Grey, CMYK, palette, 16-bit, float, transparent (on white) and animated (first frame) images
    are converted; the EXIF orientation is applied. Values of more than 8 bits are scaled as those
    of the training images were, which "value_range" in preprocess.json tells.
    """
    way_out = "leave it out or replace it"
    try:
        if not Path(path).is_file():  # opening a named pipe would wait for ever
            raise ValueError("missing, or not a file")
        Image.init()
        known = [name for name in FORMATS if name in Image.OPEN]  # AVIF came with Pillow 11.3
        content = Path(path).read_bytes()
        image = Image.open(BytesIO(content), formats=known)
        width, height = image.size
        if min(width, height) < MIN_SIDE_PX or width * height > MAX_PIXELS:
            raise ValueError(f"{width}x{height} pixels")
        deep = _deep(image, lambda: Image.open(BytesIO(content), formats=known))
        image.load()
        orientation = _orientation(image)
        image = _to_rgb(image) if deep is None else _deep_to_rgb(*deep, value_range or {})
    except OSError as error:  # Pillow's UnidentifiedImageError is one
        reason = error.strerror or " ".join(str(error).split())[:80]
        raise UserError(f"{path}: must be an image, got: {reason}; {way_out}") from error
    except Exception as error:  # decoders of damaged files raise nearly anything
        reason = " ".join(str(error).split())[:80] or type(error).__name__
        raise UserError(f"{path}: must be an image, got: {reason}; {way_out}") from error
    return image.transpose(UPRIGHT[orientation]) if orientation in UPRIGHT else image


def _orientation(image):
    try:
        value = image.getexif().get(ORIENTATION_TAG, 1)
    except Exception:  # a damaged EXIF block says nothing; the pixels are fine
        return 1
    return value if isinstance(value, int) else 1


def _to_rgb(image):
    if image.mode == "RGB" and "transparency" not in image.info:
        return image
    if image.has_transparency_data:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        return Image.alpha_composite(white, image).convert("RGB")
    return image.convert("RGB")


OTHER_ORDER = {
    ";16B": ";16L", ";16L": ";16B", ";16N": ";16B" if sys.byteorder == "little" else ";16L",
}  # fmt: skip


def _deep(image, again):
    """Return (values, opacity or None, kind) where a channel has more than 8 bits, else None.

    Pillow keeps the upper byte of 16-bit colours; its decoder of the other order finds the lower.
    """
    if image.mode.startswith(("I", "F")):
        image.load()
        return np.asarray(image), None, "floats" if image.mode == "F" else "integers"
    modes = [_rawmode(tile[3]) for tile in getattr(image, "tile", ())]
    wide = bool(modes) and all(mode.endswith(tuple(OTHER_ORDER)) for mode in modes)
    if not wide or image.format not in ("PNG", "TIFF") or "transparency" in image.info:
        return None
    if modes[0] == "LA;16B":  # grey and opacity, two bytes each, read as four channels
        codec, extents, offset, _ = image.tile[0]
        image._mode, image.tile = "RGBA", [(codec, extents, offset, "RGBA")]
        image.load()
        pixels = np.asarray(image)
        upper, lower = pixels[..., 0::2], pixels[..., 1::2]
    else:
        other = again()
        other.tile = [(*tile[:3], _in_other_order(tile[3])) for tile in other.tile]
        image.load()
        other.load()
        upper, lower = np.asarray(image), np.asarray(other)
    values = (upper.astype(np.uint16) << 8) | lower
    if values.shape[2] == 2:
        return values[..., 0], upper[..., 1].copy(), "integers"
    return values[..., :3], upper[..., 3].copy() if values.shape[2] == 4 else None, "integers"


def _rawmode(arguments):
    return str(arguments[0] if isinstance(arguments, tuple) else arguments)


def _in_other_order(arguments):
    rawmode = _rawmode(arguments)
    swapped = rawmode[:-4] + OTHER_ORDER[rawmode[-4:]]
    return (swapped, *arguments[1:]) if isinstance(arguments, tuple) else swapped


def _deep_to_rgb(values, opacity, kind, value_range):
    """Scale (H, W) or (H, W, 3) to 8 bits; what lies outside of the range is clipped."""
    values = values.astype(np.float64)
    if not np.isfinite(values).all():
        raise ValueError("infinite or undefined pixel values")
    low, high = value_range.get(kind) or _range_alone(values.min(), values.max(), kind)
    scaled = np.rint(((values - low) * (255.0 / (high - low))).clip(0.0, 255.0)).astype(np.uint8)
    image = Image.fromarray(scaled).convert("RGB")
    if opacity is None:
        return image
    white = Image.new("RGBA", image.size, "white")
    image.putalpha(Image.fromarray(opacity))
    return Image.alpha_composite(white, image).convert("RGB")


def _range_alone(low, high, kind):
    """Judge a file by itself, where the training images had 8 bits: the depth that holds it."""
    low, high = float(low), float(high)
    if kind == "floats" and low >= -1 and high <= 1:
        return (0.0, 1.0) if low >= 0 else (-1.0, 1.0)
    if low < 0 or high > 65535 or (kind == "floats" and high < 32):
        return low, max(high, low + 1)
    return 0.0, float(next(2**bits - 1 for bits in (8, 10, 12, 14, 16) if high <= 2**bits - 1))


def crop_pixels(image, preprocess):
    """Resize the short side and crop the centre: RGB image -> (3, S, S) uint8."""
    width, height = image.size
    short, side, crop = min(width, height), preprocess["resize_px"], preprocess["crop_px"]
    new_width = side if width == short else int(side * width / short)
    new_height = side if height == short else int(side * height / short)
    if (new_width, new_height) != (width, height):
        kernel = FILTERS[preprocess["interpolation"]]
        # Width first: in one call, Pillow's order of a tall image depends on its version.
        image = image.resize((new_width, height), kernel).resize((new_width, new_height), kernel)
    left, top = round((new_width - crop) / 2.0), round((new_height - crop) / 2.0)  # half to even
    image = image.crop((left, top, left + crop, top + crop))
    return np.ascontiguousarray(np.asarray(image, dtype=np.uint8).transpose(2, 0, 1))


def normalise(pixels, preprocess):
    """Scale (..., 3, S, S) uint8 to [0, 1] and normalise per channel, in float32."""
    mean = np.asarray(preprocess["mean"], dtype=np.float32)[:, None, None]
    std = np.asarray(preprocess["std"], dtype=np.float32)[:, None, None]
    return (pixels.astype(np.float32) / np.float32(255.0) - mean) / std


# --- models --------------------------------------------------------------------------------------


def usable_cores():
    """Return the cores this process may use: its affinity, cut down to the container's quota."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    quota = cores_quota()
    return max(1, min(cores or 1, -int(-quota // 1))) if quota else cores or 1


def cores_quota():
    """Return the container's CPU quota in cores; None where there is no limit."""
    version2, folder = Path("/sys/fs/cgroup/cpu.max"), Path("/sys/fs/cgroup/cpu")
    try:
        if version2.is_file():
            quota, period = version2.read_text().split()
            return None if quota == "max" else int(quota) / int(period)
        micros = int((folder / "cpu.cfs_quota_us").read_text())
        return None if micros <= 0 else micros / int((folder / "cpu.cfs_period_us").read_text())
    except (OSError, ValueError):
        return None


def open_session(path, threads=None):
    """Open a model with the options its accuracy was measured with."""
    if not Path(path).is_file():
        raise UserError(f"{path}: must be a model file, found none; check the path")
    if Path(path).suffix.lower() not in (".onnx", ".ort"):
        raise UserError(f"{path}: must end in .onnx or .ort; others need torch: edgessl predict")
    onnxruntime = _onnxruntime()
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # onnxruntime's own lines; failures arrive as exceptions
    options.intra_op_num_threads = threads or usable_cores()
    options.inter_op_num_threads = 1
    # Spinning threads burn a core while they wait, and slow each other down on a busy machine.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.inter_op.allow_spinning", "0")
    try:
        return onnxruntime.InferenceSession(
            str(path), options, providers=[PROVIDER], enable_fallback=0  # it would print
        )
    except Exception as error:  # each of onnxruntime's derives from Exception directly
        reason = " ".join(str(error).split())[:200]
        raise UserError(
            f"{path}: must be a model that onnxruntime {onnxruntime.__version__} loads, got: "
            f"{reason}; install what requirements.txt lists"
        ) from error


def _onnxruntime():
    """Import onnxruntime, which models for another runtime do without."""
    try:
        import onnxruntime
    except ImportError as missing:
        raise UserError(f"{missing}; run: python -m pip install -r requirements.txt") from missing
    return onnxruntime


class _OnnxNetwork:
    """A model that onnxruntime runs, in the shape that runtimes.py gives the others."""

    def __init__(self, path, threads):
        self.session = open_session(path, threads)
        self.input = self.session.get_inputs()[0]
        self.whole = self.input.type == "tensor(uint8)"  # preprocessing is inside
        self.package, self.version, self.computes = "onnxruntime", _onnxruntime().__version__, None

    def about(self):
        """Return what edgessl wrote into the file, as JSON; empty if nothing."""
        return self.session.get_modelmeta().custom_metadata_map.get("edgessl", "")

    def random_input(self, _text):
        """Make one random input of the shape that the model takes."""
        generator = np.random.default_rng(0)
        if self.whole:  # (B, H, W, 3) of any size
            sides = [side if isinstance(side, int) else None for side in self.input.shape[1:3]]
            height, width = sides[0] or PHOTO[0], sides[1] or PHOTO[1]
            return generator.integers(0, 256, (1, height, width, 3), dtype=np.uint8)
        return generator.standard_normal([1, *self.input.shape[1:]], dtype=np.float32)

    def answer(self, batch):
        """Run a batch; the output (B, K)."""
        return self.answers(batch)[0]

    def answers(self, batch):
        """Run a batch; every output, of which a file with prototypes has features (B, D) too."""
        return self.session.run(None, {self.input.name: batch})


class _DeviceNetwork:
    """A model for another runtime."""

    whole = False

    def __init__(self, path, threads):
        try:
            import runtimes
        except ImportError as missing:
            raise UserError(
                f"{path}: must have runtimes.py beside run.py, got: {missing}; copy the folder"
            ) from missing
        self.path, self.read_about = path, runtimes.read_about
        try:
            self.network = runtimes.Network(path, threads or usable_cores())
        except runtimes.CannotRun as error:
            raise UserError(str(error)) from error
        self.package, self.version = self.network.package, self.network.version
        self.computes, self.answer = self.network.computes, self.network.answer

    def answers(self, batch):
        """Run a batch; its one output (B, K)."""
        return [self.answer(batch)]

    def about(self):
        """Return what edgessl wrote into, or beside, the file, as JSON; empty if nothing."""
        return self.read_about(self.path)

    def random_input(self, text):
        """Make one random input of the shape that the model takes."""
        side = int(json.loads(text)["input_px"])
        return np.random.default_rng(0).standard_normal((1, 3, side, side), dtype=np.float32)


def open_network(path, threads=None):
    """Open a model in the runtime that its suffix asks for."""
    kind = _DeviceNetwork if Path(path).suffix.lower() in OF_DEVICES else _OnnxNetwork
    return kind(path, threads)


class Model:
    """A model file with what it says about itself."""

    def __init__(self, path, threads=None, enrolled=True):
        self.path = Path(path)
        self.network = open_network(path, threads)
        self.added = None  # weights (M, D) of the classes that were added here
        try:
            text = self.network.about()
            about = json.loads(text) if text else None
            if about is not None:
                self.head, self.classes = str(about["head"]), [str(c) for c in about["classes"]]
                self.preprocess = checked_preprocess(about["preprocess"])
                self.thresholds = checked_thresholds(about.get("thresholds"), self.classes)
                self.reject_below = checked_share(about.get("reject_below"))
                self.prototypes = checked_prototypes(about.get("prototypes"))
        except Exception as error:  # a damaged file may say anything
            raise UserError(
                f"{path}: must say its labels and preprocessing, got damaged ones "
                f"({_reason(error)}); copy the file again"
            ) from error
        if about is None:
            raise UserError(f"{path}: must carry labels; pass a file that `edgessl export` wrote")
        self.whole = self.network.whole  # preprocessing is inside
        self.trained = len(self.classes)
        if enrolled and self.prototypes:
            self._add(read_enrolled(self))

    def _add(self, entries):
        if not entries:
            return
        self.classes = self.classes[: self.trained] + [entry["name"] for entry in entries]
        sums = np.array([entry["sum"] for entry in entries], dtype=np.float64)
        lengths = np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-12)
        gains = np.array([[gain(entry["images"], self.prototypes)] for entry in entries])
        self.added = (self.prototypes["scale"] * gains * sums / lengths).astype(np.float32)

    def run(self, image):
        """Upright RGB image -> output (K,)."""
        return self.outputs(image)[0]

    def outputs(self, image):
        """Upright RGB image -> output (K,), and features (D,) of a model with prototypes."""
        features = None
        try:
            if self.whole:
                batch = np.asarray(image, dtype=np.uint8)[None]  # (1, H, W, 3)
            else:
                batch = normalise(crop_pixels(image, self.preprocess)[None], self.preprocess)
            found = self.network.answers(batch)
            output = found[0][0]
            if self.prototypes:
                features = found[1][0]
                if self.added is not None:
                    output = np.concatenate([output, self.added @ features])
            width = output.shape[0] if output.ndim == 1 else None
        except Exception as error:  # each of onnxruntime's derives from Exception directly
            raise UserError(
                f"{self.path}: must run on an image, got: {_reason(error)}; copy the file again"
            ) from error
        if width is None or (self.head != "features" and width != len(self.classes)):
            raise UserError(
                f"{self.path}: must give one number for each of its {len(self.classes)} classes, "
                f"got shape {output.shape}; copy the file again"
            )
        if not np.isfinite(output).all():
            raise UserError(
                f"{self.path}: must answer with finite numbers, got others; "
                "copy the file again, or export a network that did not diverge"
            )
        return output, features


def checked_preprocess(values):
    """Return how an image becomes the input, as plain values; ValueError for anything else."""
    sides = [values[key] for key in ("resize_px", "crop_px")]
    if not all(type(side) is int and 1 <= side <= 65536 for side in sides):
        raise ValueError("resize_px and crop_px must be pixels")
    if values["interpolation"] not in FILTERS:
        raise ValueError(f"interpolation must be one of {', '.join(FILTERS)}")
    mean, std = (np.asarray(values[key], dtype=np.float64) for key in ("mean", "std"))
    three = mean.shape == std.shape == (3,)
    if not three or not np.isfinite(mean).all() or not (std > 0).all():
        raise ValueError("mean and std must be three numbers each")
    for low, high in (values.get("value_range") or {}).values():
        if not (np.isfinite([low, high]).all() and low < high):
            raise ValueError("value_range must rise")
    return values


def checked_thresholds(values, classes):
    """Return from which probability on each class is shown; none where an image has one class."""
    values = [float(one) for one in values or ()]
    if values and (len(values) != len(classes) or not all(0 <= one <= 1 for one in values)):
        raise ValueError("thresholds must be a probability for each class")
    return values


def checked_prototypes(values):
    """Return what the class vectors are, or None for a model without; ValueError otherwise."""
    if values is None:
        return None
    scale, dim, resultant = values["scale"], values["dim"], values["resultant"]
    real = all(type(one) in (int, float) for one in (scale, resultant))
    if not (real and scale > 0 and 0 < resultant <= 1 and type(dim) is int and dim > 0):
        raise ValueError("prototypes must have a scale, a resultant and a dim")
    return {"space": str(values["space"]), "scale": scale, "dim": dim, "resultant": resultant}


def checked_share(value):
    """Return a number in (0, 1], or None where there is none; ValueError for anything else."""
    if value is not None and not (type(value) in (int, float) and 0 < value <= 1):
        raise ValueError("reject_below must be above 0 and up to 1")
    return value


def _reason(error):
    return " ".join(str(error).split())[:160] or type(error).__name__


def default_model():
    """Return the first of the models that lies beside this script."""
    found = [HERE / name for name in PREFERRED if (HERE / name).is_file()]
    found = found or sorted(path for path in HERE.glob("*") if path.suffix in RUN_HERE)
    if not found:
        raise UserError(f"{HERE}: must hold a model such as model.onnx, found none; pass --model")
    return found[0]


def all_models():
    """Return every model beside this script that it runs."""
    found = [path for path in sorted(HERE.glob("model*")) if path.suffix in RUN_HERE]
    return [path for path in found if ".failed." not in path.name] or [default_model()]


def predict(model, paths, top):
    """Print the most likely classes of images; every bad image is named at the end."""
    mistakes = []
    for path in paths:
        try:
            output = model.run(read_image(path, model.preprocess.get("value_range")))
        except UserError as error:
            mistakes.append(str(error))
            continue
        print(f"{path}: {describe(model, output, top)}")
    if mistakes:
        raise UserError("\n".join(mistakes))


def describe(model, output, top):
    """Put an output (K,) into words."""
    if model.head == "features":
        first = ", ".join(f"{value:.4f}" for value in output[:5])
        return f"{len(output)} features, norm {np.linalg.norm(output):.4f}, first {first}"
    if model.thresholds:
        return describe_several(model, output)
    shares = output if model.head == "probs" else softmax(output)
    best = np.argsort(-shares, kind="stable")[:top]
    told = ", ".join(f"{model.classes[index]} {100 * shares[index]:.1f} %" for index in best)
    unsure = model.reject_below is not None and shares[best[0]] < model.reject_below
    return f"none of these ({told})" if unsure else told


def describe_several(model, output):
    """Name every class from its threshold on, or say that there is none."""
    with np.errstate(over="ignore"):
        shares = output if model.head == "probs" else 1 / (1 + np.exp(-output.astype(np.float64)))
    order = np.argsort(-shares, kind="stable")
    shown = [index for index in order if shares[index] >= model.thresholds[index]]
    if not shown:
        near = order[0]
        told = f"{model.classes[near]} {100 * shares[near]:.1f} %"
        level = f"shown from {100 * model.thresholds[near]:.1f} % on"
        return f"none of the classes (likeliest: {told}, {level})"
    return ", ".join(f"{model.classes[index]} {100 * shares[index]:.1f} %" for index in shown)


def softmax(logits):
    """Logits (K,) -> probabilities (K,)."""
    exponents = np.exp(logits - logits.max())
    return exponents / exponents.sum()


# --- classes that are added here -----------------------------------------------------------------

ENROLLED = "enrolled.json"
CONTROLS = {*range(32), *range(127, 160)}


def gain(images, prototypes):
    """Make up for half of what cosines lose where a class was learned from few images."""
    squared = images * prototypes["resultant"] ** 2
    return ((squared + 1 - prototypes["resultant"] ** 2) / squared) ** 0.25


def read_enrolled(model):
    """Return the classes that were added beside a model: name, images, sum of their features."""
    path = model.path.parent / ENROLLED
    if not path.is_file():
        return []
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        if document["schema"] != 1:
            raise ValueError("written by a newer edgessl")
        entries = [_checked_entry(entry, model.prototypes["dim"]) for entry in document["classes"]]
        names = [*model.classes[: model.trained], *(entry["name"] for entry in entries)]
        if len(set(names)) != len(names):
            raise ValueError("a class is named twice")
    except Exception as error:  # a damaged file may say anything
        raise UserError(
            f"{path}: must hold classes as --enrol writes them, got something else "
            f"({_reason(error)}); move it away and enrol again"
        ) from error
    if document["space"] != model.prototypes["space"]:
        raise UserError(
            f"{path}: must hold classes of {model.path.name}, got those of another network; "
            "move it away and enrol again"
        )
    return entries


def _checked_entry(entry, dim):
    name, images, total = entry["name"], entry["images"], entry["sum"]
    if len(total) != dim or not np.isfinite(np.array(total, dtype=np.float64)).all():
        raise ValueError(f"a vector must have {dim} numbers")
    if type(images) is not int or images < 1:
        raise ValueError("images must be a count")
    return {"name": _checked_name(name), "images": images, "sum": [float(one) for one in total]}


def _checked_name(name):
    if type(name) is not str or not name.strip() or CONTROLS.intersection(map(ord, name)):
        raise ValueError("a class must have a printable name")
    return name


def enrol(model, name, paths):
    """Add a class, or images to one that was added; nothing is written if an image is bad."""
    _refuse_fixed(model, "--enrol")
    try:
        _checked_name(name)
    except ValueError as error:
        raise UserError(f"--enrol: {error}, got {name!a}") from error
    if name in model.classes[: model.trained]:
        raise UserError(
            f"--enrol: must be a new name, got '{name}', which the model was trained on; "
            "choose another one"
        )
    if not paths:
        raise UserError("--enrol: must be followed by a name and at least one image; five are good")
    mistakes, features = [], []
    for path in paths:
        try:
            image = read_image(path, model.preprocess.get("value_range"))
            features.append(model.outputs(image)[1])
        except UserError as error:
            mistakes.append(str(error))
    if mistakes:
        raise UserError("\n".join(mistakes))
    entries = read_enrolled(model)
    entry = next((one for one in entries if one["name"] == name), None)
    if entry is None:
        entry = {"name": name, "images": 0, "sum": [0.0] * model.prototypes["dim"]}
        entries.append(entry)
    total = np.array(entry["sum"]) + np.sum(features, axis=0, dtype=np.float64)
    entry["images"] += len(features)
    entry["sum"] = [round(float(one), 6) for one in total]
    path = _write_enrolled(model, entries)
    print(f"'{name}' is known from {entry['images']} image(s); kept in {path}")


def forget(model, name):
    """Take an added class away."""
    _refuse_fixed(model, "--forget")
    entries = read_enrolled(model)
    kept = [entry for entry in entries if entry["name"] != name]
    if len(kept) == len(entries):
        there = ", ".join(entry["name"] for entry in entries) or "none"
        raise UserError(f"--forget: must be a class that was added ({there}), got '{name}'")
    path = _write_enrolled(model, kept)
    print(f"'{name}' is forgotten; {len(kept)} added class(es) left in {path}")


def _refuse_fixed(model, option):
    if not model.prototypes:
        raise UserError(
            f"{option}: must come with a model that classes can be added to, got "
            f"{model.path.name}; export it with --head prototypes"
        )


def _write_enrolled(model, entries):
    path = model.path.parent / ENROLLED
    document = {"schema": 1, "space": model.prototypes["space"], "classes": entries}
    aside = path.with_suffix(".json.new")
    try:
        aside.write_text(json.dumps(document, ensure_ascii=False) + "\n", encoding="utf-8")
        os.replace(aside, path)
    except OSError as error:
        raise UserError(f"{path}: must be writable, got: {error.strerror}; free it") from error
    return path


# --- self-test -----------------------------------------------------------------------------------

RAN = set()  # the runtimes that the self-test has used


def selftest():
    """Run the test vectors through every model; return whether all passed."""
    path = HERE / "testvectors.npz"
    if not path.is_file():
        raise UserError(f"{path}: must be there for --selftest, found none; copy the whole folder")
    try:
        vectors, about, images = _read_vectors(path)
    except Exception as error:  # zip, npy and JSON each have errors of their own
        results = [
            _guarded("files", _damaged, ()),
            _tell(False, f"{path.name}: must be whole, got a damaged one ({_reason(error)}); "
                         "copy it again"),
        ]  # fmt: skip
    else:
        print(f"{len(images)} test images: {about['source']}")
        results = [
            _guarded("files", _damaged, about["models"]),
            _guarded("preprocessing", _preprocessing, images, vectors["pixels"],
                     about["preprocess"]),
        ]  # fmt: skip
        answers = [
            _guarded(name, _same_answers, name, images, vectors, rule, about["head"])
            for name, rule in about["models"].items()
        ]
        if all(answer is None for answer in answers):
            none = f"models: none is beside {path.name}; copy the whole folder"
            answers.append(_tell(False, none))
        results += answers
    failed = results.count(False)
    verdict = "every check passed" if not failed else f"{failed} check(s) FAILED"
    print(f"self-test: {verdict} ({', '.join(sorted(RAN)) or 'nothing ran'}, {platform.machine()})")
    return not failed


def _read_vectors(path):
    """Return the arrays, what they are about, and the images, each (H, W, 3) uint8."""
    with np.load(BytesIO(path.read_bytes()), allow_pickle=False) as file:
        vectors = dict(file)
    about = json.loads(str(vectors["about"]))
    for name in about["models"]:
        if not re.fullmatch(NAME, name):
            raise ValueError(f"{name!r} is no name of a model")
    images = [vectors[f"image_{i}"] for i in range(about["images"])]
    if not images or not all(i.ndim == 3 and i.dtype == np.uint8 for i in images):
        raise ValueError("the images are no pictures")
    checked_preprocess(about["preprocess"])
    str(about["source"]), str(about["head"]), vectors["pixels"]
    return vectors, about, images


def _guarded(what, check, *arguments):
    """Do a check; where what it reads is damaged it has failed."""
    try:
        return check(*arguments)
    except Exception as error:
        return _tell(False, f"{what}: cannot be checked, damaged ({_reason(error)}); copy it again")


def _damaged(tested):
    """Compare files with the manifest's checksums; files left out on purpose are no fault.

    What run.py reads must be listed: an entry that is gone would hide a change.
    """
    path = HERE / "manifest.json"
    if not path.is_file():
        print("  -     files: no manifest.json beside run.py, not checked")
        return None
    files = json.loads(path.read_text(encoding="utf-8"))["files"]
    strange = [name for name in files if not re.fullmatch(NAME, name)]
    if strange:
        return _tell(False, f"files: manifest.json has {strange[0]!r}, which is no name of a file")
    here = [name for name in (*AROUND, *MODELS) if (HERE / name).is_file()]
    unlisted = [name for name in dict.fromkeys((*here, *tested)) if name not in files]
    if unlisted:
        return _tell(False, f"files: manifest.json does not list {', '.join(unlisted)}; "
                            "copy the whole folder again, or export into an empty one")  # fmt: skip
    there = {name: HERE / name for name in files if (HERE / name).is_file()}
    bad = [name for name, at in there.items() if sha256(at) != files[name]["sha256"]]
    found = f"changed since the export: {', '.join(bad)}" if bad else f"{len(there)} as exported"
    missing = len(files) - len(there)
    return _tell(not bad, f"files, against manifest.json's sha256: {found}, {missing} not here")


def _preprocessing(images, expected, preprocess):
    pixels = np.stack([crop_pixels(Image.fromarray(image), preprocess) for image in images])
    levels = int(np.abs(pixels.astype(int) - expected.astype(int)).max())
    return _tell(
        levels == 0,
        "preprocessing, the pixels after resize and crop against those of the export: "
        f"differs by up to {levels} of 255 levels, limit 0",
    )


def _same_answers(name, images, vectors, rule, head):
    if not (HERE / name).is_file():
        print(f"  -     {name}: not here, not checked")
        return None
    try:
        model = Model(HERE / name, enrolled=False)  # as it was exported
        RAN.add(f"{model.network.package} {model.network.version}")
        got = np.stack([model.run(Image.fromarray(image)) for image in images])  # (N, K)
    except UserError as error:
        return _tell(False, str(error))
    expected = vectors[f"outputs/{name}"]
    if got.shape != expected.shape:
        return _tell(False, f"{name}: gives shape {got.shape}, must be {expected.shape}")
    worst = float(np.abs(got - expected).max())
    limit = rule["atol"] + rule["rtol"] * float(np.abs(expected).max())
    whose = {"checkpoint": "the checkpoint's", "itself": "its own at the export"}
    against = whose.get(rule.get("expected"), "those of the export")
    found = f"{name}, {head} against {against}: |d| up to {worst:.1e}, limit {limit:.1e}"
    changed = 0
    if head != "features":
        rows = np.arange(len(expected))
        margin = expected.max(axis=1) - expected[rows, got.argmax(axis=1)]
        changed = int((margin > limit).sum())  # not between classes as close as the limit
        same = int((got.argmax(axis=1) == expected.argmax(axis=1)).sum())
        found += f"; same top class on {same} of {len(expected)}"
        found += f", clearly another on {changed}" if changed else ""
    return _tell(worst <= limit and not changed, found)  # a NaN is no pass


def _tell(passed, finding):
    print(f"  {'pass' if passed else 'FAIL'}  {finding}")
    return bool(passed)


def sha256(path):
    """Return a file's checksum."""
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


# --- latency: the protocol and the keys of `edgessl bench` ---------------------------------------

LAUNCHES = 6  # fresh processes of each model; they differ by more than runs do
TURN_MS, MIN_TURN_RUNS, MAX_TURN_RUNS = 20.0, 5, 500
MIN_RUNS, MAX_SECONDS, MANY_RUNS = 300, 60.0, 10_000
MAX_WARMUP_RUNS, MAX_WARMUP_MS = 300, 15_000.0
PHOTO = (480, 640)  # (H, W) for models that take any size
FLAGS = (
    "sse4_2", "avx", "avx2", "fma", "avx512f", "avx512_vnni", "avx_vnni", "avx512_bf16", "amx_int8",
    "amx_bf16", "asimd", "asimddp", "asimdhp", "i8mm", "bf16", "sve",
)  # fmt: skip


def bench(paths, threads, min_seconds, launches):
    """Time models in turns, each in processes of its own; return one JSON document.

    The first model is timed twice: what it differs by from itself is noise. This program measures;
    `edgessl bench --import` grades the noise and compares the models.
    """
    protocol = {
        "provider": PROVIDER, "options": {}, "threads": threads, "launches": launches,
        "turn_ms": TURN_MS, "min_runs": MIN_RUNS, "min_seconds": min_seconds,
        "max_seconds": MAX_SECONDS,
    }  # fmt: skip
    timed = [*paths, paths[0]]
    records = [{"turns": [], "warmups": [], "reports": []} for _ in timed]
    machine = {"wall_s": 0.0, "foreign_s": 0.0, "steal_s": 0.0, "total_s": 0.0}
    for launch in range(launches):
        workers, backwards = [], launch % 2
        try:
            # The first to start gets the memory in the smallest pieces and stays slower.
            for path in reversed(timed) if backwards else timed:
                workers.append(_Worker(path, threads))
            workers = workers[::-1] if backwards else workers
            for worker, record in zip(workers, records):  # noqa: B905
                record["warmups"].append(_warm_up(worker))
            _take_turns(workers, records, protocol, machine)
            for worker, record in zip(workers, records):  # noqa: B905
                record["reports"].append(worker.ask(do="report"))
        finally:
            for worker in workers:
                worker.close()
    noise = {**_foreign(machine), "control_samples_ms": _rounded(records[-1]["turns"])}
    return {
        "schema": 1,
        "measured": time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime()),
        "device": describe_device(),
        "protocol": protocol,
        "models": [_summary(path, threads, record) for path, record in zip(paths, records)],  # noqa: B905
        "conditions": [{"threads": threads, "batch": 1, "noise": noise}],
    }


def _warm_up(worker):
    runs_ms = []
    while not _is_stable(runs_ms):
        if len(runs_ms) >= MAX_WARMUP_RUNS or sum(runs_ms) >= MAX_WARMUP_MS:
            break
        runs_ms += worker.ask(do="run", times=MIN_TURN_RUNS)
    return runs_ms


def _is_stable(runs_ms, window=10, tolerance=0.05):
    """Tell whether the last two windows have about the same median."""
    if len(runs_ms) < 2 * window:
        return False
    before, now = np.median(runs_ms[-2 * window : -window]), np.median(runs_ms[-window:])
    return bool(abs(now - before) <= tolerance * before)


def _take_turns(workers, records, protocol, machine):
    """Let the models take turns of about the same time until each has enough of this launch."""
    medians = [float(np.median(record["warmups"][-1][-MIN_TURN_RUNS:])) for record in records]
    longest_ms = max(TURN_MS, MIN_TURN_RUNS * max(medians))
    lengths = [
        min(MAX_TURN_RUNS, max(MIN_TURN_RUNS, int(-(-longest_ms // one_ms)))) for one_ms in medians
    ]
    for record in records:
        record["turns"].append([])
    order = list(range(len(workers)))
    before, start, own_s = _processor_time(), time.perf_counter(), -_own_s(workers)
    while not all(_enough(record["turns"][-1], protocol) for record in records):
        for index in order:
            runs_ms = workers[index].ask(do="run", times=lengths[index])
            records[index]["turns"][-1].append(runs_ms)
        order.reverse()  # A B, B A: a drift of the machine cancels out
    machine["wall_s"] += time.perf_counter() - start
    after, own_s = _processor_time(), own_s + _own_s(workers)
    if before and after:
        busy_s, steal_s, total_s = (now - then for now, then in zip(after, before))  # noqa: B905
        machine["foreign_s"] += max(0.0, busy_s - own_s)
        machine["steal_s"] += steal_s
        machine["total_s"] += total_s


def _own_s(workers):
    """Return the processor seconds of this measurement so far."""
    return sum(worker.ask(do="report")["process_s"] for worker in workers) + time.process_time()


def _processor_time():
    """Return seconds busy, stolen by the hypervisor, and all, over all cores; None off Linux."""
    first = (_read("/proc/stat") or "").split("\n", 1)[0].split()
    if len(first) < 9:
        return None
    ticks = [int(field) / os.sysconf("SC_CLK_TCK") for field in first[1:9]]
    total, idle, steal = sum(ticks), ticks[3] + ticks[4], ticks[7]
    return total - idle - steal, steal, total


def _foreign(machine):
    """Return the cores that others kept busy, and the percent that the hypervisor took."""
    if not machine["total_s"]:
        return {"foreign_cores": None, "steal_percent": None}
    return {
        "foreign_cores": machine["foreign_s"] / machine["wall_s"],
        "steal_percent": 100 * machine["steal_s"] / machine["total_s"],
    }


def _enough(turns, protocol):
    """Tell whether a launch has its share of the runs and the time."""
    runs = protocol["launches"] * sum(map(len, turns))
    seconds = protocol["launches"] * sum(map(sum, turns)) / 1000
    if seconds >= protocol["max_seconds"]:
        return True
    return runs >= protocol["min_runs"] and (
        seconds >= protocol["min_seconds"] or runs >= MANY_RUNS
    )


def _summary(path, threads, record):
    runs_ms = [one for launch in record["turns"] for turn in launch for one in turn]
    p25, p50, p75, p90, p99 = (float(p) for p in np.percentile(runs_ms, (25, 50, 75, 90, 99)))
    count, reports, about = len(runs_ms), record["reports"], record["reports"][-1]
    keys = ("load_ms", "first_run_ms", "cores_obtained", "rss_before_load_mb", "rss_loaded_mb")
    medians = {key: _median([report[key] for report in reports]) for key in keys}
    stable = all(_is_stable(warmup) for warmup in record["warmups"])
    spread = 100 * (p75 - p25) / p50
    notes = [] if count >= 100 else [f"p90 needs 100 runs, got {count}"]
    notes += [] if count >= 300 else [f"p99 needs 300 runs, got {count}"]
    notes += [] if stable else ["latency was still moving after warm-up"]
    notes += [f"busy machine: the middle half spreads over {spread:.0f} %"] if spread > 30 else []
    cores = medians["cores_obtained"]
    idle = threads > 1 and cores < 0.6 * threads
    notes += [f"{threads} threads kept only {cores:.2f} cores busy"] if idle else []
    peaks = [report["peak_rss_mb"] for report in reports]
    return {
        "path": str(path), "name": path.name, "size_mb": path.stat().st_size / 1e6,
        "sha256": sha256(path), "threads": threads, "batch": 1, "runs": count,
        "p50_ms": p50, "p90_ms": p90 if count >= 100 else None,
        "p99_ms": p99 if count >= 300 else None,
        "min_ms": min(runs_ms), "mean_ms": sum(runs_ms) / count, "iqr_percent": spread,
        "images_per_s": 1000 * count / sum(runs_ms),
        "warmup_runs": max(map(len, record["warmups"])), "warmup_stable": stable,
        **medians,
        "peak_rss_mb": None if None in peaks else max(peaks),
        **{key: about[key] for key in ("runtime", "input", "torch_loaded")},
        **{key: about[key] for key in ("version", "computes") if key in about},
        **_accuracy(about["metadata"]),
        "loads_ms": [report["load_ms"] for report in reports],
        "first_runs_ms": [report["first_run_ms"] for report in reports],
        "samples_ms": _rounded(record["turns"]),
        "notes": notes,
    }  # fmt: skip


def _median(values):
    return None if None in values else float(np.median(values))


def _rounded(turns):
    return [[[round(one, 4) for one in turn] for turn in launch] for launch in turns]


def _accuracy(text):
    """Return the test accuracy that was measured through the file, and its number format."""
    about = json.loads(text) if text else {}
    scores = [gate["numbers"].get("top1") for gate in about.get("gates", ())
              if gate["name"] == "accuracy"]  # fmt: skip
    return {"top1": scores[0] if scores else None, "precision": about.get("precision")}


class _Worker:
    """A process with one open model, driven by JSON lines."""

    def __init__(self, path, threads):
        self.path = path
        self.process = subprocess.Popen(
            [sys.executable, str(Path(__file__).resolve()), "--serve"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, universal_newlines=True,
        )  # fmt: skip
        try:
            self.ask(do="open", path=str(path), threads=threads)
        except BaseException:
            self.close()
            raise

    def ask(self, **request):
        try:
            self.process.stdin.write(json.dumps(request) + "\n")
            self.process.stdin.flush()
            line = self.process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            raise UserError(f"{self.path}: the measuring process died; is there enough memory?")
        answer = json.loads(line)
        if isinstance(answer, dict) and "error" in answer:
            raise UserError(answer["error"])
        return answer

    def close(self):
        try:
            self.process.stdin.close()
        except BrokenPipeError:
            pass
        self.process.wait()
        self.process.stdout.close()


def serve():
    """Answer the requests of a ``_Worker`` until stdin ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the parent, which closes stdin
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever a library prints must not mix with the answers
    path = network = feed = facts = None
    wall_s = cpu_s = 0.0
    for line in sys.stdin:
        request = json.loads(line)
        try:
            if request["do"] == "open":
                path = request["path"]
                if Path(path).suffix.lower() not in OF_DEVICES:
                    _onnxruntime()  # its import is not part of the model's load time
                before, start = memory_mb("VmRSS"), time.perf_counter()
                network = open_network(path, request["threads"])
                load_ms = 1000 * (time.perf_counter() - start)
                text = network.about()
                feed = network.random_input(text)
                facts = {"runtime": network.package, "metadata": text}
                if network.computes is not None:
                    facts.update(version=network.version, computes=network.computes)
                facts["load_ms"], facts["first_run_ms"] = load_ms, _time(network, feed, 1)[0]
                facts["rss_before_load_mb"], facts["rss_loaded_mb"] = before, memory_mb("VmRSS")
                answer = {}
            elif request["do"] == "run":
                _time(network, feed, 1)  # another model has just emptied the caches
                cpu, wall = time.process_time(), time.perf_counter()
                answer = _time(network, feed, request["times"])
                cpu_s += time.process_time() - cpu
                wall_s += time.perf_counter() - wall
            else:
                answer = {
                    **facts,
                    "cores_obtained": cpu_s / wall_s if wall_s else None,
                    "process_s": time.process_time(),
                    "peak_rss_mb": memory_mb("VmHWM"),
                    "input": list(feed.shape),
                    "torch_loaded": "torch" in sys.modules,
                }
        except UserError as error:
            answer = {"error": str(error)}
        except Exception as error:  # onnxruntime's, while it runs
            reason = " ".join(str(error).split())[:200]
            answer = {"error": f"{path}: must run on random images, got: {reason}; pass --model"}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


def _time(network, feed, times):
    runs_ms = []
    for _ in range(times):
        start = time.perf_counter()
        network.answer(feed)
        runs_ms.append(1000 * (time.perf_counter() - start))
    return runs_ms


def memory_mb(key):
    """Return VmRSS (now) or VmHWM (peak) of this process; None off Linux."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return None
    found = [line for line in lines if line.startswith(key + ":")]
    return int(found[0].split()[1]) * 1024 / 1e6 if found else None


def describe_device():
    """Return processor, cores, governor, load, system and versions as plain values."""
    info = {}
    for line in (_read("/proc/cpuinfo") or "").split("\n\n")[0].splitlines():
        key, _, value = line.partition(":")
        info[key.strip()] = value.strip()
    present = (info.get("flags") or info.get("Features") or "").split()
    affinity = hasattr(os, "sched_getaffinity")
    board = (_read("/proc/device-tree/model") or "").rstrip("\0")  # Raspberry Pi 4 ...
    memory = (_read("/proc/meminfo") or "").split("\n", 1)[0].split()
    frequency = _read("/sys/devices/system/cpu/cpu0/cpufreq/cpuinfo_max_freq") or ""
    return {
        "name": "cpu",
        "provider": PROVIDER,
        "cpu": info.get("model name") or platform.processor() or platform.machine(),
        "board": board or None,
        "machine": platform.machine(),
        "flags": [flag for flag in FLAGS if flag in present],
        "cores": os.cpu_count(),
        "cores_affinity": len(os.sched_getaffinity(0)) if affinity else os.cpu_count(),
        "cores_quota": cores_quota(),
        "cores_usable": usable_cores(),
        "governor": _read("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
        "frequency_max_mhz": int(frequency) / 1000 if frequency.isdigit() else None,
        "memory_mb": int(memory[1]) * 1024 / 1e6 if len(memory) == 3 else None,
        "load_1min": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
        "os": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "versions": _versions(),
    }


def _versions():
    found = {}
    for name in ("onnxruntime", "openvino", "ncnn", "ai-edge-litert", "executorch", "numpy"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _read(path):
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return None


def _bench_and_print(paths, threads, min_seconds, launches, json_file):
    if json_file and not Path(json_file).absolute().parent.is_dir():
        raise UserError(f"--json: must be in an existing folder, got '{json_file}'")
    if json_file and Path(json_file).is_dir():
        raise UserError(
            f"--json: must be a file, got the folder '{json_file}'; "
            f"pass --json {Path(json_file) / 'bench.json'}"
        )
    document = bench(paths, threads, min_seconds, launches)
    device = document["device"]
    print(f"{device['cpu']}, {device['cores_usable']} of {device['cores']} cores, {device['os']}")
    print(f"{'model':<24} {'p50':>9} {'p90':>9} {'p99':>9} {'images/s':>9} {'load':>9} {'MB':>7}")
    for entry in document["models"]:
        keys = ("p50_ms", "p90_ms", "p99_ms", "images_per_s", "load_ms")
        cells = " ".join(f"{'-' if entry[k] is None else format(entry[k], '.2f'):>9}" for k in keys)
        print(f"{entry['name']:<24} {cells} {entry['size_mb']:7.2f}")
        for note in entry["notes"]:
            print(f"  {entry['name']}: {note}")
    print(_control_in_words(document))
    if json_file:
        Path(json_file).write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
        print(f"written: {json_file}")


def _control_in_words(document):
    """Say what the first model differs by from itself: smaller differences mean nothing."""
    first = document["models"][0]
    again = document["conditions"][0]["noise"]["control_samples_ms"]
    median = float(np.median([one for launch in again for turn in launch for one in turn]))
    return f"{first['name']} once more: {median / first['p50_ms']:.3f} times as long"


def _teach(asked):
    if asked.enrol is not None and asked.forget is not None:
        raise UserError("--forget: must come without --enrol, got both; do one after the other")
    model = Model(asked.model or default_model(), asked.threads or None)
    if asked.enrol is not None:
        enrol(model, asked.enrol, asked.images)
    elif asked.images:
        raise UserError("--forget: must come without images, got some; leave them out")
    else:
        forget(model, asked.forget)
    return 0


def main(arguments=None):
    """Parse the command line and do what it asks."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("images", nargs="*", metavar="IMAGE", help="image files")
    parser.add_argument("--model", metavar="FILE", help="an .onnx or .ort file of this folder")
    parser.add_argument("--top", type=int, default=TOP, help="classes to show: %(default)s")
    parser.add_argument("--enrol", metavar="NAME", help="add a class from the images given")
    parser.add_argument("--forget", metavar="NAME", help="take an added class away")
    parser.add_argument("--selftest", action="store_true", help="compare with the test vectors")
    parser.add_argument("--bench", action="store_true", help="measure latency of every model")
    parser.add_argument("--json", metavar="FILE", help="with --bench: write the numbers to FILE")
    parser.add_argument("--threads", type=int, default=0, help="default: every core it may use")
    parser.add_argument("--seconds", type=float, default=3.0, help="with --bench: for each model")
    parser.add_argument(
        "--launches", type=int, default=LAUNCHES, help="with --bench: processes of each model"
    )
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args(arguments)
    warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")  # odd metadata
    if asked.serve:
        return serve() or 0
    if asked.threads < 0 or asked.seconds < 0 or min(asked.top, asked.launches) < 1:
        raise UserError(
            "--threads, --seconds: must not be negative, --top and --launches at least 1"
        )
    if asked.selftest:
        return 0 if selftest() else 3
    if asked.bench:
        paths = [Path(asked.model)] if asked.model else all_models()
        threads = asked.threads or usable_cores()
        _bench_and_print(paths, threads, asked.seconds, asked.launches, asked.json)
        return 0
    if asked.enrol is not None or asked.forget is not None:
        return _teach(asked)
    if not asked.images:
        raise UserError("IMAGE: must be at least one image file, got none; see run.py --help")
    predict(Model(asked.model or default_model(), asked.threads or None), asked.images, asked.top)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except UserError as mistake:
        print("\n".join(f"error: {line}" for line in str(mistake).splitlines()), file=sys.stderr)
        sys.exit(2)
    except MemoryError:
        print("error: run.py: must have memory for the model and the image, got too little; "
              "close other programs", file=sys.stderr)  # fmt: skip
        sys.exit(2)
    except KeyboardInterrupt:
        print("error: interrupted", file=sys.stderr)
        sys.exit(130)
