"""The story of ``edgessl export``: each file proven by its gates before it gets its name."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from edgessl.checkpoint import save
from edgessl.dense.tasks import task_of_checkpoint
from edgessl.errors import UserError
from edgessl.export.bundle.manifest import write_record
from edgessl.export.bundle.names import Runner
from edgessl.export.bundle.runners import add_runner, prepare_runners
from edgessl.export.bundle.write import (
    Origin,
    earlier_models,
    refuse_foreign,
    refuse_foreign_models,
    refuse_foreign_packages,
    remove_stale_bundle,
    write_bundle,
)
from edgessl.export.core import Core, open_core
from edgessl.export.formats.products import NAMES, products_of
from edgessl.export.gates.prove import prove
from edgessl.export.int8.make import int8_products
from edgessl.export.product import ExportedFile, Product, give_name, write_aside
from edgessl.export.prototypes import refuse_for_prototypes
from edgessl.export.rejection import with_rejection, with_threshold
from edgessl.export.target import formats_for, read_target, refuse_formats, with_limits
from edgessl.export.targets.names import names_for
from edgessl.export.targets.products import device_products
from edgessl.export.unchecked import (
    Unchecked,
    prepare_converter,
    refuse_unchecked,
    write_unchecked,
)
from edgessl.pipeline.dense.export import INT8_MAX_DROP_PERCENT, export_dense
from edgessl.pipeline.dense.files import refuse_transferred
from edgessl.pipeline.exported import Exports
from edgessl.pipeline.general import AsFeatures, is_general, open_general
from edgessl.pipeline.results import Run
from edgessl.pipeline.timed_models import time_models

Say = Callable[[str], None]


def export(
    checkpoint: str | Path | Run,
    *,
    formats: Sequence[str] = (),
    opset: int | None = None,
    head: str | None = None,
    target: str | None = None,
    data: str | Path | None = None,
    max_drop_percent: float | None = None,
    reject_percent: float | None = None,
    reject_below: float | None = None,
    backbone: str | None = None,
    size: int | None = None,
    out: str | Path | None = None,
    runners: Sequence[Runner] = (),
    unchecked: bool = False,
    say: Say = lambda _line: None,
) -> Exports:
    """Write a network in the formats of a device, and check every file against its checkpoint.

    Args:
        checkpoint: The ``ckpt.pt`` of a run folder, or the run; or general weights, exported as
            features: ``imagenet:BACKBONE``, ``timm:NAME`` or a file of others.
        formats: Of ``onnx``, ``torchscript``, ``pt2``, ``ort`` and ``int8``; for a target of a
            device its format, such as ``openvino``, and ``int8``. None for the named target's
            own, or else ONNX.
        opset: ONNX operator set, 13 to 24; None for the target's.
        head: ``logits``, ``probs``, ``features``, or ``prototypes`` for a classifier that a device
            can add classes to; None for the checkpoint's own.
        target: A name in ``export/targets/`` or a TOML file; None for ``cpu``.
        data: Data set for the accuracy gate; None for the one the checkpoint was trained on.
        max_drop_percent: Points of test top-1 that a file may lose; None for the target's.
        reject_percent: Share of the answers on ``val`` that are to become "none of these": those
            the classifier is least sure of; None for an answer to every image.
        reject_below: Or the probability of the likeliest class below which there is no answer.
        backbone: What a file of others holds; None to find out.
        size: Side of the images in px for general weights; None for 128.
        out: Folder to write to; None for the checkpoint's, and for general weights
            ``runs/WEIGHTS``.
        runners: Of ``web`` and ``cpp``: what to add to the bundle beside run.py.
        unchecked: With the target ``coreml``: write its packages beside the ONNX files, although
            nothing here can run them.
        say: Called with the name of each step.

    Returns:
        The files: ``.passed``, ``.gates``, ``.files``. A file that failed a gate is named
        ``*.failed.*``.

    Raises:
        UserError: Something asked for does not exist or does not fit.

    Examples:
        >>> import edgessl
        >>> files = edgessl.export("runs/photos-mobilenetv2-dino/ckpt.pt")
        >>> files.passed
        True
        >>> [path.name for path in files]
        ['model.onnx', 'model.batch1.onnx', 'model.e2e.onnx']
    """
    path = checkpoint.checkpoint if isinstance(checkpoint, Run) else Path(checkpoint)
    images = None if data is None else str(data)
    if unchecked:
        refuse_unchecked(target, head)
        target = None  # what is proven are the ONNX files
    table = read_target(target or "cpu")
    wanted = (formats,) if isinstance(formats, str) else tuple(formats)
    kinds = formats_for(wanted, table, named=target is not None)
    refuse_transferred(path)
    where = None if out is None else Path(out)
    if (task := task_of_checkpoint(path)) is not None:
        if unchecked:
            raise UserError(
                "--unchecked: must be left out for a detector or a segmenter; its files are ONNX"
            )
        if table.for_device:
            raise UserError(
                f"--target: must be one of ONNX files for a detector or a segmenter, got '{target}'"
                "; use cpu or arm64"
            )
        _refuse_of_dense(head, backbone, size)
        limits = with_limits(table, opset, max_drop_percent)
        if max_drop_percent is None:
            limits = limits.model_copy(update={"int8_max_drop_percent": INT8_MAX_DROP_PERCENT})
        folder = _output_folder(path, where)
        done = export_dense(
            task, path, formats=kinds, target=limits, data=images, folder=folder, runners=runners,
            say=say,
        )
        _record(folder, path, done)
        return Exports(path, done)
    refuse_formats(kinds, table)
    if table.for_device and runners:
        raise UserError(
            f"--{runners[0]}: must be left out for --target {target}: it runs ONNX files, which "
            "--target cpu writes"
        )
    if head == "prototypes":
        refuse_for_prototypes(kinds)
    asked = AsFeatures(backbone, size)
    general = open_general(str(path), asked) if is_general(str(path)) else None
    if general is None:
        asked.refuse_given(str(path))
    else:
        name = general.start.name
        path = (where or Path("runs") / name) / f"{name}.pt"
    folder = _output_folder(path, where)
    prepare_runners(folder, runners)
    if general is not None:
        say(f"writing {path}")
        path.parent.mkdir(parents=True, exist_ok=True)
        save(path, general.payload)
    core = open_core(path, with_limits(table, opset, max_drop_percent), head=head, data=images)
    if reject_percent is not None and reject_below is not None:
        raise UserError("--reject: must be a share of val or a probability, got both; drop one")
    if reject_percent is not None:
        say("choosing the confidence to reject below")
        core = with_rejection(core, reject_percent, images)
    if reject_below is not None:
        core = with_threshold(core, reject_below)
    if unchecked:
        refuse_foreign_packages(folder)
        prepare_converter()
    if table.for_device:
        refuse_foreign_models(folder, names_for(kinds))
        with tempfile.TemporaryDirectory(prefix="edgessl-") as scratch:
            products, not_made = device_products(
                core, kinds, Path(scratch), data=images, say=say
            )
    else:
        refuse_foreign_models(folder, [name for kind in kinds for name in NAMES[kind]])
        products, not_made = _products(core, kinds, images, say), ()
    files = _proven(core, products, folder, say)
    packages: tuple[Unchecked, ...] = ()
    if unchecked:
        packages, not_made = write_unchecked(core, folder, say)
    _record(folder, path, files)
    say("writing the bundle around the files")
    _bundle(core, path, folder, [file for file in files if file.passed], runners, packages)
    return Exports(path, files, not_made, packages)


def _refuse_of_dense(head: str | None, backbone: str | None, size: int | None) -> None:
    given = {"--head": head, "--backbone": backbone, "--size": size}
    wrong = [f"{name}: must be left out for a detector or a segmenter, got '{value}'"
             for name, value in given.items() if value]  # fmt: skip
    if wrong:
        raise UserError("\n".join(wrong))


def _record(folder: Path, path: Path, files: Sequence[ExportedFile]) -> None:
    named = [{**file.to_dict(), "path": file.path.name} for file in files]
    write_record(folder, {"checkpoint": path.name, "files": named})


def _output_folder(path: Path, out: Path | None) -> Path:
    folder = out or path.parent
    if folder.exists() and not folder.is_dir() and out:
        raise UserError(f"--out: must be a folder, got a file: {folder}")
    refuse_foreign(folder)
    return folder


def _products(
    core: Core, formats: tuple[str, ...], data: str | None, say: Say
) -> tuple[Product, ...]:
    # First, for it needs data that may not be there.
    int8 = int8_products(core, data=data, time=time_models, say=say) if "int8" in formats else ()
    return products_of(core, tuple(kind for kind in formats if kind != "int8")) + int8


def _proven(
    core: Core, products: Sequence[Product], folder: Path, say: Say
) -> tuple[ExportedFile, ...]:
    """Write every file aside, run the gates, and move it to its name, ``*.failed.*`` if need be."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".export-", dir=folder) as scratch:
        aside = []
        for product in products:
            say(f"writing {product.name}")
            aside.append(write_aside(product, core.metadata, core.target.opset, Path(scratch)))
        proven = prove(
            list(zip(products, aside, strict=True)),
            reference=core.reference, test=core.test, target=core.target, say=say,
        )
        named = zip(products, proven, strict=True)
        return tuple(give_name(product, file, folder) for product, file in named)


def _bundle(
    core: Core, path: Path, folder: Path, files: Sequence[ExportedFile],
    runners: Sequence[Runner], packages: Sequence[Unchecked],
) -> None:
    models = files or earlier_models(folder, path, core.metadata)
    if not models:
        remove_stale_bundle(folder)
        return
    for runner in runners:
        add_runner(folder, runner)
    origin = Origin(
        path, core.provenance, core.reference, core.test.originals,
        core.target.atol, core.target.rtol,
    )  # fmt: skip
    write_bundle(folder, models, origin, packages)
