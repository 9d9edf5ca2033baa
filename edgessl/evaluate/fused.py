"""Several networks as one that gives all of their features side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from edgessl.evaluate.network import Network


def fused_network(networks: Sequence[Network]) -> Network:
    """Lay the features of networks side by side; each reads images through its own preprocessing.

    They are scaled to one mean length, so that neighbours do not follow the network with the
    largest numbers alone; the linear probe, which standardises features, is not changed by that.

    Args:
        networks: At least one; the first says where the images come from.

    Source:
        Cole et al., CVPR 2022, section 4.2 and Table 3: concatenated features.
    """
    scales: list[float] = []

    def outputs(files: Sequence[Path], digests: Sequence[str] | None = None) -> Tensor:
        parts = [network.outputs(files, digests) for network in networks]
        if not scales and len(files):  # of the images that come first, those of train
            scales.extend(float(part.norm(dim=1).mean()) or 1.0 for part in parts)
        widths = zip(parts, scales or [1.0] * len(parts), strict=True)
        return torch.cat([part / scale for part, scale in widths], dim=1)

    notes = tuple(note for network in networks for note in network.notes)
    return replace(networks[0], outputs=outputs, notes=notes)
