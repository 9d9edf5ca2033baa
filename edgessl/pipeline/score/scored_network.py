"""The network that an evaluation scores: a file of a run, an exported one, or general weights."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from edgessl.backbones import deployable_from
from edgessl.evaluate.network import Kind, Network, network_of, open_network
from edgessl.pipeline.general import AsFeatures, is_general, open_general


def open_scored(
    model: Path, reads: Kind | None, asked: AsFeatures, *, device: str, trust: bool
) -> Network:
    """Open what is to be scored.

    Args:
        model: A file of a run, an exported one, or general weights.
        reads: What the protocol reads; None for what the network gives by itself.
        asked: How general weights are opened.
        device: Where a network that is no exported file runs.
        trust: Whether to open a ``.pt2`` or ``.torchscript`` file that no manifest lists.

    Raises:
        UserError: It is none of these, or does not give what the protocol reads.
    """
    if not is_general(str(model)):
        asked.refuse_given(str(model))
        return open_network(model, reads, device=device, trust=trust)
    found = open_general(str(model), asked)
    deployable = deployable_from(found.payload, str(model))
    return replace(
        network_of(deployable, model, reads, device=device), notes=found.start.sentences
    )
