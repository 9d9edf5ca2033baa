"""The recipe's table of fine-tuning: how labels train the network that pretraining left."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field, PrivateAttr, model_validator

from edgessl.recipe.backbones import Readout
from edgessl.recipe.duration import Percent, StageLength, check_one_unit, duration_steps
from edgessl.recipe.optim_tables import Optim
from edgessl.recipe.semi_table import SemiTable, SemiTrialTable
from edgessl.recipe.view_tables import Probability, ViewGroup
from edgessl.schema import Table

Count = Annotated[int, Field(ge=1, le=10_000_000)]
NonNegative = Annotated[float, Field(ge=0.0)]
Share = Annotated[float, Field(ge=0.0, lt=1.0)]
Positive = Annotated[float, Field(gt=0.0)]

ENOUGH_VAL = 50
"""Images of ``val`` from which on a share of the start's weights is chosen on it."""


class RegrowTable(Table):
    """S3L's warm-up of a last stage that was removed for pretraining, or dropped after it.

    Attributes:
        epochs: Length; only the last stage and the classifier are trained.
        optim: Its optimiser.
        classifier_std: How the classifier starts; see ``[finetune]``.
        keep_classifier: Keep the warmed-up classifier (S3L's code starts a new one).
        freeze_batchnorm: Keep the BN statistics of the other stages (S3L's code moves them). They
            stay too if ``[finetune]`` keeps them.
    """

    epochs: Count
    optim: Optim
    classifier_std: Positive | None = None
    keep_classifier: bool = True
    freeze_batchnorm: bool = True


class FinetuneTable(Table):
    """Supervised fine-tuning.

    Attributes:
        epochs: Passes over the labelled images.
        min_steps: Where labels are so few that these epochs are fewer steps, there are as many more
            epochs; epochs that the user names stand.
        batch_size: Images in a step.
        accumulate: Micro-batches in a step.
        batchnorm_groups: Equal contiguous groups of each micro-batch that BN statistics are
            computed over.
        optim: Optimiser and schedule.
        view: The one training view.
        trains: All layers of the ``"network"``, or the ``"classifier"`` alone, on a frozen backbone
            in evaluation mode (linear evaluation).
        reads: What the classifier reads: the ``"features"``, ``"normalised_features"`` of length 1,
            or the class tokens of a transformer's ``"last_4_blocks"``.
        head_layers: Hidden layers of the pretraining head (of MoCo, SimCLR, BYOL and SwAV: of the
            projector) that stay between backbone and classifier, with the weights they were
            pretrained with; left out or 0: none.
        classifier_std: The classifier's weights start normal with this deviation and its biases at
            0; left out or 0: as PyTorch starts linear layers.
        classifier_start: What the classifier starts from: ``"random"`` weights, or the linear
            ``"probe"`` of the backbone on the labelled images. A backbone that starts at random has
            none worth starting from, so the baselines of one do not.
        start_shares: Shares of the start's weights that the network that is kept may have; the rest
            are those of the end of training. The best on ``val`` is taken, of equal ones the first,
            which is also taken where ``val`` has less than ``ENOUGH_VAL`` images. Where labels are
            few a network between start and end often answers better (WiSE-FT, Wortsman et al.,
            arXiv:2109.01903). Needs ``classifier_start = "probe"``.
        freeze_batchnorm: Keep the BN statistics that pretraining left; their scales and shifts are
            trained. A random start has none worth keeping, so those of its baselines move.
        label_smoothing: Share of the target spread over all classes.
        several_loss: What images with several labels each learn by; one label takes cross-entropy.
        mixup_alpha: Parameter of the Beta distribution that mixes pairs; 0 for none.
        layer_decay: Each stage of the backbone learns at this share of the rate of the next one;
            the classifier and the last stage have the full rate. 1: all learn alike.
        head_warmup_epochs: For so long the classifier alone is trained, or ``_steps`` or
            ``_percent``; the backbone's weights and BN statistics stay.
        keep: The epoch that is scored and exported: the ``"last"``, or the ``"best"`` on ``val``
            where it is better than the last by more than a standard error.
        patience: With ``keep = "best"``, epochs without a better one after which training ends;
            left out: all epochs are trained.
        balance: What makes up for classes of unequal size: ``"none"``; ``"weights"`` in the loss;
            ``"sampling"``, which draws every class alike often; ``"logits"``, which adds the
            logarithm of the classes' shares to the logits in the loss; or ``"auto"``, which
            trains without and adjusts the classifier's bias afterwards, as far as that helps on
            ``val``.
        class_weights: With ``balance = "weights"``, one over a class's images (``"inverse"``), or
            over their effective number (``"effective"``), which weighs less unequally.
        regrow: Warm-up of a removed or dropped last stage.
        semi: A semi-supervised finish, that learns from images without label too; left out: none.
        semi_trial: One that is tried where few images have labels; left out: none.
    """

    epochs: Count
    min_steps: Count | None = None
    batch_size: Annotated[int, Field(ge=2, le=10_000_000)]
    accumulate: Count = 1
    batchnorm_groups: Count = 1
    optim: Optim
    view: ViewGroup
    trains: Literal["network", "classifier"] = "network"
    reads: Readout = "features"
    head_layers: Annotated[int, Field(ge=0)] = 0
    classifier_std: NonNegative | None = None
    classifier_start: Literal["random", "probe"] = "random"
    start_shares: Annotated[tuple[Share, ...], Field(min_length=1, max_length=20)] = (0.0,)
    freeze_batchnorm: bool = False
    label_smoothing: Probability = 0.0
    several_loss: Literal["binary-cross-entropy", "asymmetric"] = "binary-cross-entropy"
    mixup_alpha: NonNegative = 0.0
    layer_decay: Annotated[float, Field(gt=0.0, le=1.0)] = 1.0
    head_warmup_epochs: NonNegative | None = None
    head_warmup_steps: NonNegative | None = None
    head_warmup_percent: Percent | None = None
    keep: Literal["best", "last"] = "last"
    patience: Count | None = None
    balance: Literal["none", "weights", "sampling", "logits", "auto"] = "none"
    class_weights: Literal["inverse", "effective"] | None = None
    regrow: RegrowTable | None = None
    semi: SemiTable | None = None
    semi_trial: SemiTrialTable | None = None

    _raised: tuple[int, int] | None = PrivateAttr(default=None)  # epochs before, and after

    def raised_to(self, epochs: int) -> FinetuneTable:
        """Return the table with more epochs, because of ``min_steps``.

        Args:
            epochs: That many.
        """
        raised = self.model_copy(update={"epochs": epochs})
        raised._raised = (self.epochs, epochs)
        return raised

    @property
    def own_epochs(self) -> int:
        """Epochs as the recipe has them, before ``min_steps`` raised them for one set of images."""
        if self._raised is not None and self._raised[1] == self.epochs:
            return self._raised[0]
        return self.epochs

    @model_validator(mode="after")
    def _check(self) -> FinetuneTable:
        check_one_unit(self, "head_warmup")
        if self.patience is not None and self.keep == "last":
            raise ValueError(
                f"patience must come with keep = 'best', got patience {self.patience} with "
                "keep = 'last'"
            )
        if self.class_weights is not None and self.balance != "weights":
            raise ValueError(
                f"class_weights must come with balance = 'weights', got '{self.class_weights}' "
                f"with balance = '{self.balance}'"
            )
        return self

    def head_warmup(self, clock: StageLength) -> int:
        """Steps in which the classifier alone is trained."""
        return duration_steps(self, "head_warmup", clock)


