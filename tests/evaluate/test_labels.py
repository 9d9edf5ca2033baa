"""Classes are matched by name, never by index; unknown ones are listed and refused."""

from __future__ import annotations

import pytest

from edgessl.errors import UserError
from edgessl.evaluate.network import match_classes


def test_order_does_not_matter() -> None:
    assert match_classes(["hat", "shoe"], ["dress", "shoe", "hat"], "closet") == [2, 1]


def test_all_unknown_classes_are_listed_with_the_nearest_known_one() -> None:
    with pytest.raises(UserError) as caught:
        match_classes(["hat", "shoo", "zebra"], ["hat", "shoes"], "closet")
    assert str(caught.value) == (
        "closet: must have only classes that the classifier knows, got 2 unknown: "
        "'shoo' (did you mean shoes?), 'zebra'; rename or remove them, "
        "or score the features with --protocol knn"
    )


def test_a_long_list_is_cut_short() -> None:
    with pytest.raises(UserError, match=r"got 20 unknown: .* and 12 more"):
        match_classes([f"new{index}" for index in range(20)], ["hat"], "closet")
