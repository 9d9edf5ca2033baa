"""An export whose int8 files were calibrated on the wrong images is stopped, and keeps them aside.

The network is a small EfficientNet. Everything is the command's own but for the fault itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from int8_network import CLASSES, PREPROCESS, classifier, tinted_textures
from numpy.typing import NDArray
from PIL import Image
from pipeline.tiny_run import NETWORK

from edgessl import checkpoint
from edgessl.backbones import deployable_payload
from edgessl.export.int8 import make as story
from edgessl.export.int8 import search
from edgessl.export.int8.quantise import schemes
from edgessl.export.int8.ranges import Extremes, measure_extremes
from edgessl.export.product import ExportedFile
from edgessl.pipeline.export import export

Images = NDArray[np.float32]
COUNTS = {"train": 40, "val": 16, "test": 16}


@pytest.fixture(scope="module")
def ckpt(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A classifier of tinted textures, with the textures as its data."""
    root = tmp_path_factory.mktemp("int8 faults")
    first = 0
    for split, count in COUNTS.items():
        images = tinted_textures(first, count)
        first += 1000
        for number, (pixels, label) in enumerate(zip(images.pixels, images.labels, strict=True)):
            folder = root / "data" / split / f"class{label}"
            folder.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels.transpose(1, 2, 0)).save(folder / f"{number}.png")
    payload = deployable_payload(
        classifier(NETWORK, tinted_textures(0, 64)),
        classes=tuple(f"class{label}" for label in range(CLASSES)),
        preprocess=PREPROCESS.to_dict(),
        provenance={
            "recipe": "none", "data": str(root / "data"), "labels": None, "label_percent": None,
            "val_percent": 10.0, "seed": 0, "scores": {},
        },
    )
    checkpoint.save(root / "ckpt.pt", payload)
    return root / "ckpt.pt"


def random_noise(images: Images) -> Images:
    generator = np.random.default_rng(0)
    return PREPROCESS.normalise(generator.integers(0, 256, images.shape, dtype=np.uint8))


def not_normalised(images: Images) -> Images:
    mean, std = (np.reshape(v, (3, 1, 1)) for v in (PREPROCESS.mean, PREPROCESS.std))
    return (255 * (images * std + mean)).astype(np.float32)


@pytest.fixture(scope="module", params=[random_noise, not_normalised])
def files(
    request: pytest.FixtureRequest, ckpt: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, ExportedFile]:
    """The int8 files of one export, by the name of the product."""
    fault: Callable[[Images], Images] = request.param
    faults = iter([fault])

    def measured(prepared: Any, parts: Iterable[Images]) -> Extremes:
        change = next(faults, None)  # the first images are those it is calibrated on
        return measure_extremes(prepared, [change(part) if change else part for part in parts])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(story, "measure_extremes", measured)
        patch.setattr(search, "schemes", lambda *rule: schemes(*rule)[:1])  # all are as wrong
        exported = export(
            ckpt, formats=("int8",), target="arm64", max_drop_percent=100,
            out=tmp_path_factory.mktemp("out"),
        ).files
    assert next(faults, None) is None
    return {file.path.name: file for file in exported}


def test_neither_int8_file_gets_its_name(files: dict[str, ExportedFile]) -> None:
    assert set(files) == {"model.int8.failed.onnx", "model.e2e.int8.failed.onnx"}
    for file in files.values():
        assert [gate.name for gate in file.gates if gate.status == "fail"] == ["int8 calibration"]
        assert not (file.path.parent / file.path.name.replace(".failed", "")).exists()


def test_the_finding_says_what_to_calibrate_on(files: dict[str, ExportedFile]) -> None:
    for file in files.values():
        gate = next(gate for gate in file.gates if gate.name == "int8 calibration")
        way_out = "calibrate on training images through the evaluation transform"
        assert gate.finding.endswith(way_out)
