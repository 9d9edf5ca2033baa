"""How a study is to be run: on which images, how small, where."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from edgessl.errors import UserError
from edgessl.pipeline.study.sets import Counts, Sets, counts_of, sets_of, short_name
from edgessl.pipeline.study.wanted import Wanted
from edgessl.pipeline.study.weights import weights_of
from edgessl.recipe.scaled import Scale
from edgessl.recipe.study import Study, load_study
from edgessl.reporter import Reporter

RUNS = "runs"
"""In a study's folder: its run folders."""

PROTOCOL = "protocol."
"""Before the keys of changes that are for papers' detectors and segmenters alone."""

WHOLE = Scale()


@dataclass(frozen=True, slots=True)
class Asked:
    """How a study is to be run.

    Attributes:
        sets: What stands for the paper's sets.
        scale: How small.
        size: Side of images in px; None for the recipes'.
        seed: Decides everything random.
        device: One of ``device.NAMES``.
        overrides: ``KEY=VALUE`` changes to every recipe.
        compiled: Whether backbones are compiled.
        of_protocols: ``KEY=VALUE`` changes to every paper's detector or segmenter.
        weights: File of each of the study's weights that is given.
    """

    sets: Sets
    scale: Scale = WHOLE
    size: int | None = None
    seed: int = 0
    device: str = "auto"
    overrides: tuple[str, ...] = ()
    compiled: bool = False
    of_protocols: tuple[str, ...] = ()
    weights: Mapping[str, str] = field(default_factory=dict)


class Counting:
    """Counts the images of a source when they are first asked for.

    Args:
        reporter: Shows progress.
    """

    def __init__(self, reporter: Reporter) -> None:
        self._reporter = reporter
        self._found: dict[str, Counts] = {}

    def __call__(self, source: str) -> Counts:
        """Return the counts of a source.

        Args:
            source: Where the images are.

        Raises:
            UserError: They cannot be used.
        """
        if source not in self._found:
            self._found[source] = counts_of(source, self._reporter)
        return self._found[source]

    def known(self, source: str) -> bool:
        """Tell whether they were asked for.

        Args:
            source: Where the images are.
        """
        return source in self._found


def prepare_study(wanted: Wanted) -> tuple[Study, Asked, Path]:
    """Check what is asked for, before any image is read.

    Args:
        wanted: By the user.

    Returns:
        The study, how it is to be run, and its folder.

    Raises:
        UserError: Something cannot be used.
    """
    found = load_study(wanted.name)
    scale, data = wanted.scale, wanted.data
    given = (data,) if isinstance(data, str) else tuple(data)
    images = scale if wanted.scale_images is None else wanted.scale_images
    for option, value in (("--scale", scale), ("--scale-images", images)):
        if not 0 < value <= 1:
            raise UserError(f"{option}: must be above 0 and up to 1, got {value:g}")
    sets = sets_of(given, wanted.transfer, found.sets)
    inside = tuple(one for one in wanted.overrides if one.startswith(PROTOCOL))
    asked = Asked(
        sets, Scale(scale, images), wanted.size, wanted.seed, wanted.device,
        tuple(one for one in wanted.overrides if one not in inside), wanted.compiled,
        tuple(one.removeprefix(PROTOCOL) for one in inside),
        weights_of(wanted.weights, found),
    )  # fmt: skip
    first = short_name(sets.whole or next(iter(sets.named.values())))
    return found, asked, Path(wanted.out or Path("runs") / f"{first}-{Path(wanted.name).stem}")
