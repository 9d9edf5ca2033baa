"""Answers of classifiers of several labels are compared where they are of the same images."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edgessl.report.compare.several import SeveralAnswers, paired_map, read_answers


def answers(noise: float, seed: int = 0) -> SeveralAnswers:
    draw = np.random.default_rng(seed)
    shown = np.random.default_rng(9).random((60, 3)) < 0.4
    return SeveralAnswers(
        np.array([f"{n:016x}" for n in range(60)]),
        shown + noise * draw.standard_normal((60, 3)), shown, np.zeros_like(shown),
    )  # fmt: skip


def test_the_same_images_are_compared_paired() -> None:
    found = paired_map(answers(0.2), answers(1.5, seed=1))
    assert found is not None
    assert 0 < found["low"] < found["value"] < found["high"]


def test_other_images_or_labels_are_not() -> None:
    one = answers(0.2)
    assert paired_map(one, replace(one, digests=one.digests[::-1])) is None
    assert paired_map(one, replace(one, shown=~one.shown)) is None


def test_what_is_kept_is_read_back_and_damage_is_nothing(tmp_path: Path) -> None:
    one = answers(0.2)
    path = tmp_path / "ckpt.answers.npz"
    np.savez_compressed(
        path, chances=one.chances, shown=one.shown, difficult=one.difficult, digests=one.digests
    )
    found = read_answers(path)
    assert found is not None
    assert found.chances == pytest.approx(one.chances)
    path.write_bytes(path.read_bytes()[:200])
    assert read_answers(path) is None
    assert read_answers(tmp_path / "other.npz") is None
