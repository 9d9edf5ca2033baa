"""An int8 copy of an export's network: calibrated, chosen on ``val``, timed, and checked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgessl.artifact import open_artifact
from edgessl.data.preprocess import Preprocess, decode_eval
from edgessl.export.core import Core
from edgessl.export.formats.front import Inside, attach_front, front_fits, open_inside
from edgessl.export.formats.products import save_onnx
from edgessl.export.gates.accuracy import HeldOut
from edgessl.export.gates.gate import Gate
from edgessl.export.int8.check_answers import (
    Run,
    check_agreement,
    check_answers_lost,
    check_cosine_lost,
    check_shares_lost,
)
from edgessl.export.int8.check_graph import check_calibration, check_fused
from edgessl.export.int8.check_speed import check_speed
from edgessl.export.int8.images import Chosen, calibration_set, judging_set, training_data
from edgessl.export.int8.quantise import prepare
from edgessl.export.int8.ranges import Extremes, measure_extremes
from edgessl.export.int8.search import Found, Judge, Rule, Time, batches, open_model, search
from edgessl.export.product import Product

PURPOSES = {
    "uint8": "x86 CPUs with VNNI: int8 weights, uint8 activations",
    "int8": "arm64 CPUs: int8 weights and activations",
}
UNSEEN_IMAGES = 32
"""Images whose activations a file's ranges are compared with."""


@dataclass(frozen=True)
class Int8:
    """An int8 network, and everything that its gates need.

    Attributes:
        found: The scheme that was kept, with its model.
        prepared: The float graph it was made from.
        calibrated_on: The images its ranges are from.
        calibrated: Their activations.
        judged_on: The images it was chosen on.
        judge: How it was chosen.
        reference: The checkpoint's network.
        preprocess: The checkpoint's own.
        test: The images the checkpoint's scores were measured on.
        classifies: Whether the highest output is the answer.
        max_drop_percent: Points of top-1, or hundredths of mean cosine, that the file may lose.
        levels: Output from which on each class counts as shown, where an image may show several.
    """

    found: Found
    prepared: Any
    calibrated_on: Chosen
    calibrated: Extremes
    judged_on: Chosen
    judge: Judge
    reference: Run
    preprocess: Preprocess
    test: HeldOut
    classifies: bool
    max_drop_percent: float
    levels: tuple[float, ...] = ()

    def provenance(self) -> dict[str, Any]:
        """Return how the file came to be, as plain values."""
        return {
            **self.found.provenance(self.prepared),
            "calibrated_on": self.calibrated_on.provenance(),
            "chosen_on": self.judge.what,
            "chosen_on_images": self.judged_on.provenance(),
        }

    def gates(self, path: Path) -> tuple[Gate, ...]:
        """Check what only an int8 file has.

        Args:
            path: The file, with or without preprocessing inside.
        """
        return (*self._of_the_graph(path), self._agreement(path))

    def gates_with_speed(self, path: Path) -> tuple[Gate, ...]:
        """Check the same, and tell how fast the network is.

        Args:
            path: The file without preprocessing inside.
        """
        return (*self.gates(path), self._speed)

    def _of_the_graph(self, path: Path) -> tuple[Gate, ...]:
        import onnx

        calibration = check_calibration(
            onnx.load(str(path)), self.calibrated, self._unseen, self.preprocess
        )
        fused = check_fused(path, self.prepared, self.found.best.scheme)
        return (fused, calibration, self._loss)

    @property
    def _tested(self) -> bool:
        """Whether labelled test images judge the answers."""
        return self.classifies and not self.test.missing

    @property
    def _answers_limit(self) -> float | None:
        """Percent of answers that may be others; None where labelled test images judge them."""
        return None if self._tested else self.max_drop_percent

    @property
    def _loss(self) -> Gate:
        return loss_of(
            self.judge, self.found.best.marks,
            max_drop_percent=self.max_drop_percent, tested=self._tested,
        )  # fmt: skip

    def _agreement(self, path: Path) -> Gate:
        pixels = self.test.some_pixels(self.preprocess, UNSEEN_IMAGES)
        pixels = self.judge.pixels[:UNSEEN_IMAGES] if pixels is None else pixels
        candidate, reference = open_artifact(path), self.reference
        images: NDArray[Any] = self.judge.normalise(pixels)
        inside = open_inside(path) if candidate.takes == "pixels" else None
        if inside is not None:  # its preprocessing has a gate of its own
            images = np.ascontiguousarray(pixels.transpose(0, 2, 3, 1))
            reference = _behind(inside, reference)
        return check_agreement(
            reference, candidate.run, images,
            classifies=self.classifies, max_drop_percent=self._answers_limit,
            levels=self.levels,
        )

    @cached_property
    def _unseen(self) -> Extremes:
        pixels = self.judge.pixels[:UNSEEN_IMAGES]
        return measure_extremes(self.prepared, batches(pixels, self.judge.normalise))

    @property
    def _speed(self) -> Gate:
        return check_speed(
            self.found.fp32_ms, self.found.timed,
            "made for another CPU than this one; time it on the device",
        )


