"""MoCo's student finds its keys in a queue that a slow teacher fills."""

from __future__ import annotations

import copy
from typing import cast

import pytest
import torch
from reference.info_nce import slow_info_nce
from torch import Tensor, nn
from torch.nn.functional import normalize

from edgessl.backbones import Backbone
from edgessl.distributed import ALONE
from edgessl.distributed.batchnorm import batch_statistics
from edgessl.heads.projection import projection_head
from edgessl.methods.moco import Moco
from edgessl.optim import build_optimizer, set_hyperparameters
from edgessl.recipe.method_tables.moco import MocoTable
from edgessl.recipe.method_tables.projection import Projection
from edgessl.recipe.optim_tables import Sgd
from edgessl.schedules import Clock

BATCH, QUEUE, WIDTH = 4, 10, 8
HEAD = Projection(hidden_dims=(16,), out_dim=WIDTH)
V2 = MocoTable(name="moco", projector=HEAD, queue=QUEUE, teacher_momentum=(0.9, 0.9))
V2_PLUS = V2.model_copy(
    update={"predictor": HEAD, "keys": "both", "teacher_momentum": (0.99, 1.0)}
)
SYMMETRIC = V2_PLUS.model_copy(update={"teacher_predictor": True})
CLOCK = Clock(0, 2, 10)


@pytest.fixture(scope="module")
def backbone() -> Backbone:
    """A MobileNetV2 without its last stage; tests copy it."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return Backbone("mobilenetv2", "remove", 32)


def _method(backbone: Backbone, table: MocoTable = V2) -> Moco:
    with torch.random.fork_rng():
        torch.manual_seed(1)
        return Moco(copy.deepcopy(backbone), table).train()


def _views(seed: int = 0, locals_: int = 2) -> list[Tensor]:
    rng = torch.Generator().manual_seed(seed)
    views = [torch.randn(2, BATCH, 3, 32, 32, generator=rng)]
    return [*views, torch.randn(locals_, BATCH, 3, 16, 16, generator=rng)] if locals_ else views


def _queue(method: Moco) -> Tensor:
    return cast(Tensor, method.queue).clone()


@torch.no_grad()
def _keys(method: Moco, images: Tensor) -> Tensor:
    """Return what the teacher makes of images; its BN statistics move, so pass a copy."""
    return normalize(method.teacher_head(method.teacher_backbone(images)), dim=1)


@torch.no_grad()
def _queries(method: Moco, groups: list[Tensor]) -> Tensor:
    features = torch.cat([method.backbone(group.flatten(0, 1)) for group in groups])
    return normalize(method.head(features), dim=1).view(-1, BATCH, WIDTH)


def _parameters(module: nn.Module) -> list[Tensor]:
    return [parameter.detach().clone() for parameter in module.parameters()]


def test_the_queue_starts_with_random_unit_rows(backbone: Backbone) -> None:
    queue = _queue(_method(backbone))
    assert queue.shape == (QUEUE, WIDTH)
    torch.testing.assert_close(queue.norm(dim=1), torch.ones(QUEUE))
    assert torch.linalg.matrix_rank(queue) == WIDTH
    assert torch.equal(queue, _queue(_method(backbone)))


def test_the_teacher_starts_equal_and_takes_no_gradient(backbone: Backbone) -> None:
    method = _method(backbone, SYMMETRIC)
    for ours, theirs in (
        (method.backbone, method.teacher_backbone), (method.head, method.teacher_head),
    ):
        pairs = zip(_parameters(ours), _parameters(theirs), strict=True)
        assert all(torch.equal(a, b) for a, b in pairs)
    method(_views(), None, CLOCK).loss.backward()
    for name, parameter in method.named_parameters():
        assert (parameter.grad is None) is name.startswith("teacher"), name


@pytest.mark.parametrize("locals_", [0, 2])
def test_the_first_global_view_is_the_key_of_all_others(backbone: Backbone, locals_: int) -> None:
    """Two views: MoCo v2. More: SSLight's, with its weights of the two kinds of queries."""
    method = _method(backbone)
    twin, views = copy.deepcopy(method), _views(0, locals_)
    key, queries = _keys(twin, views[0][0]), _queries(twin, [views[0][1:], *views[1:]])
    assert len(queries) == 1 + locals_
    expected = slow_info_nce(
        queries, key, _queue(method), temperature=0.2, global_queries=1, alpha=0.4
    )
    step = method(views, None, CLOCK)
    assert step.loss.item() == pytest.approx(expected, rel=1e-4)
    torch.testing.assert_close(step.log["moco_loss"], step.loss.detach())


