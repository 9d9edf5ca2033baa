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
        warmup_epochs: Length of the warm-up, or ``_steps`` or ``_percent``.
        schedule_by: Whether the rate changes every step or every epoch.
        weight_decay: Decay at the start and the end, along a cosine.
    """

    lr: Positive
    lr_batch: Annotated[int, Field(ge=0)] = 256
    final_lr: NonNegative = 0.0
    warmup_lr: NonNegative = 0.0
    warmup_epochs: NonNegative | None = None
    warmup_steps: NonNegative | None = None
    warmup_percent: Percent | None = None
    schedule_by: Literal["step", "epoch"] = "step"
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
    """

    name: Literal["sgd"]
    momentum: NonNegative = 0.9
    nesterov: bool = False
    decay_matrices_only: bool = False


Optim = Annotated[Lars | AdamW | Sgd, Field(discriminator="name")]
