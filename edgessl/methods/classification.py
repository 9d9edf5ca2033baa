"""Training of a classifier: fine-tuning, the regrown stage's warm-up, and the baselines."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn

from edgessl.backbones import Backbone, Classifier
from edgessl.losses.mixed_cross_entropy import mixed_cross_entropy
from edgessl.methods.method import Step
from edgessl.methods.mixup import draw_mixup
from edgessl.schedules import Clock


class Supervised(nn.Module):
    """Cross-entropy on one view, with label smoothing and mixup where asked.

    Args:
        classifier: The network to train.
        label_smoothing: Share of the target spread over all classes, in [0, 1].
        mixup_alpha: Parameter of the Beta distribution of the mixing weight; 0 for none.
        frozen: Modules whose BN statistics stay as they are.
        head_warmup: Steps of a clock's stage in which the classifier alone is trained; None for
            none.

    Source:
        Mixup: one draw a batch, as S3L's fine-tuning. The batch is the global one: weight and
        partners are the first process's draw, and partners come from every process.
    """

    def __init__(
        self,
        classifier: Classifier,
        *,
        label_smoothing: float = 0.0,
        mixup_alpha: float = 0.0,
        frozen: tuple[nn.Module, ...] = (),
        head_warmup: Callable[[Clock], int] | None = None,
    ) -> None:
        super().__init__()
        self.classifier = classifier
        self.label_smoothing = label_smoothing
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
            labels: Class of each image, ``(B,)``.
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
        loss = mixed_cross_entropy(
            logits, labels, mixup.partners_of(labels), weight=mixup.weight,
            label_smoothing=self.label_smoothing,
        )  # fmt: skip
        correct = (logits.detach().argmax(dim=1) == labels).float().mean() * 100.0
        still = (param for param in self.backbone.parameters() if param.requires_grad and warming)
        return Step(loss, {"train_top1_percent": correct}, tuple(still))

    def _warms_up(self, clock: Clock) -> bool:
        return self._head_warmup is not None and clock.step < self._head_warmup(clock)

    def after_step(self, clock: Clock) -> None:
        """Do nothing: no network follows this one."""
