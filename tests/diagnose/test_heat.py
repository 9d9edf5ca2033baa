"""Heat maps are what the papers' equations say, and point at what the score comes from."""

from __future__ import annotations

import numpy as np
import pytest
import timm
import torch
from timm.models.vision_transformer import VisionTransformer

from edgessl.diagnose.heat import attention_rollout, grad_cam


@pytest.fixture(scope="module")
def transformer() -> VisionTransformer:
    torch.manual_seed(0)
    return timm.create_model("test_vit", num_classes=0, img_size=32).eval()


def images(count: int = 2) -> torch.Tensor:
    return torch.randn(count, 3, 32, 32, generator=torch.Generator().manual_seed(0))


def test_grad_cam_of_a_linear_score_on_pooled_maps_is_the_weighted_sum_of_the_maps() -> None:
    torch.manual_seed(0)
    net = timm.create_model("test_resnet", num_classes=0).eval()
    direction = torch.randn(net.num_features, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        maps = net.forward_features(images())
    found = grad_cam(net, images(), lambda features: features @ direction)
    weights = direction / (maps.shape[2] * maps.shape[3])  # of a mean over places
    expected = (maps * weights[:, None, None]).sum(dim=1).clamp_min(0)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-6)


def test_rollout_agrees_with_the_product_written_as_loops(transformer: VisionTransformer) -> None:
    seen: list[np.ndarray] = []
    for block in transformer.blocks:
        block.attn.fused_attn = False
        block.attn.attn_drop.register_forward_pre_hook(
            lambda _module, inputs: seen.append(inputs[0][0].detach().numpy())
        )
    with torch.no_grad():
        transformer.forward_features(images(1))
    tokens = seen[0].shape[-1]
    product = np.eye(tokens)
    for attention in seen:
        product = (0.5 * attention.mean(axis=0) + 0.5 * np.eye(tokens)) @ product
    prefix = transformer.num_prefix_tokens
    taken = product[0, prefix:] if prefix else product.mean(axis=0)
    found = attention_rollout(transformer, images(1))[0]
    np.testing.assert_allclose(found.flatten().numpy(), taken, rtol=1e-4)
    assert taken.sum() <= 1.0 + 1e-5  # rows of a product of stochastic matrices


def test_rollout_leaves_the_network_as_it_was(transformer: VisionTransformer) -> None:
    before = [block.attn.fused_attn for block in transformer.blocks]
    with torch.no_grad():
        features = transformer(images())
        attention_rollout(transformer, images())
        torch.testing.assert_close(transformer(images()), features)
    assert [block.attn.fused_attn for block in transformer.blocks] == before