@pytest.mark.parametrize("locals_", [0, 2])
@pytest.mark.parametrize("table", [V2_PLUS, SYMMETRIC], ids=["v2+", "symmetric"])
def test_with_both_keys_the_two_directions_are_summed(
    backbone: Backbone, table: MocoTable, locals_: int
) -> None:
    method = _method(backbone, table)
    twin, views = copy.deepcopy(method), _views(0, locals_)
    keys = _keys(twin, views[0].flatten(0, 1)).view(2, BATCH, WIDTH)
    queries = _queries(twin, views)
    expected = [
        slow_info_nce(
            torch.cat([queries[[1 - g]], queries[2:]]), keys[g], _queue(method),
            temperature=0.2, global_queries=1, alpha=0.4,
        )
        for g in (0, 1)
    ]  # fmt: skip
    step = method(views, None, CLOCK)
    assert step.loss.item() == pytest.approx(sum(expected), rel=1e-4)
    torch.testing.assert_close(step.log["moco_loss"], step.loss.detach() / 2)


def test_the_queue_is_first_in_first_out_and_wraps(backbone: Backbone) -> None:
    method = _method(backbone)
    before, entered = _queue(method), []
    for number in range(3):
        views = _views(number)
        entered.append(_keys(copy.deepcopy(method), views[0][0]))
        at_loss = _queue(method)
        method(views, None, Clock(number, 2, 10))
        assert torch.equal(_queue(method), at_loss)  # read before it is changed
        method.after_step(Clock(number, 2, 10))
    keys = torch.cat(entered)  # 12 keys through 10 places
    expected = before.clone()
    for number, key in enumerate(keys):
        expected[number % QUEUE] = key
    torch.testing.assert_close(_queue(method), expected)
    assert cast(Tensor, method.queue_position) == 2


def test_a_batch_longer_than_the_queue_leaves_its_last_keys(backbone: Backbone) -> None:
    method = _method(backbone, V2.model_copy(update={"queue": 3}))
    keys = _keys(copy.deepcopy(method), _views()[0][0])
    method(_views(), None, CLOCK)
    method.after_step(CLOCK)
    torch.testing.assert_close(_queue(method), keys[[3, 1, 2]])


def test_micro_batches_enter_the_queue_once_a_step_and_skipped_steps_never(
    backbone: Backbone,
) -> None:
    method = _method(backbone, V2.model_copy(update={"teacher_momentum": (1.0, 1.0)}))
    before = _queue(method)
    method(_views(7), None, CLOCK)  # its loss was not finite: no after_step
    later = Clock(1, 2, 10)
    keys = torch.cat([_keys(copy.deepcopy(method), _views(seed)[0][0]) for seed in (0, 1)])
    for seed in (0, 1):
        method(_views(seed), None, later)
        assert torch.equal(_queue(method), before)
    method.after_step(later)
    torch.testing.assert_close(_queue(method)[:8], keys)
    assert torch.equal(_queue(method)[8:], before[8:])


