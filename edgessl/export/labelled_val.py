"""The ``val`` images that an export chooses on, with labels in the order of its outputs."""

from __future__ import annotations

from pathlib import Path

from edgessl.data.dataset import Dataset, Split
from edgessl.data.load import dataset_of, load_dataset, reason_of
from edgessl.errors import EdgesslError, UserError
from edgessl.export.core import Core
from edgessl.export.prototypes import in_order


def labelled_val(core: Core, data: str | None, *, option: str, way_out: str) -> Split:
    """Return the ``val`` of a checkpoint's run, or of another set; nothing is downloaded.

    Args:
        core: The export.
        data: Data set to use instead of the checkpoint's own.
        option: What asks for it, for the messages.
        way_out: What to do where there is none, for the messages.

    Raises:
        UserError: There are no such images, or they have classes the network lacks.
    """
    classes, where = core.metadata.classes, data or core.provenance.get("data")
    if not where:
        raise UserError(
            f"{option}: must have val images to choose on, and the checkpoint names no data; "
            f"{way_out}"
        )
    dataset = _open(core, data, where, option, way_out)
    val = dataset.val
    if not len(val) or val.labels is None:
        raise UserError(
            f"{option}: must have labelled val images to choose on, found none in "
            f"{Path(where).name}; {way_out}"
        )
    unknown = [name for name in dataset.classes if name not in classes]
    if unknown:
        raise UserError(
            f"{where}: must have classes the checkpoint knows, got unknown ones: "
            f"{', '.join(unknown[:5])}; pass the data it was trained for"
        )
    return in_order(val, dataset.classes, classes)


def _open(core: Core, data: str | None, where: str, option: str, way_out: str) -> Dataset:
    if data is not None:
        return load_dataset(data, download=False)
    try:
        return dataset_of(core.provenance)
    except (EdgesslError, OSError) as error:
        raise UserError(
            f"{option}: must have val images to choose on, and the data '{Path(where).name}' of "
            f"the run is not to be had here ({reason_of(error, where)}); {way_out}"
        ) from error
