"""Every backbone, with and without its last stage."""

from __future__ import annotations

from edgessl.backbones import BACKBONES, LastStage

NETWORKS: list[tuple[str, LastStage]] = [
    (name, last_stage)
    for name, facts in BACKBONES.items()
    for last_stage in (("keep", "remove") if facts.removable else ("keep",))
]
REMOVABLE = [name for name, facts in BACKBONES.items() if facts.removable]
