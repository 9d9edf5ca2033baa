"""One training of a region detector: originals in, a checkpoint out."""

from __future__ import annotations

from typing import Any

from edgessl import checkpoint
from edgessl.dense.transfer.deploy import RegionDetector, payload_of, region_detector_from
from edgessl.dense.transfer.method import RegionTraining
from edgessl.dense.transfer.originals import Stream
from edgessl.dense.transfer.rcnn import build_rcnn
from edgessl.dense.transfer.sampler import SceneSampler
from edgessl.dense.transfer.scenes import SceneSet
from edgessl.dense.transfer.work import TransferWork, started_backbone, train_on
from edgessl.recipe.transfer_table import DetectionTransfer
from edgessl.runs.stages import StageId

BoxWork = TransferWork[DetectionTransfer, SceneSet]


def train_regions(work: BoxWork, stage: StageId, start: str) -> dict[str, Any]:
    """Train a detector, from where an earlier run of it stopped, and write its checkpoint.

    Args:
        work: The run.
        stage: Its name, number and file.
        start: Weights of its backbone, as of ``--init``.

    Returns:
        How fast it was, as plain values.
    """
    place, recipe, scenes = work.place, work.recipe, work.data
    table, image = recipe.detector, recipe.image
    backbone = started_backbone(place, recipe.backbone, start, stage)
    detector = build_rcnn(backbone, len(scenes.classes), table, image)
    method = RegionTraining(
        detector, image.train_px, frozen_batchnorm=table.batchnorm == "frozen"
    )

    def sampler_of(stream: Stream) -> SceneSampler:
        masks = table.name == "mask_rcnn"
        return SceneSampler(scenes.train, stream, image.flip_share, masks=masks)

    facts = train_on(
        place, stage, recipe.train, method, scenes.train, sampler_of,
        table.precise_batchnorm_steps,
    )  # fmt: skip
    checkpoint.save(place.run.path / stage.file, payload_of(
        detector, classes=scenes.classes, image=image, table=table,
        provenance={**work.provenance, "start": start},
    ))  # fmt: skip
    return facts


def load_regions(work: BoxWork, stage: StageId) -> RegionDetector:
    """Read the checkpoint that a training left."""
    path = work.place.run.path / stage.file
    return region_detector_from(checkpoint.load(path), str(path))
