"""From what a user names as data to the images that a detector is transferred to."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from edgessl.data.parallel import Progress
from edgessl.data.voc import is_voc
from edgessl.dense.boxes.boxed import BoxedImage
from edgessl.dense.boxes.load import has_boxes, load_boxes
from edgessl.dense.boxes.read_coco import coco_files
from edgessl.dense.transfer.coco import read_instances
from edgessl.dense.transfer.scenes import Scene, SceneSet, with_objects
from edgessl.dense.transfer.sets import BOX_SETS, COCO2017, PIXEL_SETS, find_part
from edgessl.dense.transfer.voc import has_lists, read_years, years_in
from edgessl.errors import UserError, nearest
from edgessl.files import expanded


def load_scenes(source: str | Path, progress: Progress | None = None) -> SceneSet:
    """Read images with boxes, and masks where there are any.

    What a set has as ``val`` is trained on, as in the papers: nothing is chosen here.

    Args:
        source: ``voc07``, ``voc07+12``, ``coco2017``, a ``VOCdevkit``, or a folder in the layout
            of PASCAL VOC, COCO or YOLO.
        progress: Called with (done, total) while images are read.

    Raises:
        UserError: It names nothing that can be used.
        EdgesslError: A set cannot be downloaded.
    """
    name = str(source)
    if name in BOX_SETS:
        parts = BOX_SETS[name]
        bases = [find_part(one) for one in parts]
        if parts == (COCO2017,):
            return read_instances(name, name, bases[0], progress)
        return read_years(name, name, bases, progress)
    folder = expanded(source).absolute()
    if not folder.is_dir():
        other = "; it is for --task segment" if name in PIXEL_SETS else nearest(name, BOX_SETS)
        raise UserError(
            f"--data: must be {', '.join(BOX_SETS)} or a folder with boxes, got '{name}'{other}"
        )
    if years := years_in(folder):
        return read_years(folder.name, str(folder), years, progress)
    if has_lists(folder):
        return read_years(folder.name, str(folder), (folder,), progress)
    if has_boxes(folder) and not is_voc(folder) and coco_files(folder):
        return read_instances(folder.name, str(folder), folder, progress)
    boxes = load_boxes(folder, progress)
    train = with_objects(map(_scene, (*boxes.train, *boxes.val)))
    return SceneSet(
        boxes.name, boxes.source, boxes.layout, boxes.classes, train, (),
        tuple(map(_scene, boxes.test)), boxes.left_out,
        (*boxes.notes, "val is trained on too: nothing is chosen on it."),
    )  # fmt: skip


def _scene(image: BoxedImage) -> Scene:
    return Scene(
        image.path, image.digest, image.height, image.width, image.boxes, image.labels,
        image.difficult, np.zeros(len(image.labels), bool),
    )  # fmt: skip
