"""The Python face of edgessl: what a user calls. The commands call the same functions.

Each hands on what the next one takes: ``run`` to ``finetune`` to ``export`` to ``bench``.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from edgessl.artifact import open_artifact
from edgessl.backbones import Backbone
from edgessl.data.load import load_dataset
from edgessl.data.reading import AS_FOUND, Reading
from edgessl.pipeline import recipe as recipe_story
from edgessl.pipeline.asked import Asked
from edgessl.pipeline.bench import bench
from edgessl.pipeline.compare.compare import compare
from edgessl.pipeline.diagnose.diagnose import diagnose
from edgessl.pipeline.export import export
from edgessl.pipeline.finetune import finetune as finetune_story
from edgessl.pipeline.finetune.asked import Asked as AskedOfFinetuning
from edgessl.pipeline.pick.pick import pick
from edgessl.pipeline.preflight import listed
from edgessl.pipeline.results import Run
from edgessl.pipeline.score.evaluate import evaluate
from edgessl.recipe import load_recipe
from edgessl.reporter import Reporter

__all__ = [
    "Backbone", "bench", "compare", "diagnose", "evaluate", "export", "finetune", "load_dataset",
    "load_recipe", "open_artifact", "pick", "run",
]  # fmt: skip


def run(
    recipe: str,
    *,
    data: str | Path,
    labels: str | Path | None = None,
    label_percent: float | None = None,
    labels_per_class: int | None = None,
    out: str | Path | None = None,
    epochs: int | None = None,
    minutes: float | None = None,
    seed: int = 0,
    size: int | None = None,
    reading: Reading = AS_FOUND,
    device: str = "auto",
    init: str = "none",
    baselines: Sequence[str] | None = None,
    overrides: Sequence[str] = (),
    fresh: bool = False,
    stop_on_collapse: bool = False,
    compiled: bool = False,
    reporter: Reporter | None = None,
    command: str = "",
) -> Run:
    """Pretrain on images, fine-tune on their labels, evaluate, and report.

    The same call again goes on where an earlier one stopped, or returns at once.

    Args:
        recipe: ``NAME``, ``NAME:VARIANT`` or a TOML file.
        data: A named set, ``demo``, a folder, or a CSV manifest.
        labels: Another source with the labelled images; None where ``data`` has them, or nothing.
        label_percent: Share of the training labels to use, in percent; None for all.
        labels_per_class: Or how many of each class.
        out: Run folder; None for ``runs/DATA-RECIPE``.
        epochs: Pretraining epochs in place of the recipe's; more of them extend a run.
        minutes: Time for the whole run, which sets the pretraining epochs once.
        seed: Decides everything random.
        size: Side of images in px; views, crops and fine-tuning keep their proportion to it. None
            for the recipe's.
        reading: How the folder or the table with the labels is to be read, where that is said.
        device: ``auto``, ``cpu``, ``cuda`` or ``mps``.
        init: Weights to start from: ``none``, ``imagenet``, ``timm:NAME``, or a file.
        baselines: What to train for comparison: of ``random``, ``longer``, ``init`` (those weights,
            fine-tuned directly) and ``init-longer`` (for as long as all of ours takes), or
            ``("none",)``. None for ``random``, or with ``init`` for the two that start from it.
        overrides: ``KEY=VALUE`` changes to the recipe.
        fresh: Start over in a folder that has a run.
        stop_on_collapse: End the run when outputs collapse.
        compiled: Put backbones through ``torch.compile``.
        reporter: Is told what goes on; None prints it.
        command: The command as typed, for the report.

    Returns:
        The finished run: ``.path``, ``.scores``, ``.verdict``, ``.backbone()``.

    Raises:
        UserError: Something asked for cannot be used; every mistake is told at once.
        GateFailed: The loss stays not finite, or outputs have collapsed and that ends the run.
        Interrupted: Ctrl-C or SIGTERM, after saving.

    Examples:
        >>> import edgessl
        >>> run = edgessl.run("mobilenetv2-dino", data="photos", epochs=2)
        photos: ...
        >>> sorted(run.scores)
        ['finetune_top1', 'knn_top1', 'linear_top1']
        >>> run.path
        PosixPath('runs/photos-mobilenetv2-dino')
    """
    asked = Asked(
        recipe, str(data), _text(labels), init, epochs=epochs, minutes=minutes,
        label_percent=label_percent, labels_per_class=labels_per_class, size=size, out=out,
        seed=seed, reading=reading, device=device,
        baselines=None if baselines is None else listed(baselines),
        overrides=listed(overrides), fresh=fresh, stop_on_collapse=stop_on_collapse,
        compiled=compiled, command=command,
    )  # fmt: skip
    return recipe_story.run(asked, reporter)


def finetune(
    start: Run | str | Path,
    *,
    data: str | Path,
    unlabelled: str | Path | None = None,
    recipe: str | None = None,
    backbone: str | None = None,
    size: int | None = None,
    epochs: int | None = None,
    minutes: float | None = None,
    label_percent: float | None = None,
    labels_per_class: int | None = None,
    out: str | Path | None = None,
    seed: int = 0,
    reading: Reading = AS_FOUND,
    device: str = "auto",
    baselines: Sequence[str] | None = None,
    overrides: Sequence[str] = (),
    fresh: bool = False,
    compiled: bool = False,
    reporter: Reporter | None = None,
    command: str = "",
) -> Run:
    """Fine-tune a pretrained backbone on labelled images, evaluate, and report.

    The same call again goes on where an earlier one stopped, or returns at once.

    Args:
        start: A run, or its ``pretrained.pt``, ``ckpt.pt`` or ``backbone.safetensors``; or general
            weights: ``imagenet:BACKBONE``, ``timm:NAME``, or a file of others.
        data: Labelled images: a named set, a folder, or a CSV manifest.
        unlabelled: Further images that are used without label, by a recipe with
            ``[finetune.semi]``, or tried by the run itself and kept if ``val`` says that they help.
        recipe: ``NAME``, ``NAME:VARIANT`` or a TOML file; None for the one beside the start, and
            for general weights the factory's.
        backbone: What a file of others holds; None to find out.
        size: Side of the images in px, for training and evaluation; None for the recipe's.
        epochs: Fine-tuning epochs in place of the recipe's; more of them extend a run.
        minutes: Or as many epochs as fit into this time, baselines included.
        label_percent: Share of the training labels to use, in percent; None for all.
        labels_per_class: Or how many of each class.
        out: Run folder; None for ``runs/DATA-finetune-START``.
        seed: Decides everything random.
        reading: How the folder or the table is to be read, where that is said.
        device: ``auto``, ``cpu``, ``cuda`` or ``mps``.
        baselines: What to train for comparison: ``("random",)`` or ``("none",)``. None for
            ``random``, or with general weights for none: their linear probe stands beside.
        overrides: ``KEY=VALUE`` changes to the recipe.
        fresh: Start over in a folder that has a run.
        compiled: Put backbones through ``torch.compile``.
        reporter: Is told what goes on; None prints it.
        command: The command as typed, for the report.

    Returns:
        The finished run: ``.path``, ``.scores``, ``.verdict``, ``.backbone()``.

    Raises:
        UserError: Something asked for cannot be used; every mistake is told at once.
        GateFailed: The loss stays not finite.
        Interrupted: Ctrl-C or SIGTERM, after saving.

    Examples:
        >>> import edgessl
        >>> start = "runs/photos-mobilenetv2-dino/pretrained.pt"
        >>> tuned = edgessl.finetune(start, data="labelled", epochs=2)
        Starting from ...
        >>> tuned.scores["finetune_top1"].n  # test images
        4
    """
    weights = str(start.pretrained if isinstance(start, Run) else start)
    asked = AskedOfFinetuning(
        weights, str(data), _text(unlabelled), recipe, backbone, epochs=epochs, minutes=minutes,
        label_percent=label_percent, labels_per_class=labels_per_class, size=size, out=out,
        seed=seed, reading=reading, device=device,
        baselines=None if baselines is None else listed(baselines),
        overrides=listed(overrides), fresh=fresh, compiled=compiled, command=command,
    )  # fmt: skip
    return finetune_story.finetune(asked, reporter)


def _text(source: str | Path | None) -> str | None:
    return None if source is None else str(source)
