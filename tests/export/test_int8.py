"""An int8 graph computes with integers, from ranges of real images, and is chosen by accuracy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from int8_network import CLASSES, PREPROCESS, Images, graph_of, tinted_textures
from numpy.typing import NDArray
from onnx import numpy_helper
from onnx.helper import make_graph, make_model, make_node, make_opsetid, make_tensor_value_info
from torch import nn

from edgessl.bench.measure import in_turns
from edgessl.bench.measure.process import Worker
from edgessl.export.int8 import check_graph
from edgessl.export.int8 import quantise as making
from edgessl.export.int8.check_answers import check_agreement
from edgessl.export.int8.check_graph import check_fused, written_ranges
from edgessl.export.int8.check_speed import check_speed
from edgessl.export.int8.quantise import (
    SCOPES,
    Scheme,
    Scope,
    float_products,
    pad_channels,
    padded_name,
    prepare,
    products,
    quantise,
    schemes,
)
from edgessl.export.int8.ranges import Extremes, measure_extremes, typical, widest
from edgessl.export.int8.search import (
    Found,
    Judge,
    Timed,
    Tried,
    choose,
    lost_percent,
    open_model,
    search,
)
from edgessl.pipeline import timed_models

ALL = Scheme("uint8", per_channel=True, scope="all")


def small_network() -> nn.Module:
    """Two convolutions with ReLU6 between, a depthwise one, and a classifier."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return nn.Sequential(
            nn.Conv2d(3, 16, 3, stride=4, padding=1), nn.ReLU6(),
            nn.Conv2d(16, 16, 3, padding=1, groups=16), nn.ReLU6(),
            nn.Conv2d(16, 32, 1), nn.ReLU6(),
            nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(32, CLASSES),
        ).eval()  # fmt: skip


