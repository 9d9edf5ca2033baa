"""What a recipe may say about DINO."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from edgessl.recipe.duration import Percent, StageLength, check_one_unit, duration_steps
from edgessl.recipe.method_tables.projection import NonNegative, Positive, Share, Width
from edgessl.recipe.method_tables.table import (
    HiddenLayers,
    MethodTable,
    moving_teacher,
    some_spread,
)


class DinoTable(MethodTable):
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
    prototypes: Annotated[int, Field(ge=2, le=1_000_000)] = 4096
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
    def _check(self) -> DinoTable:
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

    def hidden_layers(self, feature_dim: int) -> HiddenLayers:
        """Return the two before the bottleneck."""
        return HiddenLayers((self.hidden_dim,) * 2, self.head_batch_norm, activation="gelu")

    def advice(self, word: str) -> list[str]:
        """Say what to change: uniform targets are too soft, and the others too sharp."""
        return self._sharper() if word == "uniform" else self._softer()

    def _sharper(self) -> list[str]:
        found = []
        if max(self.teacher_temp) > 0.04:
            found.append(f"a lower method.teacher_temp (now {list(self.teacher_temp)}; 0.04)")
        found += [*moving_teacher(self.teacher_momentum), *some_spread(self.spread_weight)]
        if self.freeze_last_layer_percent != 100:
            found.append("method.freeze_last_layer_percent = 100")
        return [*found, f"fewer method.prototypes (now {self.prototypes})"]

    def _softer(self) -> list[str]:
        found = []
        if self.centering == "mean":
            if self.center_momentum > 0.9:
                found.append(f"method.center_momentum = 0.9 (now {self.center_momentum:g})")
            found.append('method.centering = "sinkhorn"')
        if min(self.teacher_temp) < 0.04:
            found.append(f"a higher method.teacher_temp (now {list(self.teacher_temp)}; 0.04)")
        return [*found, *some_spread(self.spread_weight), *moving_teacher(self.teacher_momentum)]