def test_the_teacher_is_what_an_update_before_each_forward_pass_gives(backbone: Backbone) -> None:
    """MoCo v2 and SSLight update the teacher first thing in a step, v2+ last thing."""
    method = _method(backbone, V2.model_copy(update={"teacher_momentum": (0.5, 1.0)}))
    teacher = _parameters(method.teacher_backbone)
    optim = Sgd(name="sgd", lr=0.1, lr_batch=0)
    optimizer = build_optimizer(method, optim)
    for number in range(3):
        clock = Clock(number, 2, 10)
        momentum = 1.0 - 0.25 * (1.0 + torch.cos(torch.tensor(torch.pi * number / 20)).item())
        for ours, theirs in zip(teacher, method.backbone.parameters(), strict=True):
            ours.mul_(momentum).add_(theirs.detach(), alpha=1.0 - momentum)
        for ours, theirs in zip(teacher, method.teacher_backbone.parameters(), strict=True):
            torch.testing.assert_close(ours, theirs.detach())
        if number == 0:
            pairs = zip(teacher, method.backbone.parameters(), strict=True)
            assert all(torch.equal(a, b) for a, b in pairs)
        set_hyperparameters(optimizer, optim, clock, BATCH)
        method(_views(number), None, clock).loss.backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        method.after_step(clock)


@pytest.mark.parametrize(
    ("epochs", "momentum"),
    [(1, 0.990001), (5, 0.990015), (10, 0.990062), (20, 0.990245), (50, 0.991464), (100, 0.995),
     (150, 0.998536), (199, 0.999999)],
)  # fmt: skip
def test_the_momentum_rises_as_airls(backbone: Backbone, epochs: int, momentum: float) -> None:
    """Computed from AIRL's code: 200 epochs of 5004 steps, after so many epochs."""
    method = _method(backbone, V2_PLUS).double()
    first = next(method.backbone.parameters())
    with torch.no_grad():
        first.copy_(next(method.teacher_backbone.parameters()) + 1.0)
    before = next(method.teacher_backbone.parameters()).clone()
    method.after_step(Clock(epochs * 5004 - 1, 5004, 200))
    moved = next(method.teacher_backbone.parameters()) - before
    assert 1.0 - moved.mean().item() == pytest.approx(momentum, abs=6e-7)


def test_each_group_of_the_batch_draws_whose_keys_enter_the_queue(backbone: Backbone) -> None:
    method = _method(backbone, V2_PLUS.model_copy(update={"coin_groups": BATCH}))
    keys = _keys(copy.deepcopy(method), _views()[0].flatten(0, 1)).view(2, BATCH, WIDTH)
    heads = []
    for seed in range(8):
        twin = copy.deepcopy(method)
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            twin(_views(), None, CLOCK)
        twin.after_step(CLOCK)
        distances = torch.stack([(_queue(twin)[:BATCH] - key).norm(dim=1) for key in keys])
        assert distances.min(dim=0).values.max() < 1e-5
        heads.append(distances.argmin(dim=0))
    drawn = torch.stack(heads)
    assert 8 <= drawn.sum() <= 24  # of 32 coins
    assert any(0 < row.sum() < BATCH for row in drawn)  # not one coin for all


def test_one_coin_group_enters_one_view_whole(backbone: Backbone) -> None:
    method = _method(backbone, V2_PLUS)
    keys = _keys(copy.deepcopy(method), _views()[0].flatten(0, 1)).view(2, BATCH, WIDTH)
    method(_views(), None, CLOCK)
    method.after_step(CLOCK)
    distances = [(_queue(method)[:BATCH] - key).norm() for key in keys]
    assert min(distances) < 1e-5 < max(distances)