def rate_mistakes(finetune: FinetuneTable) -> Iterator[str]:
    """Say which settings of the classifier's start and of layers' rates contradict each other."""
    if finetune.classifier_start == "probe" and finetune.classifier_std:
        yield (
            "finetune.classifier_std must be left out with finetune.classifier_start = 'probe', "
            f"because nothing of it starts at random, got {finetune.classifier_std:g}"
        )
    if any(finetune.start_shares) and finetune.classifier_start != "probe":
        yield (
            "finetune.start_shares must be left out without finetune.classifier_start = 'probe', "
            f"because a random classifier is worth nothing, got {[*finetune.start_shares]}"
        )
    if finetune.trains == "classifier" and finetune.layer_decay != 1:
        yield (
            "finetune.layer_decay must be left out with finetune.trains = 'classifier', because "
            f"no layer of the backbone is trained, got {finetune.layer_decay:g}"
        )


def semi_mistakes(finetune: FinetuneTable) -> Iterator[str]:
    """Say what a semi-supervised finish, or the trial of one, does not go with."""
    table, place = finetune.semi, "finetune.semi"
    if table is None and finetune.semi_trial is not None:
        table, place = finetune.semi_trial.settings(), "finetune.semi_trial"
    if table is None:
        return
    if finetune.mixup_alpha and finetune.semi is not None:
        yield (
            "finetune.mixup_alpha must be 0 with finetune.semi, which mixes no images, got "
            f"{finetune.mixup_alpha:g}"
        )
    if finetune.batchnorm_groups > 1:
        yield (
            f"finetune.batchnorm_groups must be 1 with {place}, which has images of two "
            f"kinds in a step, got {finetune.batchnorm_groups}"
        )
    if table.weak_scale is not None and finetune.view.crop != "resized":
        yield (
            f"{place}.weak_scale must be left out with finetune.view.crop = "
            f"'{finetune.view.crop}', which has no scale, got {table.weak_scale}"
        )
    if finetune.view.count > 1:
        yield f"finetune.view.count must be 1 with {place}, got {finetune.view.count}"
