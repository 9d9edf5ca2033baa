"""int8 is calibrated on real training images only, and a gate tells when it was not."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from int8_network import PREPROCESS, classifier, graph_of, tinted_textures
from numpy.typing import NDArray

from edgessl.data.dataset import Dataset, Split
from edgessl.errors import UserError
from edgessl.export.gates.gate import Gate
from edgessl.export.int8.check_graph import check_calibration
from edgessl.export.int8.images import calibration_set, judging_set
from edgessl.export.int8.quantise import Scheme, prepare, quantise
from edgessl.export.int8.ranges import RANGE_RULES, measure_extremes

Images = NDArray[np.float32]
Check = Callable[..., Gate]


@pytest.fixture(scope="module")
def check() -> Check:
    """Quantise a MobileNetV3-small with some calibration images, and run the gate."""
    network = classifier("mobilenetv3s", tinted_textures(0, 64))
    prepared = prepare(graph_of(network))
    unseen = measure_extremes(prepared, [tinted_textures(500, 16).normalised])

    def run(images: Images, rule: str = "widest", scope: str = "all") -> Gate:
        extremes = measure_extremes(prepared, [images])
        scheme = Scheme("uint8", False, scope, rule)  # type: ignore[arg-type]
        model = quantise(prepared, scheme, RANGE_RULES[rule](extremes))
        return check_calibration(model, extremes, unseen, PREPROCESS)

    return run


@pytest.mark.parametrize("rule", RANGE_RULES)
def test_real_images_through_the_evaluation_transform_pass(check: Check, rule: str) -> None:
    gate = check(tinted_textures(1000, 16).normalised, rule)
    assert gate.status == "pass", gate.finding
    assert gate.numbers["alike_percent"] > 95


def _noise() -> Images:
    generator = np.random.default_rng(0)
    return generator.standard_normal((8, 3, 64, 64), dtype=np.float32)


def _noise_pixels() -> Images:
    generator = np.random.default_rng(0)
    return PREPROCESS.normalise(generator.integers(0, 256, (8, 3, 64, 64), dtype=np.uint8))


def _not_normalised() -> Images:
    return tinted_textures(1000, 8).pixels.astype(np.float32)


def _only_scaled() -> Images:
    return tinted_textures(1000, 8).pixels.astype(np.float32) / np.float32(255)


def _other_statistics() -> Images:
    return (_only_scaled() - np.float32(0.5)) / np.float32(0.5)


@pytest.mark.parametrize(
    ("images", "finding"),
    [
        (_noise, "is more than normalised images can have"),
        (_noise_pixels, "activations range like those of real images"),
        (_not_normalised, "is more than normalised images can have"),
        (_only_scaled, "of that of real images"),
        (_other_statistics, "of that of real images"),
    ],
    ids=["random noise", "random pixels", "not normalised", "only scaled", "other mean and std"],
)
def test_a_faulty_calibration_is_caught(
    check: Check, images: Callable[[], Images], finding: str
) -> None:
    gate = check(images())
    assert gate.status == "fail"
    assert finding in gate.finding
    assert gate.finding.endswith("calibrate on training images through the evaluation transform")


def test_it_is_caught_where_the_first_convolution_stays_in_float(check: Check) -> None:
    gate = check(_not_normalised(), scope="all but the first convolution")
    assert gate.status == "fail"
    assert gate.finding.startswith("the calibration images' range [2.00, 255.00]")


def _split(name: str, count: int, labelled: bool = True) -> Split:
    return Split(
        tuple(Path(f"{name}{i}.png") for i in range(count)),
        tuple(i % 2 for i in range(count)) if labelled else None,
        tuple(f"{name}{i}" for i in range(count)),
    )


def _dataset(train: int = 200, val: int = 20, unlabeled: int = 0) -> Dataset:
    return Dataset(
        name="some", source="some", classes=("ant", "bee"), train=_split("train", train),
        unlabeled=_split("unlabeled", unlabeled, labelled=False), val=_split("val", val),
        test=_split("test", 50), quarantined=(), duplicates=0, notes=(), fingerprint="",
    )


def test_calibration_images_are_training_images() -> None:
    drawn = calibration_set(_dataset(), seed=0)
    assert len(drawn.paths) == len(set(drawn.paths)) == 128
    assert all(path.name.startswith("train") for path in drawn.paths)


def test_unlabelled_images_serve_where_there_are_no_labels() -> None:
    drawn = calibration_set(_dataset(train=0, unlabeled=30), seed=0)
    assert len(drawn.paths) == 30


def test_provenance_hashes_what_the_images_contain() -> None:
    drawn = calibration_set(_dataset(train=3), seed=7)
    contents = hashlib.sha256(b"train0\ntrain1\ntrain2").hexdigest()
    assert drawn.provenance() == {"split": "train", "images": 3, "sha256": contents, "seed": 7}


def test_another_seed_draws_other_images() -> None:
    first, again, other = (calibration_set(_dataset(), seed).digests for seed in (0, 0, 1))
    assert first == again
    assert first != other


def test_one_training_image_is_too_few() -> None:
    with pytest.raises(UserError, match="--int8: must have at least 2 training images"):
        calibration_set(_dataset(train=1), seed=0)


def test_choices_are_made_on_val_in_the_checkpoints_class_order() -> None:
    drawn = judging_set(_dataset(), ("bee", "ant"), calibration_set(_dataset(), 0), seed=0)
    assert (drawn.split, len(drawn.paths)) == ("val", 20)
    assert drawn.labels == tuple(1 - i % 2 for i in range(20))


def test_without_val_choices_are_made_on_training_images_not_calibrated_on() -> None:
    dataset = _dataset(val=0)
    calibrated = calibration_set(dataset, 0)
    drawn = judging_set(dataset, ("ant", "bee"), calibrated, seed=0)
    assert (drawn.split, len(drawn.paths), drawn.labels) == ("train", 72, None)
    assert not set(drawn.digests) & set(calibrated.digests)
