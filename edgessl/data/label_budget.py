"""How many of the training labels a run may use."""

from __future__ import annotations

from dataclasses import dataclass

from edgessl.errors import UserError


@dataclass(frozen=True, slots=True)
class LabelBudget:
    """A share of every class's labels, or a number of them.

    Attributes:
        percent: In (0, 100]; None where a number is given.
        per_class: At least 1; a class with fewer keeps all.

    Raises:
        UserError: Both are given, or a value is none of these.
    """

    percent: float | None = None
    per_class: int | None = None

    def __post_init__(self) -> None:
        if self.percent is not None and self.per_class is not None:
            raise UserError(
                "--labels-per-class: must be given without --label-percent, got both; drop one"
            )
        if self.percent is not None and not 0 < self.percent <= 100:
            raise UserError(
                f"--label-percent: must be above 0 and up to 100, got {self.percent:g}"
            )
        if self.per_class is not None and self.per_class < 1:
            raise UserError(f"--labels-per-class: must be at least 1, got {self.per_class}")

    def __bool__(self) -> bool:
        """Whether it limits anything."""
        return self.percent is not None or self.per_class is not None

    def count(self, labels: int) -> int:
        """Return how many of a class's labels are kept, at least one.

        Args:
            labels: That the class has.
        """
        if self.per_class is not None:
            return min(labels, self.per_class)
        if self.percent is None:
            return labels
        return max(1, int(labels * self.percent / 100 + 0.5))

    @property
    def option(self) -> str:
        """The option that says it."""
        return "--labels-per-class" if self.per_class is not None else "--label-percent"

    def __str__(self) -> str:
        if self.per_class is not None:
            return f"up to {self.per_class} of each class"
        return f"{self.percent:g} % of each class, at least 1"
