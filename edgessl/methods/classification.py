"""Training of a classifier: fine-tuning, the regrown stage's warm-up, and the baselines."""

from __future__ import annotations

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
    ) -> None:
        super().__init__()
        self.classifier = classifier
        self.label_smoothing = label_smoothing
        self.mixup_alpha = mixup_alpha
        self._frozen = frozen

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
            clock: Not used.

        Raises:
            ValueError: There are no labels.
        """
        if labels is None:
            raise ValueError("supervised training needs labels")
        images = views[0][0]
        mixup = draw_mixup(self.mixup_alpha, len(labels))
        logits = self.classifier(mixup.images(images))
        loss = mixed_cross_entropy(
            logits, labels, mixup.partners_of(labels), weight=mixup.weight,
            label_smoothing=self.label_smoothing,
        )  # fmt: skip
        correct = (logits.detach().argmax(dim=1) == labels).float().mean() * 100.0
        return Step(loss, {"train_top1_percent": correct})

    def after_step(self, clock: Clock) -> None:
        """Do nothing: no network follows this one."""
