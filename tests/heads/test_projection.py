"""One builder makes every projector and predictor of the papers, to the parameter."""

from __future__ import annotations

import pytest
import torch
from pydantic import ValidationError
from torch import nn

from edgessl.heads.projection import projection_head
from edgessl.recipe.method_tables.projection import Projection

WIDE = Projection(hidden_factors=(2.0,))
PLAIN = Projection(hidden_factors=(1.0,))
S3L_BYOL = Projection(hidden_dims=(4096,), batch_norm=True)
AIRL = Projection(hidden_dims=(4096,), batch_norm=True, out_dim=256)
S_MOCO = AIRL.model_copy(update={"last_bias": False})


@pytest.mark.parametrize(
    ("in_dim", "table", "expected"),
    [
        pytest.param(1280, Projection(hidden_dims=(2048,), init_std=0.02), 2_885_760,
                     id="sslight-moco"),
        pytest.param(1280, Projection(hidden_dims=(4096,), batch_norm=True, init_std=0.01),
                     5_779_584, id="sslight-swav"),
        pytest.param(1280, WIDE, 3_607_168, id="small-wide-mobilenetv3l"),
        pytest.param(1024, WIDE, 2_361_472, id="small-wide-mobilenetv3s"),
        pytest.param(512, WIDE, 656_512, id="small-wide-resnet18"),
        pytest.param(192, WIDE, 123_392, id="small-wide-deit"),
        pytest.param(1280, PLAIN, 1_803_648, id="mocov2-1280"),
        pytest.param(512, PLAIN, 328_320, id="mocov2-512"),
        pytest.param(256, PLAIN, 98_688, id="s3l-moco-resnet18"),
        pytest.param(1024, PLAIN, 1_180_800, id="s3l-moco-resnet50"),
        pytest.param(2048, S3L_BYOL, 8_925_312, id="s3l-byol-projector"),
        pytest.param(128, S3L_BYOL, 1_060_992, id="s3l-byol-predictor"),
        pytest.param(2048, AIRL, 9_449_728, id="airl-projector"),
        pytest.param(256, AIRL, 2_109_696, id="airl-predictor"),
        pytest.param(2048, PLAIN, 4_458_624, id="airl-mocov2"),
    ],
)  # fmt: skip
def test_parameter_counts_are_the_papers(in_dim: int, table: Projection, expected: int) -> None:
    """Computed from the released codes."""
    with torch.device("meta"):
        head = projection_head(in_dim, table)
    assert sum(p.numel() for p in head.parameters()) == expected


def test_the_symmetric_mocos_projector_and_predictor_have_no_last_bias() -> None:
    with torch.device("meta"):
        fused = nn.Sequential(projection_head(2048, S_MOCO), projection_head(256, S_MOCO))
    assert sum(p.numel() for p in fused.parameters()) == 11_558_912


@pytest.mark.parametrize(
    ("table", "layers"),
    [
        (Projection(hidden_dims=()), "Linear"),  # MoCo v1
        (PLAIN, "Linear ReLU Linear"),
        (Projection(hidden_factors=(1.0, 1.0)), "Linear ReLU Linear ReLU Linear"),  # deep
        (Projection(hidden_factors=(1.0,), dropout=0.5), "Linear ReLU Dropout Linear"),
        (AIRL, "Linear BatchNorm1d ReLU Linear"),
        (Projection(hidden_dims=(8,), batch_norm=True, last_batch_norm="scale"),  # Cole
         "Linear BatchNorm1d ReLU Linear BatchNorm1d"),
    ],
    ids=["mocov1", "plain", "deep", "dropout", "airl", "cole"],
)  # fmt: skip
def test_layers_come_in_the_papers_order(table: Projection, layers: str) -> None:
    head = projection_head(4, table)
    assert [type(layer).__name__ for layer in head] == layers.split()
    assert head.eval()(torch.ones(3, 4)).shape == (3, table.out_dim)


@pytest.mark.parametrize("last", ["scale", "scale_and_shift"])
def test_the_last_batch_norm_has_a_shift_only_if_asked_for(last: str) -> None:
    table = Projection.model_validate({"hidden_dims": (), "out_dim": 5, "last_batch_norm": last})
    norm = projection_head(4, table)[-1]
    assert isinstance(norm, nn.BatchNorm1d)
    assert norm.weight.requires_grad
    assert norm.bias.requires_grad is (last == "scale_and_shift")
    assert not norm.bias.any()


def test_biases_can_be_left_out_of_either_kind_of_layer() -> None:
    table = Projection(hidden_dims=(6,), hidden_bias=False, last_bias=False)
    assert [name for name, _ in projection_head(4, table).named_parameters()] == [
        "0.weight", "2.weight",
    ]


@pytest.mark.parametrize("std", [0.01, 0.02])
def test_a_normal_start_has_its_deviation_and_no_bias(std: float) -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        head = projection_head(256, Projection(hidden_dims=(256,), init_std=std))
    for layer in (head[0], head[2]):
        assert isinstance(layer, nn.Linear)
        assert layer.weight.std().item() == pytest.approx(std, rel=0.03)
        assert not layer.bias.any()


def test_left_alone_weights_start_as_pytorch_starts_them() -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        ours = projection_head(16, Projection(hidden_dims=(8,), out_dim=4))
        torch.manual_seed(0)
        theirs = nn.Sequential(nn.Linear(16, 8), nn.ReLU(), nn.Linear(8, 4))
    assert all(
        torch.equal(a, b) for a, b in zip(ours.parameters(), theirs.parameters(), strict=True)
    )


@pytest.mark.parametrize(
    ("given", "found"), [({}, "nothing"), ({"hidden_dims": (8,), "hidden_factors": (1.0,)}, "both")]
)
def test_hidden_widths_are_given_in_exactly_one_way(given: dict[str, object], found: str) -> None:
    with pytest.raises(ValidationError, match=f"hidden_factors must be given, found {found}"):
        Projection.model_validate(given)


def test_the_last_layer_may_start_on_its_own() -> None:
    table = Projection(hidden_dims=(256,), last_init_std=0.01)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        head = projection_head(64, table)
    hidden, _, last = head
    assert isinstance(hidden, nn.Linear)
    assert isinstance(last, nn.Linear)
    assert last.weight.std().item() == pytest.approx(0.01, rel=0.05)
    assert not last.bias.any()
    assert hidden.weight.abs().max().item() == pytest.approx(1 / 8, rel=0.01)  # torch's own
    assert hidden.bias.any()