def loss_of(
    judge: Judge, marks: NDArray[np.float64], *, max_drop_percent: float, tested: bool
) -> Gate:
    """Say what rounding costs on the images that the choice was made on.

    Args:
        judge: What marks the answers.
        marks: Of the file that was chosen, ``(N,)``.
        max_drop_percent: Points, or hundredths of mean cosine, that it may lose.
        tested: Whether labelled test images judge its answers.
    """
    limit = max_drop_percent
    if judge.rule == "cosine":
        return check_cosine_lost(marks, judge.what, max_drop_percent=limit)
    if judge.rule == "agreement" and tested:
        limit = 100.0  # an answer that changed need not be a loss: the accuracy gate knows
    before = judge.marks(judge.expected)
    if judge.levels:
        return check_shares_lost(before, marks, judge.what, max_drop_percent=limit)
    return check_answers_lost(before, marks, judge.what, max_drop_percent=limit)


def int8_products(
    core: Core, *, data: str | None, time: Time, say: Callable[[str], None] = lambda _line: None
) -> tuple[Product, ...]:
    """Quantise the network of an export, and list the files to write of it.

    Args:
        core: The export.
        data: Data set to calibrate and choose on; None for the checkpoint's own.
        time: Times models on this machine.
        say: Called with the name of each step.

    Raises:
        UserError: The data is not to be had.
    """
    int8 = make_int8(core, data=data, time=time, say=say)
    purpose = PURPOSES[core.target.int8_activations]
    history = {"int8": int8.provenance()}
    model = int8.found.best.model
    core_file = Product(
        "model.int8.onnx", "onnx", purpose,
        lambda path, metadata: save_onnx(model, path, metadata),
        precision="int8", more_gates=int8.gates_with_speed, history=history,
    )
    if not front_fits(core.target.opset, core.preprocess):
        return (core_file,)
    # The front comes after quantisation, so that nothing of the preprocessing is rounded.
    with_front = attach_front(model, core.preprocess)
    return (
        core_file,
        Product(
            "model.e2e.int8.onnx", "onnx", f"{purpose}; uint8 RGB pixels of any size",
            lambda path, metadata: save_onnx(with_front, path, metadata),
            precision="int8", takes="pixels", more_gates=int8.gates, history=history,
        ),
    )


def make_int8(
    core: Core, *, data: str | None, time: Time | None, seed: int = 0,
    say: Callable[[str], None] = lambda _line: None,
) -> Int8:
    """Quantise the network of an export.

    Args:
        core: The export.
        data: Data set to calibrate and choose on; None for the checkpoint's own.
        time: Times models on this machine; None to time nothing.
        seed: Of the images drawn.
        say: Called with the name of each step.

    Raises:
        UserError: The data is not to be had.
    """
    dataset = training_data(core.provenance, core.metadata.classes, data)
    preprocess, target = core.preprocess, core.target
    calibrated_on = calibration_set(dataset, seed)
    say(f"int8: calibrating on {len(calibrated_on.paths)} training images")
    pixels = decode_eval(calibrated_on.paths, preprocess, digests=calibrated_on.digests)
    prepared = prepare(core.graph)
    extremes = measure_extremes(prepared, batches(pixels, preprocess.normalise))
    judged_on = judging_set(dataset, core.metadata.classes, calibrated_on, seed)
    judge = judge_on(
        core.graph, judged_on, preprocess, classifies=bool(core.metadata.classes),
        levels=core.metadata.levels,
    )  # fmt: skip
    found = search(
        core.graph, prepared, extremes, judge,
        activations=target.int8_activations, max_drop_percent=target.int8_max_drop_percent,
        time=time if target.int8_activations == "uint8" else None, say=say,
    )
    return Int8(
        found, prepared, calibrated_on, extremes, judged_on, judge,
        reference=core.reference, preprocess=preprocess, test=core.test,
        classifies=bool(core.metadata.classes), max_drop_percent=target.int8_max_drop_percent,
        levels=core.metadata.levels,
    )


def _behind(inside: Inside, network: Run) -> Run:
    """Return a network that takes what a file's preprocessing takes."""
    return lambda pixels: network(inside(pixels))


def judge_on(
    graph: Any, judged_on: Chosen, preprocess: Preprocess, *, classifies: bool,
    levels: tuple[float, ...] = (),
) -> Judge:
    """Return what candidates are compared with, on some images.

    Args:
        graph: The fp32 ONNX graph.
        judged_on: The images.
        preprocess: The evaluation transform.
        classifies: Whether the highest output is the answer.
        levels: Output from which on each class counts as shown, where an image may show several.
    """
    pixels = decode_eval(judged_on.paths, preprocess, digests=judged_on.digests)
    run, normalise = open_model(graph), preprocess.normalise
    expected = np.concatenate([run(batch) for batch in batches(pixels, normalise)])
    labels: NDArray[np.int64] = np.asarray(judged_on.labels or (), np.int64)
    where = "val images" if judged_on.split == "val" else "training images"
    rule: Rule = "top-1"
    if judged_on.labels is None:
        rule = "agreement" if classifies else "cosine"
    if levels:
        rule = "agreement" if judged_on.several is None else "labels"
    return Judge(
        rule, pixels, labels, normalise, expected, where, levels, judged_on.several
    )
