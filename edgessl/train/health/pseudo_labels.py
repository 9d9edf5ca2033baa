"""Says while a semi-supervised stage trains whether its pseudo-labels can teach anything.

As for pretraining, two windows of steps in a row must say that something is wrong.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, log
from typing import Any, Literal, get_args

import torch
from torch import Tensor

from edgessl.recipe.semi_table import SemiTable
from edgessl.runs.stages import CONFIDENT
from edgessl.train import StepRecord

Word = Literal["warming up", "healthy", "unsure", "few classes"]

WINDOW = 25  # steps; a whole stage may have some hundred
UNSURE = 2.0  # percent that count, below which images without label teach next to nothing
FEW_CLASSES = 0.4  # share of the classes, by the exponential of their entropy, below which few win

MEANINGS = {
    "unsure": "next to no pseudo-label is confident enough to count",
    "few classes": "pseudo-labels are of a few classes for nearly all images",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """What is found after a window.

    Attributes:
        word: The health.
        before: The word of the window before.
        advice: What it means and what to change; empty if healthy.
        confident_percent: How much of the pseudo-labels counted.
        classes_used: Classes among them: as many as would have the same entropy if all were alike.
    """

    word: Word
    before: Word
    advice: str
    confident_percent: float
    classes_used: float

    @property
    def changed(self) -> bool:
        """Whether the word is another one than before."""
        return self.word != self.before

    def entry(self) -> dict[str, Any]:
        """Return a line of the log; it has the advice where the word changes."""
        told = {"advice": self.advice} if self.changed and self.advice else {}
        return {
            "health": self.word, "pseudo_labels_confident": round(self.confident_percent, 2),
            "pseudo_label_classes": round(self.classes_used, 2), **told,
        }  # fmt: skip


class PseudoLabelDoctor:
    """Watches a semi-supervised stage.

    Args:
        classes: Number ``K``.
        table: Settings, for the advice.

    Attributes:
        word: The health as last judged.
        words: What it may be.
        ends_run: False: fine-tuning goes on, its labelled images teach it anyway.
    """

    words = get_args(Word)
    ends_run = False

    def __init__(self, classes: int, table: SemiTable) -> None:
        self.word: Word = "warming up"
        self._table = table
        self._names = [CONFIDENT, *map(str, range(classes))]
        self._suspicious = False
        self._steps = 0
        self._sums: Tensor | None = None

    @property
    def word_to_show(self) -> str:
        """The word beside the progress."""
        return "pseudo-labels not judged yet" if self.word == "warming up" else self.word

    @property
    def ill(self) -> bool:
        """Whether pseudo-labels teach nothing, or the wrong thing."""
        return self.word in MEANINGS

    def advice(self) -> str:
        """Say what to change."""
        return _advice(self.word, self._table) if self.ill else ""

    def look(self, record: StepRecord) -> Finding | None:
        """Take a step into account.

        Args:
            record: The step; one without pseudo-labels, as of the warm-up, changes nothing.

        Returns:
            A finding, if a window is full.
        """
        if record.skipped or record.winners is None:
            return None
        counts = torch.bincount(record.winners, minlength=len(self._names) - 1).float()
        row = torch.cat([record.log[CONFIDENT].detach().float().reshape(1), counts])
        self._sums = row if self._sums is None else self._sums.to(row.device) + row
        self._steps += 1
        if self._steps < WINDOW:
            return None
        confident, *of_class = self._sums.tolist()
        confident /= self._steps
        self._steps, self._sums = 0, None
        used, before = effective(of_class), self.word
        found = judge(confident, used / len(of_class))
        if found == "healthy" or self._suspicious:
            self.word = found
        self._suspicious = found != "healthy"
        return Finding(self.word, before, self.advice(), confident, used)

    def state(self) -> dict[str, Any]:
        """Return what it remembers, as tensors and plain values."""
        return {
            "word": self.word, "suspicious": self._suspicious, "steps": self._steps, "targets": 0,
            "names": list(self._names), "sums": self._sums, "won": None,
        }  # fmt: skip

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from what it remembered.

        Args:
            state: Of ``state``, on any device.
        """
        self.word, self._suspicious = state["word"], bool(state["suspicious"])
        self._steps, self._sums = int(state["steps"]), state["sums"]


def judge(confident_percent: float, classes_share: float) -> Word:
    """Name the health of pseudo-labels.

    Args:
        confident_percent: How much of them counts.
        classes_share: Share of the classes among them.
    """
    if confident_percent < UNSURE:
        return "unsure"
    return "few classes" if classes_share < FEW_CLASSES else "healthy"


def effective(counts: list[float]) -> float:
    """Return how many classes would have the entropy of some counts if all were alike."""
    total = sum(counts) or 1.0
    shares = [count / total for count in counts if count]
    return exp(-sum(share * log(share) for share in shares))


def _advice(word: Word, table: SemiTable) -> str:
    wanted = []
    if word == "unsure":
        if table.name in ("fixmatch", "flexmatch"):
            wanted.append(f"a lower finetune.semi.threshold (now {table.threshold:g})")
            wanted.append("finetune.semi.name = 'softmatch', which needs none")
        if table.label_smoothing:
            wanted.append(f"finetune.semi.label_smoothing = 0 (now {table.label_smoothing:g})")
        wanted.append("more epochs of fine-tuning before by finetune.head_warmup_percent")
    else:
        if table.alignment == "none":
            wanted.append("finetune.semi.alignment = 'labels'")
        wanted.append(f"a lower finetune.semi.weight (now {table.weight:g})")
        wanted.append("more labels of the classes that are missed")
    return f"{MEANINGS[word]}. Try {', or '.join(wanted[:3])}"
