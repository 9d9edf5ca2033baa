"""The Python face of edgessl: what a user calls. The commands call the same functions.

A run, a fine-tuning, an export and a bench hand on what the next one takes:

    >>> import edgessl
    >>> run = edgessl.run("mobilenetv2-dino", data="photos/", epochs=24)  # doctest: +SKIP
    >>> classifier = edgessl.finetune(run, data="labelled/")  # doctest: +SKIP
    >>> files = edgessl.export(classifier, formats=("onnx", "int8"))  # doctest: +SKIP
    >>> edgessl.bench(files).models[0].p50_ms  # doctest: +SKIP
    0.74
"""

from __future__ import annotations

from edgessl.artifact import open_artifact
from edgessl.backbones import Backbone
from edgessl.data.load import load_dataset
from edgessl.pipeline.bench import bench
from edgessl.pipeline.evaluate import evaluate
from edgessl.pipeline.export import export
from edgessl.pipeline.finetune import finetune
from edgessl.pipeline.recipe import run
from edgessl.recipe import load_recipe

__all__ = [
    "Backbone", "bench", "evaluate", "export", "finetune", "load_dataset", "load_recipe",
    "open_artifact", "run",
]  # fmt: skip
