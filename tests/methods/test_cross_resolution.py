"""Cross-resolution training: a small image is to have the start's features of the large one."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn.functional import interpolate

from edgessl.backbones import Backbone
from edgessl.errors import UserError
from edgessl.methods.build import build_method
from edgessl.methods.cross_resolution import CrossResolution
from edgessl.pipeline.asked import Asked
from edgessl.pipeline.recipe import run
from edgessl.recipe import load_recipe
from edgessl.recipe.method_tables.cross_resolution import CrossResolutionTable
from edgessl.schedules import Clock

CLOCK = Clock(0, 10, 1)


@pytest.fixture
def method() -> CrossResolution:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        backbone = Backbone("mobilenetv2", "keep", 32)
        built = build_method(backbone, CrossResolutionTable(name="cross_resolution"))
    assert isinstance(built, CrossResolution)
    return built.train()


def _views(count: int = 1, images: int = 6, side: int = 64) -> list[Tensor]:
    generator = torch.Generator().manual_seed(1)
    return [torch.randn(count, images, 3, side, side, generator=generator)]


def test_the_loss_is_one_minus_the_cosine_of_centred_features(method: CrossResolution) -> None:
    (views,) = _views()
    large = views[0]
    student, teacher = copy.deepcopy(method.backbone).eval(), method.teacher_backbone
    with torch.no_grad():
        wanted = teacher(large).double().numpy()
        small = interpolate(
            large, size=(32, 32), mode="bilinear", antialias=True, align_corners=False
        )
        got = student(small).double().numpy()
    wanted /= np.linalg.norm(wanted, axis=1, keepdims=True)
    got /= np.linalg.norm(got, axis=1, keepdims=True)
    mean = wanted.mean(axis=0)  # of the first batch, which is all there is
    cosines = [
        (a - mean) @ (b - mean) / np.linalg.norm(a - mean) / np.linalg.norm(b - mean)
        for a, b in zip(got, wanted, strict=True)
    ]
    step = method([views], None, CLOCK)
    assert step.loss.item() == pytest.approx(1.0 - float(np.mean(cosines)), abs=1e-5)


def test_a_network_that_sees_as_before_has_no_loss(method: CrossResolution) -> None:
    flat = torch.ones(1, 4, 3, 64, 64) * torch.linspace(-2.0, 2.0, 4).view(1, 4, 1, 1, 1)
    method.backbone.net.forward = lambda images: images.mean(dim=(2, 3)).repeat(1, 4)  # type: ignore[method-assign]
    method.teacher_backbone.net.forward = method.backbone.net.forward
    method.centre = torch.zeros(12)
    assert method([flat], None, CLOCK).loss.item() == pytest.approx(0.0, abs=1e-6)


def test_training_brings_the_small_image_closer_and_leaves_the_start_alone(
    method: CrossResolution,
) -> None:
    views = _views(images=8)
    start = {key: value.clone() for key, value in method.teacher_backbone.state_dict().items()}
    optimizer = torch.optim.AdamW(method.backbone.parameters(), lr=1e-3)
    losses = []
    for _ in range(12):
        loss = method(views, None, CLOCK).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        method.after_step(CLOCK)
        losses.append(loss.item())
    assert losses[-1] < 0.7 * losses[0]
    for key, value in method.teacher_backbone.state_dict().items():
        assert torch.equal(value, start[key]), key


def test_batchnorm_keeps_the_statistics_of_the_start_unless_told_otherwise() -> None:
    for freeze in (True, False):
        table = CrossResolutionTable(name="cross_resolution", freeze_batchnorm=freeze)
        method = build_method(Backbone("mobilenetv2", "keep", 32), table).train()
        norms = [one for one in method.backbone.modules() if isinstance(one, nn.BatchNorm2d)]
        before = [norm.running_mean.clone() for norm in norms if norm.running_mean is not None]
        method(_views(), None, CLOCK)
        after = [norm.running_mean for norm in norms if norm.running_mean is not None]
        same = all(torch.equal(a, b) for a, b in zip(before, after, strict=True))
        assert same == freeze
        assert not any(one.training for one in method.teacher_backbone.modules())


def test_the_centre_is_the_mean_of_all_batches_at_first(method: CrossResolution) -> None:
    views = [_views(images=4), [2.0 * one for one in _views(images=4)]]
    targets = []
    for group in views:
        with torch.no_grad():
            found = nn.functional.normalize(method.teacher_backbone(group[0][0]), dim=-1)
        targets.append(found.mean(dim=0))
        method(group, None, CLOCK)
    assert torch.allclose(method.centre, torch.stack(targets).mean(dim=0), atol=1e-5)


def test_all_groups_of_views_count_alike(method: CrossResolution) -> None:
    views = _views(count=2, images=3)
    whole = method(views, None, CLOCK).loss
    method.centre.zero_()
    method.steps.zero_()
    apart = method([views[0][:1], views[0][1:]], None, CLOCK).loss
    assert whole.item() == pytest.approx(apart.item(), abs=1e-5)


def test_a_ratio_that_leaves_nothing_to_see_is_refused() -> None:
    with pytest.raises(UserError, match=r"method.ratio must leave at least 8 px.*got 8"):
        load_recipe(
            "mobilenetv2-dino:from-weights",
            overrides=["method.ratio=8", "views.0.size_px=48", "image.crop_px=48"],
        )


def test_a_run_without_weights_is_refused() -> None:
    with pytest.raises(UserError, match=r"--init: must be given, because cross_resolution starts"):
        run(Asked("mobilenetv2-dino:from-weights", "demo"))


def test_the_view_of_the_student_is_the_view_made_smaller(method: CrossResolution) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    small = np.asarray(Image.fromarray(pixels).resize((32, 32), Image.Resampling.BILINEAR))
    large = torch.from_numpy(pixels).permute(2, 0, 1)[None].float()
    found = method._smaller(large)[0].permute(1, 2, 0).numpy()
    assert np.abs(found - small).max() <= 1.0


def test_statistics_that_are_kept_are_not_computed_anew_either() -> None:
    name = "mobilenetv2-dino:from-weights"
    assert not load_recipe(name).pretrain.recalibrate_batchnorm
    with pytest.raises(UserError, match=r"pretrain.recalibrate_batchnorm must be false"):
        load_recipe(name, overrides=["pretrain.recalibrate_batchnorm=true"])
