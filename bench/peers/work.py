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

# Of lightly's examples: swav.html, moco.html, simclr.html, byol.html.
SWAV_HIDDEN, SWAV_PROJECTION, SWAV_PROTOTYPES = 512, 128, 512
CONTRAST_HIDDEN, CONTRAST_PROJECTION, CONTRAST_TEMP = 512, 128, 0.5
MOCO_QUEUE = 4096
BYOL_HIDDEN, BYOL_PROJECTION = 1024, 256

METHODS = {"dino": "DINO", "swav": "SwAV", "moco": "MoCo", "simclr": "SimCLR", "byol": "BYOL"}
"""What can be trained, by the word on the command line."""

_WITH_LOCAL_VIEWS = ("dino", "swav")


@dataclass(frozen=True, slots=True)
class Work:
    """Pretraining on two global views and, with DINO and SwAV, six local ones.

    Attributes:
        backbone: Name of the network in edgessl.
        timm_name: Name of the same network in timm.
        global_px: Side of the global views.
        local_px: Side of the local views, where there are any.
        batch: Images in a step.
        method: A key of ``METHODS``.
    """

    backbone: str
    timm_name: str
    global_px: int
    local_px: int
    batch: int
    method: str = "dino"

    @property
    def sentence(self) -> str:
        """What is done, for people."""
        views = f"{GLOBAL_VIEWS}x{self.global_px}"
        if self.method in _WITH_LOCAL_VIEWS:
            views += f" + {LOCAL_VIEWS}x{self.local_px}"
        return f"{self.timm_name}, {METHODS[self.method]}, {views}, batch {self.batch}"

    def with_batch(self, batch: int | None) -> Work:
        """Return the same work with another batch; None leaves it."""
        return self if batch is None else replace(self, batch=batch)

    def with_method(self, method: str) -> Work:
        """Return the same work with another method."""
        return replace(self, method=method)


WORKS = {
    "mobilenetv2-64": Work("mobilenetv2", "mobilenetv2_100", 64, 36, 32),
    "resnet18-64": Work("resnet18", "resnet18", 64, 36, 32),
    "mobilenetv2-112": Work("mobilenetv2", "mobilenetv2_100", 112, 64, 32),
    "mobilenetv2-224": Work("mobilenetv2", "mobilenetv2_100", 224, 128, 16),
}
JUDGED = "mobilenetv2-64"