def test_shuffling_mixes_the_groups_of_batch_norm_and_is_undone(backbone: Backbone) -> None:
    views = _views()
    groups = batch_statistics(ALONE, images=BATCH, groups=2)
    found = {}
    for shuffle in (False, True):
        method = _method(backbone, V2.model_copy(update={"shuffle": shuffle}))
        twin = copy.deepcopy(method)
        with torch.random.fork_rng(), groups:
            torch.manual_seed(1)
            method(views, None, CLOCK)
        method.after_step(CLOCK)
        found[shuffle] = _queue(method)[:BATCH]
    with torch.random.fork_rng():
        torch.manual_seed(1)
        order = torch.randperm(BATCH)
    assert set((order[:2] // 2).tolist()) == {0, 1}  # an image of each half in the first half
    with groups:
        shuffled = _keys(twin, views[0][0][order])
    expected = torch.empty_like(shuffled)
    expected[order] = shuffled
    torch.testing.assert_close(found[True], expected)
    assert (found[True] - found[False]).abs().max() > 1e-3


def test_shuffling_changes_nothing_with_statistics_of_the_whole_batch(backbone: Backbone) -> None:
    losses = [
        _method(backbone, V2.model_copy(update={"shuffle": shuffle}))(_views(), None, CLOCK).loss
        for shuffle in (False, True)
    ]
    torch.testing.assert_close(*losses, rtol=1e-4, atol=1e-4)


def test_collapse_finds_no_key(backbone: Backbone) -> None:
    method = _method(backbone)
    with torch.no_grad():
        for head in (method.head, method.teacher_head):
            last = [module for module in head.modules() if isinstance(module, nn.Linear)][-1]
            last.weight.zero_()
            last.bias.copy_(torch.arange(float(WIDTH)))
        cast(Tensor, method.queue).copy_(normalize(torch.arange(float(WIDTH)), dim=0))
    log = method(_views(), None, CLOCK).log
    assert log["contrast_top1_percent"] == 0.0
    torch.testing.assert_close(log["moco_loss"], log["chance_loss"])
    assert log["spread"] < 1e-5


@pytest.mark.parametrize("table", [V2, V2_PLUS], ids=["v2", "v2+"])
def test_the_spread_loss_is_added_with_its_weight_and_not_reported_as_mocos(
    backbone: Backbone, table: MocoTable
) -> None:
    steps = [
        _method(backbone, table.model_copy(update={"spread_weight": weight}))(_views(), None, CLOCK)
        for weight in (0.0, 0.5, 1.0)
    ]
    plain, half, whole = (step.loss.detach() for step in steps)
    torch.testing.assert_close(whole - plain, 2.0 * (half - plain), rtol=1e-4, atol=1e-5)
    assert -4.0 <= (whole - plain).item() < 0.0
    for step in steps:
        torch.testing.assert_close(step.log["moco_loss"], steps[0].log["moco_loss"])


def test_training_on_the_same_views_lowers_the_loss(backbone: Backbone) -> None:
    method = _method(backbone, V2.model_copy(update={"teacher_momentum": (1.0, 1.0)}))
    optim = Sgd(name="sgd", lr=0.05, lr_batch=0, momentum=0.0)
    optimizer = build_optimizer(method, optim)
    losses = []
    for _ in range(6):
        step = method(_views(), None, CLOCK)
        losses.append(step.loss.item())
        set_hyperparameters(optimizer, optim, CLOCK, BATCH)
        optimizer.zero_grad(set_to_none=True)
        step.loss.backward()
        optimizer.step()
    assert losses[-1] < losses[0]


AIRL = Projection(hidden_dims=(4096,), batch_norm=True, out_dim=256)
UNBIASED = AIRL.model_copy(update={"last_bias": False})


@pytest.mark.parametrize(
    ("width", "heads", "expected"),
    [
        (1280, [MocoTable(name="moco").projector], 2_885_760),  # SSLight, MobileNetV2
        (1280, [Projection(hidden_factors=(1.0,))], 1_803_648),  # ssl-small, S3L
        (512, [Projection(hidden_factors=(1.0,))], 328_320),
        (1280, [Projection(hidden_factors=(2.0,))], 3_607_168),  # ssl-small, wide
        (1024, [Projection(hidden_factors=(2.0,))], 2_361_472),
        (256, [Projection(hidden_factors=(1.0,))], 98_688),  # S3L without conv5
        (2048, [Projection(hidden_dims=(2048,))], 4_458_624),  # AIRL v2
        (2048, [AIRL], 9_449_728),
        (256, [AIRL], 2_109_696),
        (2048, [UNBIASED, UNBIASED], 11_558_912),  # AIRL symmetric v2+
        (2048, [Projection(hidden_dims=())], 262_272),  # v1: 2048 x 128 and a bias
    ],
)
def test_heads_have_the_papers_parameter_counts(
    width: int, heads: list[Projection], expected: int
) -> None:
    with torch.device("meta"):
        modules = [
            projection_head(head.out_dim if number else width, head)
            for number, head in enumerate(heads)
        ]
    assert sum(p.numel() for module in modules for p in module.parameters()) == expected
