"""What several methods suggest when their outputs collapse."""

from __future__ import annotations


def usual_temperature(now: float, usual: float) -> list[str]:
    """Suggest the usual temperature, if it is far from it."""
    if usual / 2 <= now <= 2 * usual:
        return []
    return [f"method.temperature = {usual:g} (now {now:g})"]


def moving_teacher(now: tuple[float, float]) -> list[str]:
    """Suggest a teacher that moves, if its momentum says that it does not."""
    if now[0] < 1.0:
        return []
    return [f"a lower method.teacher_momentum (now {list(now)}; the teacher never moves)"]


def some_spread(now: float) -> list[str]:
    """Suggest the uniformity loss, if there is none."""
    return [] if now else ["method.spread_weight = 0.5"]
