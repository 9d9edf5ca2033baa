"""Training of a classifier: fine-tuning, the regrown stage's warm-up, and the baselines."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from torch import Tensor, nn

from edgessl.backbones import Backbone, Classifier
from edgessl.losses.binary_cross_entropy import asymmetric_loss, binary_cross_entropy
from edgessl.losses.mixed_cross_entropy import mixed_cross_entropy
from edgessl.losses.precision import at_least_fp32
from edgessl.methods.method import Step
from edgessl.methods.mixup import draw_mixup
from edgessl.schedules import Clock

Objective = Callable[[Tensor, Tensor, Tensor, float], tuple[Tensor, dict[str, Tensor]]]
"""Logits ``(B, K)``, the labels of two mixed images, the weight of the first: loss and figures."""


@dataclass(frozen=True, slots=True, eq=False)
class _OneLabel:
    """An objective; a value, not a function in a function, so that processes can send it."""

    label_smoothing: float
    class_weights: Tensor | None
    logit_offsets: Tensor | None

    def __call__(
        self, logits: Tensor, own: Tensor, others: Tensor, weight: float
    ) -> tuple[Tensor, dict[str, Tensor]]:
        weights, offsets = self.class_weights, self.logit_offsets
        loss = mixed_cross_entropy(
            logits if offsets is None else logits + offsets.to(logits.device), own, others,
            weight=weight, label_smoothing=self.label_smoothing,
            class_weights=None if weights is None else weights.to(logits.device),
        )  # fmt: skip
        correct = (logits.detach().argmax(dim=1) == own).float().mean() * 100.0
        return loss, {"train_top1_percent": correct}


def one_label(
    label_smoothing: float,
    class_weights: Tensor | None = None,
    logit_offsets: Tensor | None = None,
) -> Objective:
    """Learn one class an image, by cross-entropy.

    Args:
        label_smoothing: Share of the target spread over all classes, in [0, 1].
        class_weights: What an image of each class counts, ``(K,)``; None for 1.
        logit_offsets: Added to the logits in the loss alone, ``(K,)``; None for none.
    """
    return _OneLabel(label_smoothing, class_weights, logit_offsets)


@dataclass(frozen=True, slots=True)
class _SeveralLabels:
    """An objective, as ``_OneLabel``."""

    loss: Literal["binary-cross-entropy", "asymmetric"]
    label_smoothing: float

    def __call__(
        self, logits: Tensor, own: Tensor, others: Tensor, weight: float
    ) -> tuple[Tensor, dict[str, Tensor]]:
        logits = at_least_fp32(logits)
        right = ((logits.detach() > 0) == (own > 0.5)).float().mean() * 100.0
        targets = own if weight == 1.0 else weight * own + (1.0 - weight) * others
        if self.loss == "asymmetric":
            cost = asymmetric_loss(logits, targets)
        else:
            cost = binary_cross_entropy(logits, targets, label_smoothing=self.label_smoothing)
        return cost, {"train_labels_right_percent": right}


def several_labels(
    loss: Literal["binary-cross-entropy", "asymmetric"], label_smoothing: float
) -> Objective:
    """Learn for every class whether an image shows it.

    Args:
        loss: Which one.
        label_smoothing: Share of every target spread over shown and not shown, in [0, 1].
    """
    return _SeveralLabels(loss, label_smoothing)


class Supervised(nn.Module):
    """A classifier on one view, with mixup where asked: cross-entropy unless told otherwise.

    Args:
        classifier: The network to train.
        mixup_alpha: Parameter of the Beta distribution of the mixing weight; 0 for none.
        frozen: Modules whose BN statistics stay as they are.
        head_warmup: Steps of a clock's stage in which the classifier alone is trained; None for
            none.
        objective: What is learned; None for one label an image, as it is.

    Source:
        Mixup: one draw a batch, as S3L's fine-tuning. The batch is the global one: weight and
        partners are the first process's draw, and partners come from every process.
    """

    def __init__(
        self,
        classifier: Classifier,
        *,
        mixup_alpha: float = 0.0,
        frozen: tuple[nn.Module, ...] = (),
        head_warmup: Callable[[Clock], int] | None = None,
        objective: Objective | None = None,
    ) -> None:
        super().__init__()
        self.classifier = classifier
        self._objective = objective or one_label(0.0)
        self.mixup_alpha = mixup_alpha
        self._frozen = frozen
        self._head_warmup = head_warmup

    @property
    def backbone(self) -> Backbone:
        """The network that is kept."""
        return self.classifier.backbone

    def train(self, mode: bool = True) -> Supervised:
        """Switch to training mode; frozen modules stay in evaluation mode."""
        super().train(mode)
        for module in self._frozen:
            module.eval()
        return self

    def forward(self, views: list[Tensor], labels: Tensor | None, clock: Clock) -> Step:
        """Compute the loss.

        Args:
            views: One group of one view, ``(1, B, 3, H, W)``.
            labels: Class of each image, ``(B,)``; ``(B, K)`` where they may have several.
            clock: Says whether the backbone is trained yet.

        Raises:
            ValueError: There are no labels.
        """
        if labels is None:
            raise ValueError("supervised training needs labels")
        images, warming = views[0][0], self._warms_up(clock)
        if warming:
            self.backbone.eval()
        elif self.training and not self.backbone.training:
            self.train()
        mixup = draw_mixup(self.mixup_alpha, len(labels))
        logits = self.classifier(mixup.images(images))
        loss, log = self._objective(logits, labels, mixup.partners_of(labels), mixup.weight)
        still = (param for param in self.backbone.parameters() if param.requires_grad and warming)
        return Step(loss, log, tuple(still))

    def _warms_up(self, clock: Clock) -> bool:
        return self._head_warmup is not None and clock.step < self._head_warmup(clock)

    def after_step(self, clock: Clock) -> None:
        """Do nothing: no network follows this one."""
