"""DINO trains a vision transformer on views of two sizes, as SSLight does."""

from __future__ import annotations

import pytest
import torch
from timm.layers.drop import DropPath
from torch import Tensor

from edgessl.backbones import Backbone
from edgessl.methods.dino import Dino
from edgessl.recipe.method_tables.dino import DinoTable
from edgessl.schedules import Clock

TABLE = DinoTable(
    name="dino", hidden_dim=32, bottleneck_dim=16, prototypes=32, head_batch_norm=False,
    freeze_last_layer_epochs=0, train_gain=True,
)  # fmt: skip


@pytest.fixture(scope="module")
def method() -> Dino:
    """ViT-Ti/16 for images of 64 px, with stochastic depth."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return Dino(Backbone("vit-ti16", image_px=64, drop_path=0.5), TABLE).train()


@pytest.fixture(scope="module")
def views() -> list[Tensor]:
    """Two global views of 64 px and six local ones of 32 px, of two images."""
    draw = torch.Generator().manual_seed(0)
    return [
        torch.randn(2, 2, 3, 64, 64, generator=draw), torch.randn(6, 2, 3, 32, 32, generator=draw)
    ]  # fmt: skip


def test_both_sizes_of_views_train_every_parameter(method: Dino, views: list[Tensor]) -> None:
    method.zero_grad()
    step = method(views, None, Clock(0, 4, 2))
    assert step.loss.isfinite()
    torch.autograd.backward(step.loss)
    trained = {key: p.grad for key, p in method.named_parameters() if p.requires_grad}
    assert [key for key, grad in trained.items() if grad is None or not grad.any()] == []
    assert "backbone.net.pos_embed" in trained


def test_stochastic_depth_is_the_students_alone(method: Dino) -> None:
    """SSLight: 0.1 in the student, none in the teacher."""
    student = [m.drop_prob for m in method.backbone.modules() if isinstance(m, DropPath)]
    teacher = [m.drop_prob for m in method.teacher_backbone.modules() if isinstance(m, DropPath)]
    assert max(student) == pytest.approx(0.5)
    assert len(set(student)) > 5  # growing over the blocks
    assert set(teacher) == {0.0}
