"""The network that is shown to name more is taken, or the cheapest that is not shown worse."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from edgessl.diagnose.choice import choose
from edgessl.diagnose.judge import judge
from edgessl.diagnose.neighbours import Neighbours
from edgessl.metrics.interval import Score


def numbers(**changed: Any) -> Any:
    """Numbers of healthy features, but for what a test changes."""
    usual = {
        "split": "val", "instance_discrimination": Score.from_counts(95, 100), "invariance": 0.2,
        "class_spread": 0.6, "effective_rank": 60.0, "viewed": 100, "feature_dim": 128, "dead": 0,
        "spread": 0.8, "dimensions": 20.0,
    }  # fmt: skip
    return SimpleNamespace(**{**usual, **changed})


@dataclass
class Network:
    name: str
    right: int | None
    macs: float | None = 100e6
    judged: Any = field(default_factory=numbers)
    in_train: Any = None

    @property
    def held_out(self) -> Neighbours | None:
        if self.right is None:
            return None
        score = Score.from_counts(self.right, 200)
        best: Any = None
        return Neighbours(
            "val", 500, {20: score}, best, best, np.arange(200) < self.right, {0: (self.right, 200)}
        )

    @property
    def neighbours(self) -> Neighbours | None:
        return self.held_out


def test_the_one_that_names_more_is_taken_where_that_is_shown() -> None:
    found = choose([Network("a", 100), Network("b", 150)], "")
    assert found.take == "b"
    assert "name the class of 75.0 % of 200 val images, shown to be more than a" in found.sentence
    (difference,) = found.differences
    assert (difference.name, difference.value) == ("a", 25.0)
    assert 0 < difference.low < 25 < difference.high


def test_the_cheaper_is_taken_where_neither_is_shown_to_be_better() -> None:
    found = choose([Network("large", 151, 300e6), Network("small", 150, 30e6)], "")
    assert found.take == "small"
    assert "not shown to be worse than large" in found.sentence
    assert "30.0 M MACs an image against 300.0 M" in found.sentence


def test_equal_cost_leaves_the_highest_and_says_that_it_is_not_shown() -> None:
    found = choose([Network("a", 151), Network("b", 150)], "")
    assert found.take == "a"
    assert "not shown to be more than b" in found.sentence


def test_what_is_wrong_with_the_others_is_said() -> None:
    found = choose([Network("a", 100), Network("b", 150)], "", {"a": ["is narrow", "is blind"]})
    assert found.sentence.endswith(" a is narrow, and is blind.")


def test_without_labels_nothing_is_taken() -> None:
    found = choose([Network("a", None), Network("b", None)], "")
    assert found.take == ""
    assert found.sentence.startswith("Without labels")


def test_one_network_is_not_compared() -> None:
    assert choose([Network("a", 3)], "What it is like.").sentence == "What it is like."


@pytest.mark.parametrize(
    ("changed", "about", "word"),
    [
        ({"spread": 0.01, "dimensions": 1.0}, "spread", "collapsed"),
        ({"class_spread": 0.97}, "grouping", "Over-clustered"),
        ({"class_spread": 0.97, "instance_discrimination": Score.from_counts(60, 100)}, "grouping",
         "do not group"),
        ({"instance_discrimination": Score.from_counts(20, 100)}, "views", "Only"),
        ({"invariance": 0.8}, "views", "but"),
        ({"dimensions": 3.0}, "directions", "Narrow"),
        ({"dead": 100}, "directions", "hardly"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_and_has_a_way_out(
    changed: dict[str, Any], about: str, word: str
) -> None:
    network = Network("a", 150, judged=numbers(**changed))
    found = [one for one in judge(network, ["x"], (20.0, 10.0, 30.0)) if one.kind == "wrong"]
    assert [one.about for one in found] == [about]
    assert word in found[0].text
    assert found[0].todo


def test_healthy_features_have_nothing_wrong() -> None:
    found = judge(Network("a", 150), ["x"], (20.0, 10.0, 30.0))
    assert {one.kind for one in found} == {"good"}


def test_features_that_add_nothing_to_raw_pixels_are_wrong() -> None:
    found = judge(Network("a", 150), ["x"], (1.0, -3.0, 5.0))
    assert found[0].kind == "wrong"
    assert "not shown to be more than raw pixels" in found[0].text
