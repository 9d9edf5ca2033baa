"""lightly's DINO as its documentation writes it, as a contender; see ``turns.py``.

The documentation's example (docs.lightly.ai/examples/dino.html) has ResNet-18, Adam and 8 workers;
here are the network and the optimiser of the other contenders, and as many workers as asked for.
Runs in lightly's environment, without edgessl.
"""

from __future__ import annotations

import argparse
import copy
import warnings
from collections.abc import Iterator
from pathlib import Path

import timm
import torch
from lightly.data import LightlyDataset
from lightly.loss import DINOLoss
from lightly.models.modules import DINOProjectionHead
from lightly.models.utils import deactivate_requires_grad, update_momentum
from lightly.transforms.dino_transform import DINOTransform
from lightly.utils.scheduler import cosine_schedule
from torch import Tensor, nn
from turns import Turns
from work import (
    BOTTLENECK,
    EPOCHS,
    GLOBAL_SCALE,
    HIDDEN,
    LOCAL_SCALE,
    LOCAL_VIEWS,
    LR,
    MOMENTUM,
    PROTOTYPES,
    TEACHER_MOMENTUM,
    WEIGHT_DECAY,
    WORKS,
    Work,
)

MEMORY_FORMATS = {
    "contiguous_format": torch.contiguous_format, "channels_last": torch.channels_last,
}  # fmt: skip
PRECISIONS = {"fp32": torch.float32, "bf16": torch.bfloat16}


class Dino(nn.Module):
    """Student and teacher, as in the example.

    Args:
        work: Names the network.
    """

    def __init__(self, work: Work) -> None:
        super().__init__()
        self.student_backbone = timm.create_model(work.timm_name, num_classes=0)
        with torch.no_grad():
            images = torch.zeros(2, 3, work.global_px, work.global_px)
            width = self.student_backbone(images).shape[1]
        self.student_head = DINOProjectionHead(
            width, HIDDEN, BOTTLENECK, PROTOTYPES, batch_norm=True, freeze_last_layer=1
        )
        self.teacher_backbone = copy.deepcopy(self.student_backbone)
        self.teacher_head = DINOProjectionHead(
            width, HIDDEN, BOTTLENECK, PROTOTYPES, batch_norm=True
        )
        deactivate_requires_grad(self.teacher_backbone)
        deactivate_requires_grad(self.teacher_head)

    def forward(self, images: Tensor) -> Tensor:
        """Return the student's logits, ``(B, K)``."""
        features = self.student_backbone(images).flatten(start_dim=1)
        logits: Tensor = self.student_head(features)
        return logits

    def forward_teacher(self, images: Tensor) -> Tensor:
        """Return the teacher's logits, ``(B, K)``."""
        features = self.teacher_backbone(images).flatten(start_dim=1)
        logits: Tensor = self.teacher_head(features)
        return logits


def lightly_loop(
    folder: Path,
    work: Work,
    *,
    workers: int,
    device: torch.device,
    memory_format: torch.memory_format,
    precision: torch.dtype,
) -> Iterator[None]:
    """Train, and yield after every optimiser step.

    Args:
        folder: Images.
        work: What to train.
        workers: Processes of the data loader.
        device: Where the network is.
        memory_format: ``torch.contiguous_format`` as in the example, or channels-last.
        precision: ``torch.float32`` as in the example, or the type of autocast.
    """
    transform = DINOTransform(
        global_crop_size=work.global_px, global_crop_scale=GLOBAL_SCALE,
        local_crop_size=work.local_px, local_crop_scale=LOCAL_SCALE, n_local_views=LOCAL_VIEWS,
    )  # fmt: skip
    loader = torch.utils.data.DataLoader(
        LightlyDataset(str(folder), transform=transform), batch_size=work.batch, shuffle=True,
        drop_last=True, num_workers=workers,
    )  # fmt: skip
    model = Dino(work).to(device).to(memory_format=memory_format).train()
    criterion = DINOLoss(output_dim=PROTOTYPES, warmup_teacher_temp_epochs=5).to(device)
    optimizer = torch.optim.SGD(
        model.parameters(), lr=LR, momentum=MOMENTUM, weight_decay=WEIGHT_DECAY
    )
    reduced = precision != torch.float32
    for epoch in range(EPOCHS):
        momentum = cosine_schedule(epoch, EPOCHS, TEACHER_MOMENTUM, 1)
        for batch in loader:
            views = [view.to(device).to(memory_format=memory_format) for view in batch[0]]
            update_momentum(model.student_backbone, model.teacher_backbone, m=momentum)
            update_momentum(model.student_head, model.teacher_head, m=momentum)
            with torch.autocast(device.type, dtype=torch.bfloat16, enabled=reduced):
                teacher_out = [model.forward_teacher(view) for view in views[:2]]
                student_out = [model(view) for view in views]
            loss = criterion(
                [out.float() for out in teacher_out], [out.float() for out in student_out],
                epoch=epoch,
            )  # fmt: skip
            loss.backward()
            model.student_head.cancel_last_layer_gradients(current_epoch=epoch)
            optimizer.step()
            optimizer.zero_grad()
            yield


def main() -> None:
    """Take part in the turns."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--work", choices=WORKS, required=True)
    parser.add_argument("--batch", type=int)
    parser.add_argument("--workers", type=int, required=True)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--memory-format", choices=MEMORY_FORMATS, default="contiguous_format")
    parser.add_argument("--precision", choices=PRECISIONS, default="fp32")
    given = parser.parse_args()
    warnings.simplefilter("ignore", FutureWarning)  # lightly's head uses an old weight_norm
    work, device = WORKS[given.work].with_batch(given.batch), torch.device(given.device)
    if device.type == "cuda":
        turns = Turns(torch.cuda.synchronize, lambda: torch.cuda.max_memory_reserved() / 1e6)
    else:
        turns = Turns()
    torch.manual_seed(0)
    loop = lightly_loop(
        given.data, work, workers=given.workers, device=device,
        memory_format=MEMORY_FORMATS[given.memory_format], precision=PRECISIONS[given.precision],
    )  # fmt: skip
    facts = {
        "memory_format": given.memory_format, "precision": given.precision,
        "workers": given.workers, "threads": torch.get_num_threads(),
    }  # fmt: skip
    for _ in loop:
        turns.after_step(lambda: facts)


if __name__ == "__main__":
    main()
