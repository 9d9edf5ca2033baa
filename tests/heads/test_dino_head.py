"""DINO's head has the papers' sizes, start values and normalisations."""

from __future__ import annotations

import pytest
import torch

from edgessl.heads.dino import DinoHead


def _head(in_dim: int, prototypes: int, *, cnn: bool) -> DinoHead:
    return DinoHead(in_dim, 2048, 256, prototypes, batch_norm=cnn, train_gain=not cnn)


@pytest.mark.parametrize(
    ("in_dim", "prototypes", "cnn", "expected"),
    [
        (1280, 4096, True, 8_401_152),  # MobileNetV2
        (512, 4096, True, 6_828_288),  # ResNet-18
        (192, 65_536, False, 21_893_376),  # ViT-Ti
    ],
)
def test_parameter_counts_are_sslights(
    in_dim: int, prototypes: int, cnn: bool, expected: int
) -> None:
    """Computed from SSLight's released code, the last layer's gain left out."""
    with torch.device("meta"):
        head = _head(in_dim, prototypes, cnn=cnn)
    counted = sum(p.numel() for name, p in head.named_parameters() if name != "gain")
    assert counted == expected
    assert head.gain.shape == (prototypes, 1)


@pytest.mark.parametrize("cnn", [True, False])
def test_the_gain_is_trained_for_vits_only(cnn: bool) -> None:
    head = DinoHead(8, 16, 4, 10, batch_norm=cnn, train_gain=not cnn)
    assert head.gain.requires_grad is not cnn
    assert torch.equal(head.gain, torch.ones(10, 1))
    assert any(isinstance(m, torch.nn.BatchNorm1d) for m in head.modules()) is cnn


def test_linears_start_at_std_0_02_without_bias() -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        head = DinoHead(256, 512, 64, 128, batch_norm=True, train_gain=False)
    linears = [module for module in head.mlp if isinstance(module, torch.nn.Linear)]
    assert len(linears) == 3
    for layer in linears:
        assert layer.weight.std().item() == pytest.approx(0.02, rel=0.03)
        assert not layer.bias.any()
    bound = 64**-0.5  # the direction keeps torch's start of a Linear layer: uniform, 1 / sqrt(P)
    assert head.direction.abs().max() <= bound
    assert head.direction.std().item() == pytest.approx(bound / 3**0.5, rel=0.03)


def test_logits_are_cosines_of_the_bottleneck_times_the_gain() -> None:
    head = DinoHead(8, 16, 4, 10, batch_norm=False, train_gain=True)
    features = torch.randn(5, 8, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        head.gain.copy_(torch.arange(1.0, 11.0)[:, None])
        bottleneck, logits = head(features)
        torch.testing.assert_close(bottleneck.norm(dim=1), torch.ones(5))
        cosines = torch.cosine_similarity(bottleneck[:, None], head.direction[None], dim=2)
    torch.testing.assert_close(logits, cosines * torch.arange(1.0, 11.0))


@pytest.mark.parametrize("train_gain", [True, False])
def test_the_last_layer_is_its_direction_and_a_gain_that_is_trained(train_gain: bool) -> None:
    head = DinoHead(8, 16, 4, 10, batch_norm=False, train_gain=train_gain)
    expected = (head.direction, head.gain) if train_gain else (head.direction,)
    assert [id(p) for p in head.last_layer()] == [id(p) for p in expected]
