"""The DINO loss with one loop over view pairs and samples, written from the paper's Algorithm 1."""

from __future__ import annotations

import math

from torch import Tensor


def _softmax(logits: list[float]) -> list[float]:
    largest = max(logits)
    powers = [math.exp(logit - largest) for logit in logits]
    return [power / sum(powers) for power in powers]


def slow_dino_loss(
    teacher: Tensor,
    student: Tensor,
    center: Tensor,
    *,
    teacher_temp: float,
    student_temp: float,
    alpha: float,
) -> float:
    """Weigh the mean cross-entropy of global-global and of global-local pairs.

    Args:
        teacher: Logits of the global views, ``(G, B, K)``.
        student: Logits of every view, ``(V, B, K)``, globals first.
        center: ``(K,)``.
        teacher_temp: Temperature of the teacher.
        student_temp: Temperature of the student.
        alpha: Weight of the global-global mean.
    """
    globals_, batch, prototypes = teacher.shape
    terms: dict[str, list[float]] = {"global": [], "local": []}
    for g in range(globals_):
        for v in range(len(student)):
            if v == g:
                continue
            total = 0.0
            for b in range(batch):
                columns = range(prototypes)
                centred = [float(teacher[g, b, k] - center[k]) for k in columns]
                target = _softmax([logit / teacher_temp for logit in centred])
                guess = _softmax([float(student[v, b, k]) / student_temp for k in columns])
                total += sum(-t * math.log(s) for t, s in zip(target, guess, strict=True))
            terms["global" if v < globals_ else "local"].append(total / batch)
    means = {kind: sum(values) / len(values) for kind, values in terms.items() if values}
    if "local" not in means:
        return means["global"]
    return alpha * means["global"] + (1.0 - alpha) * means["local"]
