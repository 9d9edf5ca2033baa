"""All numbers of two networks agree with scikit-learn and scipy, straight from the definitions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from diagnose.drawn_networks import save, write_images
from reference.features import best_nn_percent, knn_percent, of_views

from edgessl.backbones import Backbone
from edgessl.data.reading import AS_FOUND
from edgessl.diagnose.neighbours import KNN_KS, ask_held_out
from edgessl.diagnose.numbers import numbers_of
from edgessl.diagnose.outputs import outputs_of
from edgessl.metrics.interval import Score
from edgessl.pipeline.diagnose.diagnosed import open_subjects
from edgessl.pipeline.diagnose.images import images_of
from edgessl.pipeline.general import AsFeatures


@pytest.mark.parametrize("name", ["timm:test_efficientnet", "timm:test_vit"])
def test_every_number_agrees(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("EDGESSL_CACHE", str(tmp_path / "cache"))
    torch.manual_seed(0)
    network = save(tmp_path / "pretrained.pt", Backbone(name, image_px=32))
    compare_by_hand(str(network), str(write_images(tmp_path / "photos", count=24)), 5000)


def compare_by_hand(network: str, data: str, images: int, size: int | None = None) -> None:
    """Compare the numbers of a network on val, and its votes from train."""
    (subject,) = open_subjects([network], AsFeatures(None, size), device="cpu", trust=False)
    looked = images_of(data, "val", images, 2000, 0, AS_FOUND, [subject])
    train, val = (outputs_of(subject, one, 0, lambda _line: None) for one in looked.looked)
    assert train.labels is not None
    assert val.labels is not None
    labels, truth = train.labels.numpy(), val.labels.numpy()
    bank, query = train.features.double().numpy(), val.features.double().numpy()
    one, other = val.views.double().numpy()
    viewed = list(val.looked.viewed)
    numbers = numbers_of(val)
    for key, expected in of_views(query[viewed], one, other, truth[viewed]).items():
        found = getattr(numbers, key)
        found = found.value if isinstance(found, Score) else found
        # A view and an image may be as near as float32 can tell.
        tolerance = 100.5 / len(viewed) if "discrimination" in key else 2e-3 * abs(expected)
        assert found == pytest.approx(expected, abs=tolerance), key
    votes = ask_held_out(train, val, len(looked.dataset.classes))
    assert votes is not None
    one_image = 100.5 / len(truth)
    for k in KNN_KS:
        expected = knn_percent(bank, labels, query, truth, k)
        assert votes.knn[k].value == pytest.approx(expected, abs=one_image)
    expected = best_nn_percent(bank, labels, query, truth)
    assert votes.best_nn.score.value == pytest.approx(expected, abs=one_image)
    unit = [rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in (bank, query)]
    expected = best_nn_percent(unit[0], labels, unit[1], truth)
    assert votes.best_nn_unit.score.value == pytest.approx(expected, abs=one_image)
