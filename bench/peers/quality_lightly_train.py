"""lightly-train's DINO and SimCLR as contenders of ``quality.py``: ``lightly_train.pretrain``.

By default all is as the library has it for the method, batch of 128 and colours included; only the
sides of the views are given. Tuned, it gets what our factory recipes do for a few thousand images:
small batches, views of their scales and colours, a narrow head, a teacher that follows quickly. The
rate is the library's own, scaled by its rule. (Informed choices, not searched for.)

Runs in the library's environment, without edgessl.
"""

from __future__ import annotations

import os
import warnings
from typing import Any

os.environ.setdefault("LIGHTLY_TRAIN_EVENTS_DISABLED", "1")  # else it reports each run to its maker

import lightly_train
import timm
import torch
from budget import Budget
from lightly_train_contender import add_to_every_trainer, scale_range
from pytorch_lightning import Callback
from quality_job import WEIGHTS, Job, read_job
from torch import Tensor, nn
from work import GLOBAL_SCALE, LOCAL_SCALE, LOCAL_VIEWS

BATCH, TUNED_BATCH = 128, {"dino": 32, "simclr": 64}
_JITTER = {
    "prob": 0.8, "strength": 1.0, "brightness": 0.4, "contrast": 0.4, "saturation": 0.2,
    "hue": 0.02,
}  # fmt: skip
_TUNED_METHOD: dict[str, dict[str, Any]] = {
    "dino": {"hidden_dim": 512, "batch_norm": True, "momentum_start": 0.9, "momentum_end": 0.97},
    "simclr": {"hidden_dim": 512, "temperature": 0.2},
}


class Enough(Exception):
    """Leaves the trainer when the time is over."""


class Watch(Callback):
    """Counts steps, and ends the training when the time is over.

    Args:
        budget: What is left.
    """

    def __init__(self, budget: Budget) -> None:
        self._budget = budget

    def on_train_batch_end(self, *_: Any) -> None:
        """The optimiser has stepped: one batch is one step."""
        if self._budget.after_step():
            raise Enough


class Whole(nn.Module):
    """A network with the whole of its features, in the library's protocol of a model.

    By itself the library takes a timm network's last feature map, which in MobileNet and
    EfficientNet is that before the last convolution, while its head expects the width after it.

    Args:
        network: Of timm, without classifier.
        size_px: Side of an image that it takes.
    """

    def __init__(self, network: nn.Module, size_px: int) -> None:
        super().__init__()
        self.network = network
        with torch.no_grad():
            self._width = network.eval()(torch.zeros(1, 3, size_px, size_px)).shape[1]
        network.train()

    def forward_features(self, images: Tensor) -> dict[str, Tensor]:
        """Return the maps before pooling."""
        return {"features": self.network.forward_features(images)}

    def forward_pool(self, maps: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return features ``(B, D, 1, 1)``."""
        pooled = self.network.forward_head(maps["features"], pre_logits=True)
        return {"pooled_features": pooled[:, :, None, None]}

    def feature_dim(self) -> int:
        """Return the width ``D``."""
        return int(self._width)

    def get_model(self) -> nn.Module:
        """Return what is kept."""
        return self.network


def transform_args(job: Job) -> dict[str, Any]:
    """Return the views, in the library's words."""
    side, local = (job.size_px, job.size_px), (job.local_px, job.local_px)
    views: dict[str, Any] = {"image_size": side}
    if job.method == "dino":
        views["local_view"] = {"view_size": local}
    if job.tuned:
        views |= {"random_resize": scale_range(GLOBAL_SCALE), "color_jitter": _JITTER}
        views["random_gray_scale"] = None
        if job.method == "dino":
            views["local_view"] |= {
                "num_views": LOCAL_VIEWS,
                "random_resize": scale_range(LOCAL_SCALE),
            }
            views["global_view_1"] = {"solarize": None}
    return views


def main() -> None:
    """Train, and write the answer and the weights."""
    job = read_job(__doc__)
    warnings.simplefilter("ignore")
    torch.manual_seed(job.seed)
    batch = TUNED_BATCH[job.method] if job.tuned else BATCH
    network = timm.create_model(job.backbone, pretrained=False, num_classes=0)
    budget = job.begin(batch)
    add_to_every_trainer(Watch(budget))  # type: ignore[arg-type]
    try:
        lightly_train.pretrain(
            out=str(job.out / "run"),
            data=str(job.data),
            model=Whole(network, job.size_px),
            method=job.method,
            method_args=_TUNED_METHOD[job.method] if job.tuned else None,
            epochs=job.epochs,
            batch_size=batch,
            num_workers=job.workers,
            accelerator="gpu" if job.device == "cuda" else job.device,
            devices=1,
            seed=job.seed,
            transform_args=transform_args(job),
            callbacks={"model_checkpoint": None},
            trainer_args={"enable_checkpointing": False, "max_steps": job.steps or -1},
        )
    except Enough:
        pass
    job.answer(budget, batch, threads=torch.get_num_threads(), precision="fp32")
    # The library trains the network that it is given: with DINO that is the teacher, which it
    # exports too.
    torch.save(network.cpu().state_dict(), job.out / WEIGHTS)


if __name__ == "__main__":
    main()
