"""The work that every contender does: network, views, head, optimiser. Plain values, no imports."""

from __future__ import annotations

from dataclasses import dataclass, replace

GLOBAL_VIEWS, GLOBAL_SCALE = 2, (0.3, 1.0)
LOCAL_VIEWS, LOCAL_SCALE = 6, (0.05, 0.3)
HIDDEN, BOTTLENECK, PROTOTYPES = 2048, 256, 4096
LR, MOMENTUM, WEIGHT_DECAY = 0.03, 0.9, 1e-4
TEACHER_MOMENTUM = 0.996
EPOCHS = 1000  # more than any measurement runs
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


@dataclass(frozen=True, slots=True)
class Work:
    """Pretraining with DINO on two global and six local views.

    Attributes:
        backbone: Name of the network in edgessl.
        timm_name: Name of the same network in timm.
        global_px: Side of the global views.
        local_px: Side of the local views.
        batch: Images in a step.
    """

    backbone: str
    timm_name: str
    global_px: int
    local_px: int
    batch: int

    @property
    def sentence(self) -> str:
        """What is done, for people."""
        return (
            f"{self.timm_name}, DINO, {GLOBAL_VIEWS}x{self.global_px} + "
            f"{LOCAL_VIEWS}x{self.local_px}, batch {self.batch}"
        )

    def with_batch(self, batch: int | None) -> Work:
        """Return the same work with another batch; None leaves it."""
        return self if batch is None else replace(self, batch=batch)


WORKS = {
    "mobilenetv2-64": Work("mobilenetv2", "mobilenetv2_100", 64, 36, 32),
    "resnet18-64": Work("resnet18", "resnet18", 64, 36, 32),
    "mobilenetv2-112": Work("mobilenetv2", "mobilenetv2_100", 112, 64, 32),
    "mobilenetv2-224": Work("mobilenetv2", "mobilenetv2_100", 224, 128, 16),
}
JUDGED = "mobilenetv2-64"
