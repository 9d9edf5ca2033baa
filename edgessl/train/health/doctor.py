"""Says while a method trains whether it learns, and if not, how its outputs have collapsed.

Nothing is called collapse on one sign alone. The loss must stand at chance, which is where outputs
that do not depend on the image leave it (ln K, ln P, ln(2B - 1), ln(1 + queue), 0 for BYOL), and
the outputs themselves must show it; or they show it in two ways. Both are means over 50 steps,
counted from the end of the warm-up, and two such windows in a row must say so: early in training
outputs may draw together and part again. `bench/LOG.md`, "The doctor", has the runs that the
thresholds were set by.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import log
from typing import Any, Literal, get_args

import torch
from torch import Tensor

from edgessl.methods import signs
from edgessl.recipe.method_tables import MethodTable
from edgessl.recipe.optim_tables import Optim
from edgessl.train import StepRecord
from edgessl.train.health.advice import advice

Word = Literal[
    "warming up", "healthy", "uniform", "collapsed", "starved", "narrow", "scattered"
]  # fmt: skip

WINDOW = 50  # steps
AT_CHANCE = 0.02  # a loss less than this share below chance stands there
UNIFORM = 0.98  # share of ln K from which on target entropy counts as all of it
SAME_TARGETS = 0.05  # nats that the targets tell about the image, below which they are all alike
STILL = 0.15  # spread below which outputs count as the same for all images, if at chance, and
CONSTANT = 0.1  # if in few dimensions besides, wherever the loss is
FEW_PROTOTYPES = 0.05  # share of prototypes that win, below which they are few
FEW_DIMENSIONS = 2.0
NOT_FOUND = 0.02  # how often a view finds another of its image, above chance, if not at all


@dataclass(frozen=True, slots=True)
class Window:
    """Means over 50 steps.

    Attributes:
        chance_loss: Loss of outputs that do not depend on the image.
        below_chance: Share of it that the loss lies below it, in [-1, 1].
        spread: Of projections: 1 in all directions alike, 0 for the same one everywhere.
        dimensions: That projections vary in.
        views_found: How often a view finds another one of its image, above chance; 1 at most.
        target_entropy: Of the targets, in nats; None without prototypes, like what follows.
        target_information: How much targets tell about the image, in nats.
        prototypes_used: Prototypes that won at least once.
        prototype_use: The same as a share of those that could have.
        prototypes: All of them.
    """

    chance_loss: float
    below_chance: float
    spread: float
    dimensions: float
    views_found: float | None = None
    target_entropy: float | None = None
    target_information: float | None = None
    prototypes_used: int | None = None
    prototype_use: float | None = None
    prototypes: int | None = None

    def figures(self) -> dict[str, float]:
        """Return what is known, rounded, for the log."""
        values = {
            name: getattr(self, name)
            for name in ("below_chance", "spread", "dimensions", "views_found", "target_entropy",
                         "target_information", "prototype_use")
        }  # fmt: skip
        return {name: round(value, 4) for name, value in values.items() if value is not None}


def judge(window: Window) -> Word:
    """Name the health of a method.

    Args:
        window: What it did over 50 steps.
    """
    at_chance = window.below_chance < AT_CHANCE
    few_dimensions = window.dimensions < FEW_DIMENSIONS
    few_prototypes = window.prototype_use is not None and window.prototype_use < FEW_PROTOTYPES
    entropy, information = window.target_entropy, window.target_information
    same_targets = information is not None and information < SAME_TARGETS
    if at_chance:
        if entropy is not None and entropy > UNIFORM * log(window.prototypes or 1):
            return "uniform"
        if window.spread < STILL:
            return "collapsed"
        if same_targets:
            return "starved" if few_prototypes else "collapsed"
        if few_dimensions:
            return "narrow"
    if window.spread < CONSTANT and few_dimensions:
        # MoCo's loss falls even then: keys of a step are alike, and unlike those of earlier steps.
        return "collapsed"
    if few_prototypes and (at_chance or few_dimensions):
        return "starved"
    if at_chance and window.views_found is not None and window.views_found < NOT_FOUND:
        # BN behind the projector keeps outputs apart even then: but not by image.
        return "scattered"
    return "healthy"


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What the doctor says after a window.

    Attributes:
        word: The health.
        window: What it was judged by.
        advice: What it means and what to change; empty if healthy.
        before: The word of the window before.
    """

    word: Word
    window: Window
    advice: str
    before: Word

    @property
    def changed(self) -> bool:
        """Whether the word is another one than before."""
        return self.word != self.before

    def entry(self) -> dict[str, Any]:
        """Return a line of the log; it has the advice where the word changes."""
        told = {"advice": self.advice} if self.changed and self.advice else {}
        return {"health": self.word, **self.window.figures(), **told}


