"""Three pretraining loops that do the same work: edgessl, lightly, lightly in channels-last.

MobileNetV2, DINO, 2 x 64 + 6 x 36 px views, batch 32, the same head, float32, SGD. Each is a
function that starts the loop and yields once after every optimiser step.
"""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path
from time import perf_counter

import numpy as np
import timm
import torch
from torch import nn

from edgessl.backbones import Backbone
from edgessl.data.pack import build_pack
from edgessl.methods.dino import Dino
from edgessl.optim import build_optimizer
from edgessl.pipeline.images import pack_size_px
from edgessl.recipe.method_tables import Dino as DinoTable
from edgessl.recipe.optim_tables import Sgd
from edgessl.recipe.view_tables import Jitter, ViewGroup
from edgessl.schedules import Clock
from edgessl.train import TrainingData, fit, steps_per_epoch
from edgessl.views import ViewSampler

Start = Callable[[], Iterator[None]]

BATCH = 32
EPOCHS = 100  # more than any measurement runs
WORKERS = 2
GLOBAL_PX, GLOBAL_SCALE = 64, (0.3, 1.0)
LOCAL_PX, LOCAL_SCALE, LOCAL_VIEWS = 36, (0.05, 0.3), 6
HIDDEN, BOTTLENECK, PROTOTYPES = 2048, 256, 4096
LR, MOMENTUM, WEIGHT_DECAY = 0.03, 0.9, 1e-4
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)

_JITTER = Jitter(p=0.8, brightness=0.4, contrast=0.4, saturation=0.2, hue=0.1)
GROUPS = (
    ViewGroup(
        count=2, size_px=GLOBAL_PX, scale=GLOBAL_SCALE, jitter=_JITTER, gray_p=0.2,
        blur_p=(1.0, 0.1), solarize_p=(0.0, 0.2),
    ),
    ViewGroup(
        count=LOCAL_VIEWS, size_px=LOCAL_PX, scale=LOCAL_SCALE, jitter=_JITTER, gray_p=0.2,
        blur_p=(0.5,) * LOCAL_VIEWS,
    ),
)  # fmt: skip
METHOD = DinoTable(
    name="dino", hidden_dim=HIDDEN, bottleneck_dim=BOTTLENECK, prototypes=PROTOTYPES,
)  # fmt: skip
OPTIM = Sgd(
    name="sgd", lr=LR, lr_batch=0, momentum=MOMENTUM, weight_decay=(WEIGHT_DECAY, WEIGHT_DECAY)
)


def edgessl_loop(paths: list[Path]) -> tuple[Start, float]:
    """Pack the files and train on them as ``edgessl recipe`` does.

    Args:
        paths: Image files.

    Returns:
        The loop, and the seconds that packing took: paid once, before the first epoch.
    """
    began = perf_counter()
    digests = [hashlib.sha1(path.read_bytes(), usedforsecurity=False).hexdigest() for path in paths]
    pack = build_pack(paths, digests, pack_size_px(GROUPS, 10_000))
    packing_s = perf_counter() - began
    data = TrainingData(torch.from_numpy(np.array(pack.images)), pack.sizes)
    method = Dino(Backbone("mobilenetv2"), METHOD).to(memory_format=torch.channels_last).train()
    optimizer = build_optimizer(method, OPTIM)
    sampler = ViewSampler(GROUPS, MEAN, STD, torch.channels_last)

    def start() -> Iterator[None]:
        steps = fit(
            method, data, sampler, optimizer, OPTIM,
            clock=Clock(0, steps_per_epoch(len(data), BATCH), EPOCHS), batch_size=BATCH, seed=0,
            device=torch.device("cpu"),
        )  # fmt: skip
        for _record in steps:
            yield

    return start, packing_s


def lightly_loop(folder: Path, memory_format: torch.memory_format) -> Start:
    """Train as lightly's documentation writes it (docs.lightly.ai/examples/dino.html).

    Its example has ResNet-18, Adam and 8 workers; here are the network and the optimiser of the
    other loop, and as many workers as the machine has cores.

    Args:
        folder: Folder of images.
        memory_format: ``torch.contiguous_format`` as in the example, or channels-last.
    """
    from lightly.data import LightlyDataset
    from lightly.loss import DINOLoss
    from lightly.models.utils import update_momentum
    from lightly.transforms.dino_transform import DINOTransform
    from lightly.utils.scheduler import cosine_schedule

    transform = DINOTransform(
        global_crop_size=GLOBAL_PX, global_crop_scale=GLOBAL_SCALE, local_crop_size=LOCAL_PX,
        local_crop_scale=LOCAL_SCALE, n_local_views=LOCAL_VIEWS,
    )  # fmt: skip
    loader = torch.utils.data.DataLoader(
        LightlyDataset(str(folder), transform=transform), batch_size=BATCH, shuffle=True,
        drop_last=True, num_workers=WORKERS,
    )  # fmt: skip
    model = _LightlyDino().to(memory_format=memory_format).train()
    criterion = DINOLoss(output_dim=PROTOTYPES, warmup_teacher_temp_epochs=5)
    optimizer = torch.optim.SGD(
        model.parameters(), lr=LR, momentum=MOMENTUM, weight_decay=WEIGHT_DECAY
    )

    def start() -> Iterator[None]:
        for epoch in range(EPOCHS):
            momentum = cosine_schedule(epoch, EPOCHS, 0.996, 1)
            for batch in loader:
                views = [view.to(memory_format=memory_format) for view in batch[0]]
                update_momentum(model.student_backbone, model.teacher_backbone, m=momentum)
                update_momentum(model.student_head, model.teacher_head, m=momentum)
                teacher_out = [model.forward_teacher(view) for view in views[:2]]
                student_out = [model(view) for view in views]
                loss = criterion(teacher_out, student_out, epoch=epoch)
                loss.backward()
                model.student_head.cancel_last_layer_gradients(current_epoch=epoch)
                optimizer.step()
                optimizer.zero_grad()
                yield

    return start


class _LightlyDino(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        from lightly.models.modules import DINOProjectionHead
        from lightly.models.utils import deactivate_requires_grad

        self.student_backbone = timm.create_model("mobilenetv2_100", num_classes=0)
        width = Backbone("mobilenetv2").feature_dim
        self.student_head = DINOProjectionHead(
            width, HIDDEN, BOTTLENECK, PROTOTYPES, batch_norm=True, freeze_last_layer=1
        )
        self.teacher_backbone = copy.deepcopy(self.student_backbone)
        self.teacher_head = DINOProjectionHead(
            width, HIDDEN, BOTTLENECK, PROTOTYPES, batch_norm=True
        )
        deactivate_requires_grad(self.teacher_backbone)
        deactivate_requires_grad(self.teacher_head)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        features = self.student_backbone(images).flatten(start_dim=1)
        logits: torch.Tensor = self.student_head(features)
        return logits

    def forward_teacher(self, images: torch.Tensor) -> torch.Tensor:
        features = self.teacher_backbone(images).flatten(start_dim=1)
        logits: torch.Tensor = self.teacher_head(features)
        return logits
