"""What a recipe may say about DINO."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from edgessl.recipe.duration import Percent, StageLength, check_one_unit, duration_steps
from edgessl.recipe.method_tables.projection import NonNegative, Positive, Share, Width
from edgessl.schema import Table


class Dino(Table):
    """DINO.

    Attributes:
        hidden_dim: Width of the head's hidden layers.
        bottleneck_dim: Width of the head's normalised bottleneck.
        prototypes: Outputs ``K`` of the head.
        head_batch_norm: BN in the head (CNNs yes, ViTs no).
        train_gain: Train the last layer's gain (ViTs) or keep it at 1 (CNNs).
        student_temp: Softmax temperature of the student.
        teacher_temp: Temperature of the teacher at the start and after its warm-up.
        teacher_temp_warmup_epochs: Length of that warm-up, or ``_steps`` or ``_percent``.
        teacher_momentum: EMA momentum at the start and at the end, along a cosine.
        centering: What keeps the teacher's outputs spread: the paper's running mean, or
            Sinkhorn-Knopp over the batch (as DINOv2 does).
        center_momentum: Momentum of the running centre.
        freeze_last_layer_epochs: How long the last layer stays as it is, or ``_steps``,
            ``_percent``.
        alpha: Weight of global-global pairs; the rest weighs global-local pairs.
        spread_weight: Weight of the uniformity loss on the bottleneck of each global view; no
            paper has it, factory recipes do.
    """

    name: Literal["dino"]
    hidden_dim: Width = 2048
    bottleneck_dim: Width = 256
    prototypes: Annotated[int, Field(ge=2)] = 4096
    head_batch_norm: bool = True
    train_gain: bool = False
    student_temp: Positive = 0.1
    teacher_temp: tuple[Positive, Positive] = (0.04, 0.07)
    teacher_temp_warmup_epochs: NonNegative | None = None
    teacher_temp_warmup_steps: NonNegative | None = None
    teacher_temp_warmup_percent: Percent | None = None
    teacher_momentum: tuple[Share, Share] = (0.996, 1.0)
    centering: Literal["mean", "sinkhorn"] = "mean"
    center_momentum: Share = 0.9
    freeze_last_layer_epochs: NonNegative | None = None
    freeze_last_layer_steps: NonNegative | None = None
    freeze_last_layer_percent: Percent | None = None
    alpha: Share = 0.4
    spread_weight: NonNegative = 0.0

    @model_validator(mode="after")
    def _check(self) -> Dino:
        check_one_unit(self, "teacher_temp_warmup")
        check_one_unit(self, "freeze_last_layer")
        return self

    def freeze_last_layer(self, clock: StageLength) -> int:
        """Steps during which the last layer is frozen."""
        return duration_steps(self, "freeze_last_layer", clock)

    def teacher_temp_warmup(self, clock: StageLength) -> int:
        """Whole epochs over which the teacher's temperature rises."""
        steps = duration_steps(self, "teacher_temp_warmup", clock)
        return round(steps / clock.steps_per_epoch)
