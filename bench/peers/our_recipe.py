"""The recipe that makes edgessl do a work: each method's table, and the views of lightly's example.

Colours, blur, kernels and the crops of the methods with two views are the defaults of lightly's
transforms.
"""

from __future__ import annotations

from work import (
    BOTTLENECK,
    BYOL_HIDDEN,
    BYOL_PROJECTION,
    CONTRAST_HIDDEN,
    CONTRAST_PROJECTION,
    CONTRAST_TEMP,
    EPOCHS,
    GLOBAL_SCALE,
    GLOBAL_VIEWS,
    HIDDEN,
    JUDGED,
    LOCAL_SCALE,
    LOCAL_VIEWS,
    LR,
    MEAN,
    MOCO_QUEUE,
    MOMENTUM,
    PROTOTYPES,
    STD,
    SWAV_HIDDEN,
    SWAV_PROJECTION,
    SWAV_PROTOTYPES,
    TEACHER_MOMENTUM,
    WEIGHT_DECAY,
    WORKS,
    Work,
)

from edgessl.recipe import Recipe
from edgessl.recipe.finetune_table import FinetuneTable
from edgessl.recipe.method_tables import MethodTable
from edgessl.recipe.method_tables.byol import ByolTable
from edgessl.recipe.method_tables.dino import DinoTable
from edgessl.recipe.method_tables.moco import MocoTable
from edgessl.recipe.method_tables.projection import Projection
from edgessl.recipe.method_tables.simclr import SimClrTable
from edgessl.recipe.method_tables.swav import SwavTable
from edgessl.recipe.optim_tables import Sgd
from edgessl.recipe.tables import BackboneTable, ImageTable, PretrainTable
from edgessl.recipe.view_tables import Jitter, ViewGroup

_WEAK = Jitter(p=0.8, brightness=0.4, contrast=0.4, saturation=0.2, hue=0.1)
_MIDDLE = Jitter(p=0.8, brightness=0.4, contrast=0.4, saturation=0.4, hue=0.1)
_STRONG = Jitter(p=0.8, brightness=0.8, contrast=0.8, saturation=0.8, hue=0.2)
_TEACHER_MOMENTUM = (TEACHER_MOMENTUM, 1.0)

DINO = DinoTable(
    name="dino", hidden_dim=HIDDEN, bottleneck_dim=BOTTLENECK, prototypes=PROTOTYPES,
    teacher_momentum=_TEACHER_MOMENTUM,
)  # fmt: skip
_BYOL_HEAD = Projection(
    hidden_dims=(BYOL_HIDDEN,), batch_norm=True, hidden_bias=False, out_dim=BYOL_PROJECTION
)
TABLES: dict[str, MethodTable] = {
    "dino": DINO,
    "swav": SwavTable(
        name="swav", prototypes=SWAV_PROTOTYPES,
        projector=Projection(
            hidden_dims=(SWAV_HIDDEN,), batch_norm=True, hidden_bias=False, out_dim=SWAV_PROJECTION
        ),
    ),
    "moco": MocoTable(
        name="moco", temperature=CONTRAST_TEMP, queue=MOCO_QUEUE,
        teacher_momentum=_TEACHER_MOMENTUM,
        projector=Projection(hidden_dims=(CONTRAST_HIDDEN,), out_dim=CONTRAST_PROJECTION),
    ),
    "simclr": SimClrTable(
        name="simclr", temperature=CONTRAST_TEMP,
        projector=Projection(
            hidden_dims=(CONTRAST_HIDDEN,), batch_norm=True, hidden_bias=False,
            last_batch_norm="scale_and_shift", last_bias=False, out_dim=CONTRAST_PROJECTION,
        ),
    ),
    "byol": ByolTable(
        name="byol", projector=_BYOL_HEAD, predictor=_BYOL_HEAD,
        teacher_momentum=_TEACHER_MOMENTUM,
    ),
}  # fmt: skip
"""What a recipe says about each of ``METHODS``."""

OPTIM = Sgd(
    name="sgd", lr=LR, lr_batch=0, momentum=MOMENTUM, weight_decay=(WEIGHT_DECAY, WEIGHT_DECAY)
)


def view_groups(work: Work) -> tuple[ViewGroup, ...]:
    """Return the views of a work."""
    return {"dino": _dino_views, "swav": _swav_views}.get(work.method, _two_views)(work)


def _dino_views(work: Work) -> tuple[ViewGroup, ...]:
    return (
        ViewGroup(
            count=GLOBAL_VIEWS, size_px=work.global_px, scale=GLOBAL_SCALE, jitter=_WEAK,
            gray_p=0.2, blur_p=(1.0, 0.1), solarize_p=(0.0, 0.2), interpolation="bicubic",
        ),
        ViewGroup(
            count=LOCAL_VIEWS, size_px=work.local_px, scale=LOCAL_SCALE, jitter=_WEAK,
            gray_p=0.2, blur_p=(0.5,) * LOCAL_VIEWS, interpolation="bicubic",
        ),
    )  # fmt: skip


def _swav_views(work: Work) -> tuple[ViewGroup, ...]:
    return (
        ViewGroup(
            count=GLOBAL_VIEWS, size_px=work.global_px, scale=GLOBAL_SCALE, jitter=_STRONG,
            gray_p=0.2, blur_p=(0.5,) * GLOBAL_VIEWS,
        ),
        ViewGroup(
            count=LOCAL_VIEWS, size_px=work.local_px, scale=LOCAL_SCALE, jitter=_STRONG,
            gray_p=0.2, blur_p=(0.5,) * LOCAL_VIEWS,
        ),
    )  # fmt: skip


def _two_views(work: Work) -> tuple[ViewGroup, ...]:
    scale, jitter, blur_p, solarize_p = {
        "moco": ((0.2, 1.0), _MIDDLE, (0.5, 0.5), ()),
        "simclr": ((0.08, 1.0), _STRONG, (0.5, 0.5), ()),
        "byol": ((0.08, 1.0), _WEAK, (1.0, 0.1), (0.0, 0.2)),
    }[work.method]
    return (
        ViewGroup(
            count=GLOBAL_VIEWS, size_px=work.global_px, scale=scale, jitter=jitter, gray_p=0.2,
            blur_p=blur_p, solarize_p=solarize_p,
        ),
    )  # fmt: skip


GROUPS = view_groups(WORKS[JUDGED])


def recipe_of(work: Work) -> Recipe:
    """Return the recipe that does a work; its fine-tuning is never reached."""
    px = work.global_px
    return Recipe(
        name="work",
        source="factory",
        backbone=BackboneTable(name=work.backbone),
        method=TABLES[work.method],
        image=ImageTable(mean=MEAN, std=STD, resize_px=px, crop_px=px),
        views=view_groups(work),
        optim=OPTIM,
        pretrain=PretrainTable(epochs=EPOCHS, batch_size=work.batch),
        finetune=FinetuneTable(
            epochs=1, batch_size=work.batch, optim=OPTIM,
            view=ViewGroup(count=1, size_px=px, scale=(0.35, 1.0)),
        ),
    )  # fmt: skip
