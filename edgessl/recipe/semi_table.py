"""The recipe's table of a semi-supervised finish: images without label teach fine-tuning too."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from edgessl.recipe.duration import Percent
from edgessl.recipe.view_tables import Probability, RandAugment
from edgessl.schema import Table

Rule = Literal["fixmatch", "flexmatch", "freematch", "softmatch"]
NonNegative = Annotated[float, Field(ge=0.0)]


class SemiTable(Table):
    """Pseudo-labels: what the network sees in a weak view it is to see in a strong one.

    The network that is scored and exported is the running average of the trained one.

    Attributes:
        name: Which pseudo-labels count: above one ``threshold`` (``"fixmatch"``), above one of each
            class that grows as it is learned (``"flexmatch"``), above the running mean confidence,
            by class (``"freematch"``), or all, the unsure ones less (``"softmatch"``).
        threshold: Of FixMatch, and the highest of FlexMatch.
        ratio: Unlabelled images for each labelled one of a step.
        weight: Of the loss of unlabelled images.
        ramp_percent: Share of the stage in which that weight grows from 0.
        average_decay: Share that the averaged weights keep at a step; less in the first ones.
        pseudo_labels_by: The network itself, as it trains (``"student"``), or its ``"average"``.
        alignment: Shares that the classes of pseudo-labels are brought to: ``"uniform"``, those of
            the ``"labels"``, or ``"none"``.
        momentum: Of the running means that confidences and classes are compared with.
        fairness: Weight of FreeMatch's regulariser.
        deviations: SoftMatch's weights fall by a Gaussian of the deviation of confidences over it.
        label_smoothing: Of the labelled images, in place of ``finetune.label_smoothing``: smoothed
            labels make a network that is never sure.
        weak_scale: Range of the weak crop's share of the image area; left out: as
            ``finetune.view``, which the weak view is in all else.
        strong: What the strong view has besides.

    Source:
        Sohn et al. 2020, arXiv:2001.07685; Zhang et al. 2021, arXiv:2110.08263; Wang et al. 2023,
        arXiv:2205.07246; Chen et al. 2023, arXiv:2301.10921. Their ratio is 7 (SoftMatch and
        FreeMatch 1 or 7) and their decay 0.999, over 2^20 steps; those here suit some hundred.
    """

    name: Rule
    threshold: Probability = 0.95
    ratio: Annotated[int, Field(ge=1, le=1000)] = 2
    weight: NonNegative = 1.0
    ramp_percent: Annotated[float, Field(ge=0.0, le=100.0)] = 0.0
    average_decay: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.99
    pseudo_labels_by: Literal["student", "average"] = "average"
    alignment: Literal["none", "uniform", "labels"] = "labels"
    momentum: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.99
    fairness: NonNegative = 0.01
    deviations: Annotated[float, Field(gt=0.0)] = 2.0
    label_smoothing: Probability = 0.0
    weak_scale: tuple[float, float] | None = None
    strong: RandAugment = RandAugment()

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.weak_scale is not None and not 0 < self.weak_scale[0] <= self.weak_scale[1] <= 1:
            raise ValueError(
                f"weak_scale must be two shares, 0 < low <= high <= 1, got {self.weak_scale}"
            )
        return self


class SemiTrialTable(Table):
    """A semi-supervised finish that a run tries by itself after fine-tuning on labels alone.

    It is kept where ``val`` says that it helps.

    Attributes:
        name: Which, with the settings that ``[finetune.semi]`` has unless they are changed.
        labelled_below_percent: Share of the training images with a label, below which it is tried;
            0: never.
        start_share: Share of the weights that labels alone left in the network that it leaves; the
            rest are its own (WiSE-FT, Wortsman et al., arXiv:2109.01903).
    """

    name: Rule
    labelled_below_percent: Percent = 10.0
    start_share: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.5

    def settings(self) -> SemiTable:
        """Return the settings of the finish."""
        return SemiTable(name=self.name)
