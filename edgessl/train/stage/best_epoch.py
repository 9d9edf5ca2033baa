"""Which epoch of a supervised stage is kept: the best one on ``val``, or the last."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import sqrt
from typing import Any

from torch import Tensor, nn

FEWEST_IMAGES = 100
"""Of ``val``; with fewer, the best of many epochs is the luckiest one."""


@dataclass(frozen=True, slots=True)
class Kept:
    """The epoch that a stage leaves.

    Attributes:
        epoch: Which, from 1.
        last: The last one that was trained.
        epochs: How many were planned.
        why: Why this one, in words.
        weights: Of the network; None where it is the last one, whose weights are in place.
        val_top1: Percent of ``val`` that it gets right; None where that is not known.
        last_val_top1: The same of the last epoch.
    """

    epoch: int
    last: int
    epochs: int
    why: str
    weights: dict[str, Tensor] | None = None
    val_top1: float | None = None
    last_val_top1: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return all but the weights as plain values, without what is not known."""
        plain = {"epoch": self.epoch, "last": self.last, "epochs": self.epochs, "why": self.why}
        figures = {"val_top1": self.val_top1, "last_val_top1": self.last_val_top1}
        return plain | {name: value for name, value in figures.items() if value is not None}


class BestEpoch:
    """Follows a network's answers on ``val``, and keeps its weights at the best epoch.

    Args:
        network: Whose weights are kept.
        epochs: Planned for the stage.
        keeps_best: Whether the best epoch may be kept; otherwise the last one is.
        patience: Epochs without a better one after which the stage ends; None to go on.
    """

    def __init__(
        self, network: nn.Module, epochs: int, *, keeps_best: bool, patience: int | None = None
    ) -> None:
        self.network = network
        self._epochs = epochs
        self._keeps_best = keeps_best
        self._patience = patience
        self._best: dict[str, Any] | None = None  # epoch, right, weights
        self._last: dict[str, Any] | None = None  # epoch, right
        self._since = 0  # the epoch that patience counts from at the earliest

    def note(self, epoch: int, right: Tensor) -> None:
        """Look at the network as it is after an epoch.

        Args:
            epoch: From 1, ascending.
            right: Whether it gets each image of ``val`` right, ``(N,)`` bool; always of the same
                images.
        """
        right = right.cpu()
        self._last = {"epoch": epoch, "right": right}
        if self._keeps_best and _enough(right) and (
            self._best is None or int(right.sum()) > int(self._best["right"].sum())
        ):
            weights = {key: value.detach().cpu().clone()
                       for key, value in self.network.state_dict().items()}  # fmt: skip
            self._best = {"epoch": epoch, "right": right, "weights": weights}

    @property
    def asked(self) -> int | None:
        """How many images of ``val`` were asked so far; None before the first look."""
        return None if self._last is None else len(self._last["right"])

    @property
    def ended(self) -> bool:
        """Whether patience has ended the stage."""
        if self._patience is None or self._best is None or self._last is None:
            return False
        return bool(self._last["epoch"] - max(self._since, self._best["epoch"]) >= self._patience)

    def choose(self) -> Kept:
        """Say which epoch is kept, at the end of the stage.

        The last one, unless another is better on ``val`` by more than a standard error of the
        difference, paired image by image; or the best one, where patience ended the stage.

        Source:
            The one-standard-error rule: Breiman et al. 1984, Classification and Regression Trees.
        """
        if self._last is None:
            why = "val is not scored: it has no images, or several labels each (no epoch is chosen)"
            return Kept(self._epochs, self._epochs, self._epochs, why)
        last, right = int(self._last["epoch"]), self._last["right"]
        percent = _percent(right)
        if not self._keeps_best:
            why = "the recipe keeps it (finetune.keep = 'last')"
            return Kept(last, last, self._epochs, why, None, percent, percent)
        if self._best is None:
            why = f"val has {len(right)} images, and choosing an epoch takes {FEWEST_IMAGES}"
            return Kept(last, last, self._epochs, why, None, percent, percent)
        best, found = int(self._best["epoch"]), _percent(self._best["right"])
        if best == last:
            why = "it is the best on val"
            return Kept(last, last, self._epochs, why, None, percent, percent)
        facts = f"{found:.1f} % against {percent:.1f} % on {len(right)} images of val"
        if self.ended or _clearly_better(self._best["right"], right):
            ended = f", and none was better until epoch {last}" if self.ended else ""
            return Kept(
                best, last, self._epochs, f"{facts}{ended}", self._best["weights"], found, percent
            )
        why = f"epoch {best} is not better by more than a standard error ({facts})"
        return Kept(last, last, self._epochs, why, None, percent, percent)

    def state(self) -> dict[str, Any]:
        """Return what it knows as tensors and plain values."""
        return {"epochs": self._epochs, "best": self._best, "last": self._last,
                "since": self._since}  # fmt: skip

    def restore(self, saved: Mapping[str, Any]) -> None:
        """Go on from what ``state`` returned; in a stage made longer, patience counts anew."""
        self._best, self._last, self._since = saved["best"], saved["last"], saved["since"]
        if saved["epochs"] != self._epochs and self._last is not None:
            self._since = int(self._last["epoch"])


def _enough(right: Tensor) -> bool:
    return len(right) >= FEWEST_IMAGES


def _percent(right: Tensor) -> float:
    return round(100.0 * int(right.sum()) / len(right), 2)


def _clearly_better(one: Tensor, other: Tensor) -> bool:
    """Say whether the first is better by more than a standard error of the paired difference.

    As in ``paired_difference``, half an image more of each kind: one image is never enough.
    """
    gained, lost = int((one & ~other).sum()), int((other & ~one).sum())
    difference = gained - lost
    return difference > sqrt(gained + lost + 1 - difference**2 / (len(one) + 2))
