"""Training on few labels and on images without: weak views say what strong ones should show."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, one_hot, softmax

from edgessl.backbones import Backbone, Classifier
from edgessl.distributed.collectives import gather
from edgessl.losses.precision import at_least_fp32
from edgessl.losses.weighted_cross_entropy import weighted_cross_entropy
from edgessl.methods.ema import teacher_of, update_teacher
from edgessl.methods.method import Step
from edgessl.methods.semi.build import AnyRule
from edgessl.methods.semi.pseudo_labels import PseudoLabels
from edgessl.recipe.semi_table import SemiTable
from edgessl.runs.stages import CONFIDENT, TRAIN_TOP1
from edgessl.schedules import Clock


class SemiSupervised(nn.Module):
    """Cross-entropy to labels, and to pseudo-labels of images that have none.

    Labelled and strong views go through the network together, weak ones alone and without gradient.

    Args:
        classifier: The network to train.
        table: Settings.
        rule: Judges pseudo-labels.
        alignment: Comes before it.
        frozen: Modules whose BN statistics stay as they are.
        head_warmup: Steps of a clock's stage in which the classifier alone is trained, on labels;
            None for none.

    Attributes:
        average: The running average of the classifier: what is scored and kept.
    """

    def __init__(
        self,
        classifier: Classifier,
        table: SemiTable,
        rule: AnyRule,
        alignment: nn.Module,
        *,
        frozen: tuple[nn.Module, ...] = (),
        head_warmup: Callable[[Clock], int] | None = None,
    ) -> None:
        super().__init__()
        self.classifier = classifier
        self.average = teacher_of(classifier)
        self.table = table
        self.rule = rule
        self.alignment = alignment
        self._frozen = frozen
        self._head_warmup = head_warmup

    @property
    def backbone(self) -> Backbone:
        """The network that is trained; the one that is kept follows it."""
        return self.classifier.backbone

    def train(self, mode: bool = True) -> SemiSupervised:
        """Switch to training mode; frozen modules and the average stay in evaluation mode."""
        super().train(mode)
        for module in (*self._frozen, self.average):
            module.eval()
        return self

    def forward(self, views: list[Tensor], labels: Tensor | None, clock: Clock) -> Step:
        """Compute the loss.

        Args:
            views: Of labelled images ``(1, B, 3, H, W)``; weak ones of the others, and strong ones
                of the same, ``(1, M, 3, H, W)`` each.
            labels: Class of each labelled image; ``-1 - position`` of each other, ``(B + M,)``.
            clock: Says whether the backbone is trained yet.

        Raises:
            ValueError: There are no labels.
        """
        if labels is None:
            raise ValueError("semi-supervised training needs labels")
        images, count = views[0][0], views[0].shape[1]
        known, positions = labels[:count], -1 - labels[count:]
        if self._warms_up(clock):
            self.backbone.eval()
            logits = self.classifier(images)
            loss = self._labelled(logits, known)
            still = tuple(one for one in self.backbone.parameters() if one.requires_grad)
            return Step(loss, self._log(logits, known, torch.zeros_like(loss)), still)
        if self.training and not self.backbone.training:
            self.train()
        probabilities = self._predicted(views[1][0])
        found: PseudoLabels = self.rule(probabilities, positions)
        logits = self.classifier(torch.cat([images, views[2][0]]))
        strong = at_least_fp32(logits[count:])
        targets = one_hot(found.classes, strong.shape[1]).to(strong.dtype)
        unlabelled = weighted_cross_entropy(strong, targets, found.weights)
        unlabelled = unlabelled + self.rule.regulariser(strong, found)
        supervised = self._labelled(logits[:count], known)
        loss = supervised + self._weight(clock) * unlabelled
        log = self._log(logits[:count], known, found.weights.mean())
        return Step(loss, log, winners=gather(found.classes))

    def _labelled(self, logits: Tensor, labels: Tensor) -> Tensor:
        return cross_entropy(
            at_least_fp32(logits), labels, label_smoothing=self.table.label_smoothing
        )

    def _log(self, logits: Tensor, labels: Tensor, counts: Tensor) -> dict[str, Tensor]:
        right = (logits.detach().argmax(dim=1) == labels).float().mean()
        return {TRAIN_TOP1: right * 100.0, CONFIDENT: counts.detach() * 100.0}

    @torch.no_grad()
    def _predicted(self, weak: Tensor) -> Tensor:
        """Return aligned probabilities of weak views, ``(M, K)``."""
        network = self.average if self.table.pseudo_labels_by == "average" else self.classifier
        aligned: Tensor = self.alignment(softmax(at_least_fp32(network(weak)), dim=1))
        return aligned

    def _warms_up(self, clock: Clock) -> bool:
        return self._head_warmup is not None and clock.step < self._head_warmup(clock)

    def _weight(self, clock: Clock) -> float:
        """Return the weight of images without label at a step."""
        ramp = self.table.ramp_percent / 100.0 * clock.total_steps
        return self.table.weight * min(1.0, (clock.step + 1) / ramp if ramp else 1.0)

    @torch.no_grad()
    def after_step(self, clock: Clock) -> None:
        """Let the average follow, running statistics included; at once in the first steps."""
        warming = self._warms_up(clock)
        done = int(clock.step) - (self._head_warmup(clock) if self._head_warmup else 0)
        decay = 0.0 if warming else min(self.table.average_decay, (1 + done) / (10 + done))
        update_teacher(self.average, self.classifier, decay)
        for kept, now in zip(self.average.buffers(), self.classifier.buffers(), strict=True):
            if kept.is_floating_point():
                kept.lerp_(now, 1.0 - decay)
            else:
                kept.copy_(now)