class Small:
    """The small network's graphs, and what its activations are on 12 images."""

    def __init__(self) -> None:
        self.images: Images = tinted_textures(0, 12)
        self.network = small_network()
        self.core = graph_of(self.network)
        self.prepared = prepare(self.core)
        self.extremes = measure_extremes(self.prepared, [self.images.normalised])
        self.ranges = widest(self.extremes)

    def reference(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        with torch.inference_mode():
            output: NDArray[np.float32] = self.network(torch.from_numpy(images)).numpy()
        return output

    def judge(self) -> Judge:
        seen = tinted_textures(100, 40)
        expected = self.reference(seen.normalised)
        return Judge(
            "cosine", seen.pixels, seen.labels, PREPROCESS.normalise, expected, "val images"
        )


@pytest.fixture(scope="module")
def small() -> Small:
    return Small()


def _saved(model: Any, folder: Path) -> Path:
    path = folder / "model.onnx"
    onnx.save(model, str(path))
    return path


def _stored(model: Any) -> dict[str, NDArray[Any]]:
    return {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}


def test_extremes_are_those_of_each_image(small: Small) -> None:
    images, extremes = small.images.normalised, small.extremes
    assert extremes.low.shape == (12, len(extremes.names)) == extremes.high.shape
    np.testing.assert_allclose(extremes.low[:, 0], images.min(axis=(1, 2, 3)), rtol=1e-6)
    np.testing.assert_allclose(extremes.high[:, 0], images.max(axis=(1, 2, 3)), rtol=1e-6)
    last = small.reference(images)
    np.testing.assert_allclose(extremes.high[:, -1], last.max(axis=1), rtol=1e-4, atol=1e-5)


def test_the_batch_of_the_images_does_not_change_their_extremes(small: Small) -> None:
    images = small.images.normalised
    parts = measure_extremes(small.prepared, [images[:5], images[5:]])
    np.testing.assert_array_equal(parts.low, small.extremes.low)


def test_range_rules_hold_all_values_or_those_of_the_mean_image() -> None:
    extremes = Extremes(
        ("a",), np.array([[-1.0], [-3.0]], np.float32), np.array([[2.0], [8.0]], np.float32)
    )
    assert widest(extremes) == {"a": (-3.0, 8.0)}
    assert typical(extremes) == {"a": (-2.0, 5.0)}


@pytest.mark.parametrize("scheme", schemes("uint8"), ids=lambda scheme: scheme.name)
def test_every_scheme_gives_a_valid_graph_near_the_network(small: Small, scheme: Scheme) -> None:
    model = quantise(small.prepared, scheme, small.ranges)
    onnx.checker.check_model(model, full_check=True)
    assert {entry.domain for entry in model.opset_import} == {""}
    images = small.images.normalised
    expected = small.reference(images)
    error = np.abs(open_model(model)(images) - expected).max()
    assert 0 < error < 0.1 * np.abs(expected).max()


def test_weights_are_int8_with_a_scale_for_each_channel_or_one(small: Small) -> None:
    for per_channel, count in ((True, 32), (False, 1)):
        scheme = replace(ALL, per_channel=per_channel)
        stored = _stored(quantise(small.prepared, scheme, small.ranges))
        weight = next(name for name, value in stored.items() if value.shape == (32, 16, 1, 1))
        assert stored[weight].dtype == np.int8
        assert stored[weight.replace("_quantized", "_scale")].size == count


@pytest.mark.parametrize("activations", ["uint8", "int8"])
def test_activations_have_the_format_of_the_target(small: Small, activations: Any) -> None:
    model = quantise(small.prepared, replace(ALL, activations=activations), small.ranges)
    stored = _stored(model)
    zeros = [stored[n.input[2]] for n in model.graph.node if n.op_type == "QuantizeLinear"]
    assert len(zeros) >= 4
    assert {zero.dtype for zero in zeros} == {np.dtype(activations)}


def test_logits_keep_more_than_256_levels(small: Small) -> None:
    model = quantise(small.prepared, ALL, small.ranges)
    producer = next(n for n in model.graph.node if model.graph.output[0].name in n.output)
    assert producer.op_type == "Gemm"


def test_the_first_integer_convolution_has_four_channels_and_a_float_one_three(
    small: Small,
) -> None:
    for scope, channels in zip(SCOPES, (4, 3, 4), strict=True):
        stored = _stored(quantise(small.prepared, replace(ALL, scope=scope), small.ranges))
        assert {v.shape for v in stored.values() if v.shape[:1] == (16,) and v.ndim == 4} == {
            (16, channels, 3, 3), (16, 1, 3, 3),
        }


def test_the_empty_channel_changes_nothing(small: Small) -> None:
    padded = onnx.ModelProto()
    padded.CopyFrom(small.prepared)
    assert pad_channels(padded, products(padded)[0].name) == "images_padded"
    images = small.images.normalised
    np.testing.assert_allclose(
        open_model(padded)(images), open_model(small.prepared)(images), rtol=1e-5, atol=1e-6
    )
    assert pad_channels(padded, products(padded)[0].name) is None  # four are enough


def test_quantising_leaves_its_input_alone(small: Small) -> None:
    before = small.prepared.SerializeToString(deterministic=True)
    quantise(small.prepared, ALL, small.ranges)
    assert small.prepared.SerializeToString(deterministic=True) == before


def test_the_first_convolution_can_stay_in_float(small: Small, tmp_path: Path) -> None:
    scheme = replace(ALL, scope="all but the first convolution")
    first = products(small.prepared)[0].name
    assert float_products(small.prepared, scheme) == (first,)
    path = _saved(quantise(small.prepared, scheme, small.ranges), tmp_path)
    gate = check_fused(path, small.prepared, scheme)
    assert gate.status == "pass", gate.finding
    assert gate.numbers["integer_convs"] == 2
    assert gate.numbers["left_in_float"] == [first]


@pytest.mark.parametrize("activations", ["uint8", "int8"])
def test_all_convolutions_compute_with_integers(
    small: Small, tmp_path: Path, activations: Any
) -> None:
    scheme = replace(ALL, activations=activations)
    path = _saved(quantise(small.prepared, scheme, small.ranges), tmp_path)
    gate = check_fused(path, small.prepared, scheme)
    assert gate.status == "pass", gate.finding
    assert (gate.numbers["integer_convs"], gate.numbers["float_convs"]) == (3, 0)


def test_a_float_file_is_not_called_int8(small: Small, tmp_path: Path) -> None:
    gate = check_fused(_saved(small.core, tmp_path), small.prepared, ALL)
    assert gate.status == "fail"
    assert gate.finding.startswith("0 of 3 convolutions and 0 of 1 matrix products compute with")


def attention() -> Any:
    """A product with a weight, one of two activations, and one with a weight again."""
    generator = np.random.default_rng(0)
    weights = {"first": (4096, 16), "last": (3, CLASSES)}
    stored = [
        numpy_helper.from_array(generator.standard_normal(shape).astype(np.float32), name)
        for name, shape in weights.items()
    ]
    nodes = [
        make_node("Reshape", ["images", "shape"], ["flat"], "reshape"),
        make_node("MatMul", ["flat", "first"], ["tokens"], "project"),
        make_node("Transpose", ["tokens"], ["turned"], "turn", perm=[0, 2, 1]),
        make_node("MatMul", ["tokens", "turned"], ["similar"], "compare"),
        make_node("MatMul", ["similar", "last"], ["answers"], "classify"),
    ]
    shape = numpy_helper.from_array(np.array([-1, 3, 4096]), "shape")
    kinds = {"images": ["batch", 3, 64, 64], "answers": ["batch", 3, CLASSES]}
    source, output = (
        make_tensor_value_info(name, onnx.TensorProto.FLOAT, dims) for name, dims in kinds.items()
    )
    graph = make_graph(nodes, "attention", [source], [output], [*stored, shape])
    return make_model(graph, opset_imports=[make_opsetid("", 20)], ir_version=10)


def leave_in_float(patch: pytest.MonkeyPatch, *names: str) -> None:
    """Leave products out of every file that is made from here on, whatever its scheme says."""
    patch.setattr(making, "float_products", lambda *_: names)


def test_an_integer_product_of_activations_stands_for_no_weight(
    small: Small, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepared = prepare(attention())
    ranges = widest(measure_extremes(prepared, [small.images.normalised]))
    whole = check_fused(_saved(quantise(prepared, ALL, ranges), tmp_path), prepared, ALL)
    assert whole.status == "pass", whole.finding
    leave_in_float(monkeypatch, "project")
    path = _saved(quantise(prepared, ALL, ranges), tmp_path)
    gate = check_fused(path, prepared, ALL)
    assert gate.status == "fail", gate.finding
    assert gate.finding.startswith("0 of 0 convolutions and 1 of 2 matrix products compute with")


def test_a_file_that_is_mostly_float_is_not_called_int8(
    small: Small, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = tuple(node.name for node in products(small.prepared))[:3]
    leave_in_float(monkeypatch, *names)
    path = _saved(quantise(small.prepared, ALL, small.ranges), tmp_path)
    assert check_fused(path, small.prepared, ALL).status == "fail"
    # Nor is it where its scheme wants no more than that.
    monkeypatch.setattr(check_graph, "float_products", lambda *_: names)
    gate = check_fused(path, small.prepared, ALL)
    assert gate.status == "fail"
    assert gate.numbers["left_in_float"] == sorted(names)


def test_ranges_are_read_from_the_file_itself(small: Small) -> None:
    written = written_ranges(quantise(small.prepared, ALL, small.ranges))
    source = small.extremes.names[0]
    low, high = small.ranges[source]
    assert written[padded_name(source)] == pytest.approx((low, high), abs=(high - low) / 255)


def test_agreement_is_told_with_numbers(small: Small) -> None:
    run = open_model(quantise(small.prepared, ALL, small.ranges))
    gate = check_agreement(
        small.reference, run, small.images.normalised, classifies=True, max_drop_percent=1.0
    )
    assert gate.status == "pass", gate.finding
    assert gate.numbers["images"] == 12
    assert 0 < gate.numbers["mean_difference"] < gate.numbers["max_difference"]
    assert gate.numbers["agreement_percent"] >= 75


def test_a_baked_batch_size_fails(small: Small) -> None:
    model = quantise(small.prepared, ALL, small.ranges)
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 1
    gate = check_agreement(
        small.reference, open_model(model), small.images.normalised, classifies=True,
        max_drop_percent=1.0,
    )
    assert gate.status == "fail"
    assert "a batch does not run" in gate.finding


def test_features_that_turn_away_fail(small: Small) -> None:
    images = small.images.normalised
    other = np.random.default_rng(0).standard_normal((1, CLASSES), dtype=np.float32)

    def turned(batch: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.asarray(small.reference(batch) + other[0], np.float32)

    checks = [
        check_agreement(small.reference, run, images, classifies=False, max_drop_percent=1.0)
        for run in (small.reference, turned)
    ]
    assert [gate.status for gate in checks] == ["pass", "fail"]
    assert checks[1].finding.endswith("must be 0.99 or more")


def test_a_slower_file_is_told_so_and_still_passes() -> None:
    slow = check_speed(1.0, Timed(1.4, 0.71, 0.69, 0.73), "")
    fast = check_speed(4.0, Timed(2.0, 2.0, 1.9, 2.1), "")
    assert (slow.status, fast.status) == ("pass", "pass")
    assert slow.finding.startswith("smaller, not faster: 1.40 ms, fp32 1.00 ms: 0.71 times")
    assert fast.finding.startswith("2.00 ms, fp32 4.00 ms: 2.00 times as fast")
    assert check_speed(None, None, "another CPU").status == "skip"


@pytest.mark.parametrize("ends", [(0.9, 1.7), (None, None)])
def test_a_file_is_not_called_faster_where_the_turns_do_not_show_it(ends: Any) -> None:
    gate = check_speed(1.3, Timed(1.0, 1.3, *ends), "")
    assert gate.finding.startswith("smaller, not faster: 1.00 ms, fp32 1.30 ms: 1.30 times")


def test_no_model_always_starts_first_when_models_are_timed(
    small: Small, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[str] = []

    class Noted(Worker):
        def __init__(self, path: Path, how: Any) -> None:
            started.append(path.name)
            super().__init__(path, how)

    monkeypatch.setattr(in_turns, "Worker", Noted)
    monkeypatch.setattr(
        timed_models, "TIMING",
        timed_models.TIMING.model_copy(update={"min_runs": 1, "min_seconds": 0.0}),
    )  # fmt: skip
    fp32, again = timed_models.time_models([small.core, small.core])
    firsts = started[::2]
    assert firsts.count("0.onnx") == firsts.count("1.onnx") > 0
    assert fp32.speedup == 1.0
    assert again.speedup > 0


def test_loss_is_paired() -> None:
    before, after = np.array([1.0, 1.0, 0.0, 0.0]), np.array([1.0, 0.0, 1.0, 0.0])
    lost, error = lost_percent(before, after)
    assert lost == 0.0
    assert error == pytest.approx(100 * np.sqrt(2 / 3) / 2)


def _search(small: Small, **changes: Any) -> Any:
    settings = {"activations": "uint8", "max_drop_percent": 1.0, "time": None, **changes}
    return search(small.core, small.prepared, small.extremes, small.judge(), **settings)


def test_a_scheme_as_accurate_as_the_best_is_kept(small: Small) -> None:
    """The 95 % interval of their difference holds 0; a rank of such numbers would be chance."""
    found = _search(small)
    assert len(found.tried) >= 4
    best = min(found.tried, key=lambda one: one.lost_percent)
    lost, error = lost_percent(best.marks, found.best.marks)
    assert lost <= 1.96 * error
    assert found.best.lost_percent < 1.0
    assert found.timed is None


@pytest.mark.parametrize("ms", [0.1, 1.0, 10.0])
def test_what_is_measured_chooses_nothing(small: Small, ms: float) -> None:
    timed: list[int] = []

    def time(models: Sequence[Any]) -> list[Timed]:
        timed.append(len(models))
        return [Timed(1.0, 1.0, None, None), Timed(ms, 1.0 / ms, None, None)]

    found = _search(small, max_drop_percent=100.0, time=time)
    assert timed == [2]  # fp32 and the one that was kept before
    assert (found.fp32_ms, found.timed) == (1.0, Timed(ms, 1.0 / ms, None, None))
    assert found.best.scheme == _search(small, max_drop_percent=100.0).best.scheme


def _tried(scope: Scope, marks: Sequence[float], *, per_channel: bool = True) -> Tried:
    array = np.array(marks, np.float64)
    scheme = Scheme("uint8", per_channel, scope)
    return Tried(scheme, None, array, *lost_percent(np.ones(len(array)), array))


def test_a_candidate_that_is_surely_worse_is_not_kept(small: Small) -> None:
    """20 of 100 images lost is 20 points, and its interval ends at 12."""
    worse, best = _tried("all", [0.0] * 20 + [1.0] * 80), _tried("products only", [1.0] * 100)
    assert choose(small.prepared, [worse, best], 100.0) is best


def test_of_those_that_may_be_as_good_the_one_with_least_in_float_is_kept(small: Small) -> None:
    """Two of 100 images lost: 2 points, give or take 2.8."""
    part = _tried("all but the first convolution", [1.0] * 100)
    whole = _tried("all", [0.0] * 2 + [1.0] * 98)
    assert choose(small.prepared, [part, whole], 100.0) is whole
    assert choose(small.prepared, [part, whole], 1.0) is part  # 2 points are not allowed


def test_of_equals_the_first_scheme_is_kept(small: Small) -> None:
    first, second = (_tried("all", [1.0] * 9, per_channel=each) for each in (True, False))
    assert choose(small.prepared, [first, second], 1.0) is first


def test_identical_files_are_tried_once(small: Small) -> None:
    contents = [one.model.SerializeToString(deterministic=True) for one in _search(small).tried]
    assert len(set(contents)) == len(contents)


def test_ranges_that_clip_outliers_are_tried_where_too_much_is_lost(small: Small) -> None:
    content, lossy = _search(small), _search(small, max_drop_percent=-100.0)  # never reached
    assert {one.scheme.range_rule for one in content.tried} == {"widest"}
    assert {one.scheme.range_rule for one in lossy.tried} == {"widest", "typical"}


def test_the_record_names_every_product_that_stayed_in_float(small: Small) -> None:
    scheme = replace(ALL, scope="all but the first convolution")
    kept = Tried(scheme, None, np.ones(1), 0.0, 0.0)
    first = products(small.prepared)[0].name
    assert Found(kept, (), None, None).provenance(small.prepared)["left_in_float"] == [first]
