"""The stages of a run: what each is called, the number of its draws, and the file that it leaves.

The one place with these names. ``run.json``, the log, states, the report and its page have them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

_PARTS_FROM = 100
MONITOR_NUMBER = 1000
"""The monitor draws views by it: no stage has it, so that no training step has seen them."""


@dataclass(frozen=True, slots=True)
class StageId:
    """A stage of training.

    Attributes:
        name: In run.json, the log and the states.
        number: Stages with different numbers share no random draws.
        file: What it leaves in the run folder.
        last: Where the classifier of its last epoch goes if an earlier one is kept; empty: nowhere.
    """

    name: str
    number: int
    file: str
    last: str = ""


PRETRAIN = StageId("pretrain", 0, "pretrained.pt")
WARMUP = StageId("warmup", 1, "state/warmup.pt")
FINETUNE = StageId("finetune", 2, "ckpt.pt", "last.pt")
RANDOM = StageId("finetune_random", 3, "state/random.pt")
LONGER = StageId("finetune_longer", 4, "state/longer.pt")
INIT = StageId("finetune_init", 5, "ckpt-init.pt")
INIT_LONGER = StageId("finetune_init_longer", 6, "ckpt-init-longer.pt")
SEMI = StageId("finetune_semi", 7, "state/semi.pt", "state/semi-last.pt")
LABELS_ALONE = StageId("finetune", 2, "state/labels-alone.pt", "state/labels-alone-last.pt")
"""What ``FINETUNE`` left, while images without label are tried: either may become ``ckpt.pt``."""

SEMI_CHOICE = "semi_choice"
"""What run.json calls the choice between them."""

OURS = (FINETUNE, SEMI)
"""The stages whose classifier may be the one that a run is for."""

DETECT = StageId("detect", 20, "ckpt.pt")
DETECT_ARMS: dict[str, StageId] = {
    "random": StageId("detect_random", 21, "state/detect-random.pt"),
    "imagenet": StageId("detect_imagenet", 22, "state/detect-imagenet.pt"),
}
"""Detectors that are trained to compare with: the same from random weights, or from ImageNet's."""

SEGMENT = StageId("segment", 30, "ckpt.pt")
SEGMENT_ARMS: dict[str, StageId] = {
    "random": StageId("segment_random", 31, "state/segment-random.pt"),
    "imagenet": StageId("segment_imagenet", 32, "state/segment-imagenet.pt"),
}
"""The same for segmenters."""

DENSE_STAGES = {"detect": (DETECT, DETECT_ARMS), "segment": (SEGMENT, SEGMENT_ARMS)}
"""By task: the training of a run, and those to compare with."""

BASELINES: dict[str, StageId] = {
    "random": RANDOM, "longer": LONGER, "init": INIT, "init-longer": INIT_LONGER,
}  # fmt: skip
"""What ``--baselines`` may name: a random start, or the weights of ``--init``, fine-tuned as long
as ours or for the whole time. What the weights give is worth exporting, so it lies beside ours."""

FROM_WEIGHTS = ("init", "init-longer")
"""The baselines that start from the weights of ``--init``."""

WHOLE_TIME = ("longer", "init-longer")
"""The baselines that train for as long as all stages of ours take."""

SUPERVISED_FILE = "supervised.pt"
"""What supervised pretraining leaves besides: its backbone with its own classifier."""

LAST_FILE = FINETUNE.last
"""The classifier of the last epoch, where ``ckpt.pt`` has an earlier one."""

TRAIN_TOP1 = "train_top1_percent"
"""Of the log: how many of a step's images got their label, in training mode."""

CONFIDENT = "confident_percent"
"""Of the log: how much of the pseudo-labels of a step counts."""

VIEWS, START, EVALUATE, REPORT = "views", "start", "evaluate", "report"
FEATURES = "features"
"""What run.json remembers besides training."""

START_FILE = "state/start.safetensors"
"""The whole network with the weights of ``--init``, for the arms that start from it."""

DIVERGED = "diverged.pt"
"""In ``state/``: the weights before a step whose loss ended the run."""

BEFORE: dict[str, frozenset[str]] = {
    PRETRAIN.name: frozenset({VIEWS, START}),
    FINETUNE.name: frozenset({START, WARMUP.name}),
}
"""What is done before a stage that can be made longer."""


def part_of_pretraining(name: str, index: int) -> StageId:
    """Return one of the stages that pretraining grows its views in.

    Args:
        name: ``pretrain``, or ``pretrain-1`` and so on where there are several.
        index: Which one, from 0.
    """
    return StageId(name, PRETRAIN.number if not index else _PARTS_FROM + index, PRETRAIN.file)


def is_pretraining(stage: object) -> bool:
    """Say whether a stage is pretraining or one of its parts, ``pretrain-1`` and so on.

    Args:
        stage: Its name in the log.
    """
    name = PRETRAIN.name
    return isinstance(stage, str) and (stage == name or stage.startswith(f"{name}-"))


def is_main(stage: object) -> bool:
    """Say whether a stage is what a run is for: pretraining, or fine-tuning what it gave.

    Args:
        stage: Its name in the log.
    """
    return is_pretraining(stage) or stage == FINETUNE.name


def evaluated(baseline: str) -> str:
    """Return what run.json calls the scoring of a baseline."""
    return f"{EVALUATE}_{baseline}"


def scores_of(baseline: str) -> str:
    """Return the key of a baseline's scores in ``report.json``."""
    return f"scores_{baseline.replace('-', '_')}"


def state_files() -> tuple[str, ...]:
    """Return the names of files in ``state/`` that a run can leave, parts of pretraining apart."""
    trial = (SEMI.file, SEMI.last, LABELS_ALONE.file, LABELS_ALONE.last)
    left = (*(stage.file for stage in (WARMUP, *BASELINES.values())), *trial)
    ends = (f"{stage.name}-end.pt" for stage in (PRETRAIN, FINETUNE))
    inside = (name.removeprefix("state/") for name in left if name.startswith("state/"))
    return (*ends, *inside, START_FILE.removeprefix("state/"), DIVERGED)


def baseline_files() -> tuple[str, ...]:
    """Return the names of files that baselines leave beside ``ckpt.pt``."""
    return tuple(BASELINES[name].file for name in FROM_WEIGHTS)


def own_loss(entry: Mapping[str, object]) -> str:
    """Return the key of the method's own loss in a line of the log.

    ``loss`` there is the total, with regularisers and factors; a method that logs its own apart
    calls it ``NAME_loss``.

    Args:
        entry: The line.
    """
    own = (key for key in entry if key == "nt_xent" or key.endswith("_loss"))
    return next((key for key in own if key != "chance_loss"), "loss")


def draws_file(stage: StageId) -> str:
    """Return where a dense run keeps its figure over test images drawn again.

    Args:
        stage: A training.
    """
    return f"state/{stage.name}-draws.npy"
