"""Sound files of every format that edgessl reads, made once a session with a tiny network."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pipeline.stories import run_recipe
from pipeline.tiny_run import Listener, request, write_images, write_recipe

from edgessl import catalog
from edgessl.errors import Interrupted
from edgessl.pipeline import export as export_story
from edgessl.train.stage import state

FORMATS = ("onnx", "torchscript", "pt2", "ort")


def make_seeds(root: Path) -> None:
    """Fill an empty folder.

    ``images`` of two classes and ``labels.csv`` of them, ``tiny.toml``, ``pictures`` of every
    format, a finished ``run``, one that was ``stopped``, an ``export`` of everything, ``bench``
    documents, and the ``cache`` of all that.

    Args:
        root: The folder.
    """
    write_images(root / "images")
    write_recipe(root)
    _write_labels(root)
    _write_pictures(root / "pictures")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EDGESSL_CACHE", str(root / "cache"))
        run_recipe(request(root / "tiny.toml", root / "images", root / "run"), Listener())
        _stop_a_run(root, patch)
        export_story.export(root / "run" / "ckpt.pt", formats=FORMATS, out=root / "export")
    _write_bench(root)


def _write_labels(root: Path) -> None:
    paths = sorted((root / "images").rglob("*.png"))
    lines = [f"{path.relative_to(root)},{path.parent.name},{'test' if i % 5 == 0 else 'train'}"
             for i, path in enumerate(paths)]  # fmt: skip
    (root / "labels.csv").write_text("\n".join(("path,label,split", *lines, "")))


def _write_pictures(folder: Path) -> None:
    """Write an image of each kind that decoders treat differently, named after the kind."""
    folder.mkdir()
    draw = np.random.default_rng(0)
    rgb = Image.fromarray(draw.integers(0, 255, (40, 52, 3), dtype=np.uint8))
    grey = rgb.convert("L")
    deep = Image.fromarray(draw.integers(0, 65_535, (40, 52), dtype=np.uint16))
    turned = Image.Exif()
    turned[0x0112] = 6  # orientation
    rgb.save(folder / "plain.png")
    rgb.quantize(16).save(folder / "palette.png", transparency=3)
    rgb.convert("RGBA").save(folder / "alpha.png")
    deep.save(folder / "deep.png")
    rgb.save(folder / "turned.jpg", exif=turned)
    rgb.convert("CMYK").save(folder / "cmyk.jpg")
    rgb.save(folder / "progressive.jpg", progressive=True)
    rgb.save(folder / "lzw.tiff", compression="tiff_lzw")
    Image.fromarray(draw.random((40, 52), dtype=np.float32)).save(folder / "float.tiff")
    deep.save(folder / "deep.tiff")
    rgb.save(folder / "lossy.webp")
    rgb.convert("RGBA").save(folder / "lossless.webp", lossless=True)
    grey.save(folder / "still.gif")
    rgb.save(folder / "moving.gif", save_all=True, append_images=[rgb.rotate(90)])
    rgb.save(folder / "plain.bmp")
    rgb.quantize(16).save(folder / "palette.bmp")


def _stop_a_run(root: Path, patch: pytest.MonkeyPatch) -> None:
    """Leave a run as SIGTERM does in its middle, with both states there."""
    with patch.context() as often:
        for name, value in (("SAVE_EVERY_S", 0.0), ("SAVE_EPOCH_EVERY_S", 0.0)):
            often.setattr(state, name, value)
        often.setattr(state, "SAVE_SHARE", float("inf"))
        wanted = request(root / "tiny.toml", root / "images", root / "stopped")
        with pytest.raises(Interrupted):
            run_recipe(wanted, Listener("pretrain", 3))


def _write_bench(root: Path) -> None:
    """Write what ``run.py --bench`` and ``edgessl bench`` say of the same models."""
    folder = root / "bench"
    folder.mkdir()
    device = folder / "quick.toml"
    device.write_text(
        'provider = "CPUExecutionProvider"\nthreads = 1\nmin_runs = 10\nmin_seconds = 0\n'
        "max_seconds = 20\nturn_ms = 0\nlaunches = 1\n"
    )
    models = [str(root / "export" / name) for name in ("model.onnx", "model.ort")]
    pictures = str(root / "images" / "class0")
    _call(root, "-m", "edgessl", "bench", *models, "--device", str(device), "--json",
          str(folder / "here.json"), "--profile", "--e2e", pictures)  # fmt: skip
    bundle = folder / "bundle"
    bundle.mkdir()
    for name in ("model.onnx", "model.ort"):
        shutil.copy(root / "export" / name, bundle / name)
    shutil.copy(catalog.root() / "export/runners/python/run.py", bundle / "run.py")
    _call(root, str(bundle / "run.py"), "--bench", "--threads", "1", "--launches", "2",
          "--seconds", "0.1", "--json", str(folder / "there.json"))  # fmt: skip
    shutil.rmtree(bundle)


def _call(root: Path, *arguments: str) -> None:
    environment = {**os.environ, "EDGESSL_CACHE": str(root / "cache"), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, check=False, env=environment
    )
    assert done.returncode == 0, done.stderr


def part_of(seeds: Path, to: Path, *names: str) -> Path:
    """Copy some of the seeds to a folder of their own, flat.

    Args:
        seeds: What ``make_seeds`` filled.
        to: The folder; made.
        *names: Paths in ``seeds`` of files and folders.

    Returns:
        ``to``.
    """
    to.mkdir(parents=True)
    for name in names:
        source = seeds / name
        copy: Callable[..., object] = shutil.copytree if source.is_dir() else shutil.copy2
        copy(source, to / source.name)
    return to


def edit_json(path: Path, change: Callable[[dict[str, object]], object]) -> None:
    """Change a JSON file in place."""
    document = json.loads(path.read_text())
    change(document)
    path.write_text(json.dumps(document))