class Doctor:
    """Watches a self-supervised stage.

    What it remembers stays on the device until a window is full, so that a GPU never waits.

    Args:
        method: The method's settings.
        optim: Says when the warm-up ends; also for the advice.
        ends_run: Whether collapse is to end the run.
        optim_key: Where the recipe gives ``optim``.

    Attributes:
        word: The health as last judged.
        words: What it may be.
    """

    words = get_args(Word)

    def __init__(
        self,
        method: MethodTable,
        optim: Optim,
        *,
        ends_run: bool = False,
        optim_key: str = "optim",
    ) -> None:
        self.word: Word = "warming up"
        self.ends_run = ends_run
        self._method = method
        self._optim = optim
        self._optim_key = optim_key
        self._suspicious = False  # one bad window is none: outputs may draw together and part
        self._names: list[str] = []
        self._steps, self._targets = 0, 0
        self._sums: Tensor | None = None
        self._won: Tensor | None = None

    @property
    def word_to_show(self) -> str:
        """The word beside the progress; "warming up" would be taken for the learning rate's."""
        return "health not judged yet" if self.word == "warming up" else self.word

    @property
    def ill(self) -> bool:
        """Whether the outputs have collapsed, in one way or another."""
        return self.word not in ("warming up", "healthy")

    def advice(self) -> str:
        """Say what to change."""
        if not self.ill:
            return ""
        return advice(self._method, self._optim, self.word, self._optim_key)

    def look(self, record: StepRecord) -> Diagnosis | None:
        """Take a step into account.

        Args:
            record: The step.

        Returns:
            A diagnosis, if a window is full.
        """
        warm = record.clock.step > self._optim.warmup(record.clock)
        if record.skipped or not warm or not signs.is_reported(record.log):
            return None
        self._names = [name for name in signs.NAMES if name in record.log]
        values = torch.stack([record.log[name].detach().float() for name in self._names])
        sums = torch.zeros_like(values) if self._sums is None else self._sums
        self._sums = sums.to(values.device) + values  # a restored one may be elsewhere
        if record.winners is not None:
            self._win(record.winners)
        self._steps += 1
        if self._steps < WINDOW:
            return None
        window = self._window()
        self._forget()
        found, before = judge(window), self.word
        if found == "healthy" or self._suspicious:
            self.word = found
        self._suspicious = found != "healthy"
        return Diagnosis(self.word, window, self.advice(), before)

    def _win(self, winners: Tensor) -> None:
        if self._won is None:
            prototypes = int(getattr(self._method, "prototypes", 0))
            self._won = torch.zeros(prototypes, dtype=torch.bool)
        self._won = self._won.to(winners.device).index_fill(0, winners, True)
        self._targets += len(winners)

    def state(self) -> dict[str, Any]:
        """Return what it remembers, as tensors and plain values."""
        return {
            "word": self.word, "suspicious": self._suspicious,
            "steps": self._steps, "targets": self._targets,
            "names": list(self._names), "sums": self._sums, "won": self._won,
        }  # fmt: skip

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from what it remembered.

        Args:
            state: Of ``state``, on any device.
        """
        self.word, self._suspicious = state["word"], bool(state["suspicious"])
        self._names = list(state["names"])
        self._steps, self._targets = int(state["steps"]), int(state["targets"])
        self._sums, self._won = state["sums"], state["won"]

    def _forget(self) -> None:
        self._steps, self._targets = 0, 0
        self._sums, self._won = None, None

    def _window(self) -> Window:
        assert self._sums is not None  # a full window has steps
        means = dict(zip(self._names, (self._sums / self._steps).tolist(), strict=True))
        if self._won is None:
            return Window(**means)
        used = int(self._won.sum())
        return Window(
            **means,
            prototypes_used=used,
            prototype_use=used / min(len(self._won), self._targets),
            prototypes=len(self._won),
        )
