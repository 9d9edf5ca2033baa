"""What a recipe may say about an optimiser. The key ``name`` decides which table applies."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from edgessl.recipe.duration import Percent, StageLength, check_one_unit, duration_steps
from edgessl.schema import Table

NonNegative = Annotated[float, Field(ge=0.0)]
Positive = Annotated[float, Field(gt=0.0)]


class _Schedule(Table):
    """Rate and decay over a stage.

    Attributes:
        lr: Peak learning rate, for a batch of ``lr_batch`` images.
        lr_batch: The peak is multiplied by batch / ``lr_batch``; 0: not scaled.
        final_lr: Rate that the cosine ends at, not scaled.
        warmup_lr: Rate of the first warm-up step, not scaled.
        warmup_epochs: Length of the warm-up, or ``_steps`` or ``_percent``; it rises every step.
        warmup_peak: Which step is the first at the peak: the ``"last"`` of the warm-up (SSLight),
            or the ``"next"`` one after it (S3L, AIRL, SimCLR).
        curve: What follows the warm-up: half a ``"cosine"``, ``"steps"`` down at milestones,
            ``"exponential"``, a step down after every epoch, or ``"poly"``, the share of the stage
            that is left to the power of 0.9, warm-up included.
        schedule_by: Whether the curve falls every step, or at the start of every epoch.
        milestones_percent: When the rate steps down, in percent of the stage; empty for never.
        milestone_factor: What each step down multiplies the rate by.
        weight_decay: Decay at the start and the end, along a cosine.
    """

    lr: Positive
    lr_batch: Annotated[int, Field(ge=0)] = 256
    final_lr: NonNegative = 0.0
    warmup_lr: NonNegative = 0.0
    warmup_epochs: NonNegative | None = None
    warmup_steps: NonNegative | None = None
    warmup_percent: Percent | None = None
    warmup_peak: Literal["last", "next"] = "last"
    curve: Literal["cosine", "steps", "exponential", "poly"] = "cosine"
    schedule_by: Literal["step", "epoch"] = "step"
    milestones_percent: tuple[Percent, ...] = ()
    milestone_factor: Positive = 0.1
    weight_decay: tuple[NonNegative, NonNegative] = (0.0, 0.0)

    @field_validator("weight_decay", mode="before")
    @classmethod
    def _constant(cls, value: object) -> object:
        """Let one number stand for both ends; strict tables want a tuple."""
        if isinstance(value, int | float):
            return (value, value)
        return tuple(value) if isinstance(value, list) else value

    @model_validator(mode="after")
    def _check(self) -> _Schedule:
        check_one_unit(self, "warmup")
        if self.milestones_percent and self.curve != "steps":
            raise ValueError(
                f"milestones_percent must be left out with curve = '{self.curve}', got "
                f"{list(self.milestones_percent)}; curve = 'steps' has them"
            )
        if self.final_lr and self.curve != "cosine":
            raise ValueError(
                f"final_lr must be left out with curve = '{self.curve}', got {self.final_lr:g}; "
                "curve = 'cosine' ends at it"
            )
        return self

    def warmup(self, clock: StageLength) -> int:
        """Steps of the warm-up."""
        return duration_steps(self, "warmup", clock)

    def peak_lr(self, batch_size: int) -> float:
        """Peak rate at a batch size."""
        return self.lr * batch_size / self.lr_batch if self.lr_batch else self.lr


class Lars(_Schedule):
    """LARS by SSLight's rule.

    Attributes:
        momentum: Momentum.
        eta: Trust coefficient.
        adapt_depthwise: Scale depthwise convolutions too (the released configs do).
    """

    name: Literal["lars"]
    momentum: NonNegative = 0.9
    eta: Positive = 0.001
    adapt_depthwise: bool = True


class AirlLars(_Schedule):
    """LARS by AIRL's rule: the rate is in the momentum buffer, biases and BN are plain SGD.

    Attributes:
        momentum: Momentum.
        eta: Trust coefficient.
    """

    name: Literal["lars_airl"]
    momentum: NonNegative = 0.9
    eta: Positive = 0.001


class SimClrLars(_Schedule):
    """LARS by SimCLR's rule (Cole et al.): AIRL's, but for what the trust ratio divides by.

    Attributes:
        momentum: Momentum.
        eta: Trust coefficient.
    """

    name: Literal["lars_simclr"]
    momentum: NonNegative = 0.9
    eta: Positive = 0.001


class AdamW(_Schedule):
    """AdamW; tensors of two and more dimensions decay."""

    name: Literal["adamw"]
    betas: tuple[NonNegative, NonNegative] = (0.9, 0.999)


class Sgd(_Schedule):
    """SGD.

    Attributes:
        momentum: Momentum.
        nesterov: Nesterov's variant.
        decay_matrices_only: Decay tensors of two and more dimensions only, not biases and BN.
        decay_classifier_only: Decay the classifier alone; for ``[finetune]``.
    """

    name: Literal["sgd"]
    momentum: NonNegative = 0.9
    nesterov: bool = False
    decay_matrices_only: bool = False
    decay_classifier_only: bool = False

    @model_validator(mode="after")
    def _check_decay(self) -> Sgd:
        if self.decay_matrices_only and self.decay_classifier_only:
            raise ValueError(
                "only one of decay_matrices_only and decay_classifier_only may be true, got both"
            )
        return self


Optim = Annotated[Lars | AirlLars | SimClrLars | AdamW | Sgd, Field(discriminator="name")]
