"""The Python face of edgessl: what a user calls. The commands call the same functions.

Each hands on what the next one takes: ``run`` to ``finetune`` to ``export`` to ``bench``.
"""

from __future__ import annotations

from edgessl.artifact import open_artifact
from edgessl.backbones import Backbone
from edgessl.data.load import load_dataset
from edgessl.pipeline.bench import bench
from edgessl.pipeline.compare.compare import compare
from edgessl.pipeline.diagnose.diagnose import diagnose
from edgessl.pipeline.export import export
from edgessl.pipeline.finetune.finetune import finetune
from edgessl.pipeline.pick.pick import pick
from edgessl.pipeline.recipe import run
from edgessl.pipeline.score.evaluate import evaluate
from edgessl.recipe import load_recipe

__all__ = [
    "Backbone", "bench", "compare", "diagnose", "evaluate", "export", "finetune", "load_dataset",
    "load_recipe", "open_artifact", "pick", "run",
]  # fmt: skip
