"""What the numbers of one network mean: what is good, what is wrong, and what to do.

The limits are edgessl's own; `docs/diagnose.md` says how known networks lie to them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

from edgessl.diagnose.finding import Finding
from edgessl.diagnose.neighbours import Neighbours
from edgessl.diagnose.numbers import SplitNumbers

CONSTANT = 0.1  # spread under which, in few dimensions, outputs are the same for all images, and
FEW_DIMENSIONS = 2.0  # as the doctor of training has it
INVARIANT = 0.35  # distance to a view, as a share of that to any image, that is small
VARIANT = 0.6  # and that is large
FOUND, LOST = 80.0, 25.0  # percent of images that find their view: many, few
GROUPED, UNGROUPED = 0.75, 0.92  # distance within a class, as a share: small, hardly smaller
DEAD = 0.25  # share of dimensions
NARROW = 5.0  # dimensions that share the variance
GAP = 10.0  # points that train's own neighbours name more
WEAK = 25.0  # percent of a class under which it is weak
_SHOWN = 4


class Judged(Protocol):
    """What of a network is judged."""

    @property
    def judged(self) -> SplitNumbers: ...
    @property
    def neighbours(self) -> Neighbours | None: ...
    @property
    def held_out(self) -> Neighbours | None: ...
    @property
    def in_train(self) -> Neighbours | None: ...


UNLABELLED = Finding(
    "open", "kNN", "Without labels nothing says whether the features tell your classes.",
    "Label a few hundred images: `edgessl pick` says which.",
)  # fmt: skip
SEVERAL = Finding(
    "open", "kNN", "Images have several labels, so neighbours cannot name the one class of each.",
    "`edgessl eval --protocol map` scores the features.",
)  # fmt: skip


def judge(
    network: Judged, classes: Sequence[str], against: tuple[float, float, float] | None,
    unasked: Finding = UNLABELLED,
) -> tuple[Finding, ...]:  # fmt: skip
    """Say what the numbers mean, the worst first.

    Args:
        network: Its numbers.
        classes: Class names.
        against: Its votes minus those of raw pixels, points, with the ends of the interval; None
            if that was not asked.
        unasked: What is said where neighbours were not asked about classes.
    """
    numbers = network.judged
    if _is_constant(numbers):
        return (Finding(
            "wrong", "spread", "The features are the same for all images: training has collapsed.",
            "Look at the health in the run's report, which names what to change, and train again; "
            "or start from weights (`--init imagenet`).", "has collapsed",
        ),)  # fmt: skip
    found = [
        *(_classes(network.neighbours, classes, against) if network.neighbours else [unasked]),
        *_views(numbers), *_grouping(numbers),
        *_directions(numbers), *_gap(network),
    ]
    order = {"wrong": 0, "good": 1, "open": 2}
    return tuple(sorted(found, key=lambda one: order[one.kind]))


def in_short(findings: Sequence[Finding]) -> str:
    """Say in two sentences what one network is like.

    Args:
        findings: What was found.
    """
    wrong = [one for one in findings if one.kind == "wrong"]
    good = [one for one in findings if one.kind == "good"]
    first = wrong[0] if wrong else good[0] if good else findings[0]
    more = f" {good[0].text}" if wrong and good else ""
    todo = f" {first.todo}" if first.todo else ""
    return f"{first.text}{todo}{more}"


def _is_constant(numbers: SplitNumbers) -> bool:
    return numbers.spread < CONSTANT and numbers.dimensions < FEW_DIMENSIONS


def _classes(
    neighbours: Neighbours, classes: Sequence[str], against: tuple[float, float, float] | None
) -> Iterator[Finding]:
    score = neighbours.score
    where = neighbours.held_out
    where += ", each left out in turn" if where == "train" else ""
    said = f"The 20 nearest neighbours name the class of {score.value:.1f} % of {where}"
    if against is not None:
        value, low, high = against
        pair = f"raw pixels ({value:+.1f} points [{low:+.1f}, {high:+.1f}], paired)"
        if high < 0 or low <= 0:
            worse = "less than" if high < 0 else "not shown to be more than"
            yield Finding(
                "wrong", "kNN", f"{said}, {worse} {pair}: the features add nothing for these "
                "classes.", "Train longer, or start from weights (`--init imagenet`).",
                "adds nothing to raw pixels",
            )  # fmt: skip
        else:
            yield Finding("good", "kNN", f"{said}, more than {pair}.")
    else:
        yield Finding("open", "kNN", f"{said}.")
    yield from _weak(neighbours, classes)


def _weak(neighbours: Neighbours, classes: Sequence[str]) -> Iterator[Finding]:
    shares = {
        classes[label]: 100 * hits / n for label, (hits, n) in neighbours.recalls.items() if n >= 3
    }
    weak = sorted((share, name) for name, share in shares.items() if share < WEAK)
    if not weak or len(weak) > len(shares) / 2:
        return
    listed = ", ".join(f"{name} ({share:.0f} %)" for share, name in weak[:_SHOWN])
    more = f" and {len(weak) - _SHOWN} more" if len(weak) > _SHOWN else ""
    yield Finding(
        "wrong", "classes", f"Hardly ever named rightly: {listed}{more}.",
        "Look at their neighbours below: more images of them, or a correction of labels, helps "
        "most.",
    )  # fmt: skip


def _views(numbers: SplitNumbers) -> Iterator[Finding]:
    found = numbers.instance_discrimination.value
    said = (
        f"{found:.0f} % of images are nearer to a view of themselves than to any other image"
    )
    share = f"a view is {numbers.invariance:.2f} times as far as any image is"
    if found >= FOUND and numbers.invariance <= INVARIANT:
        yield Finding("good", "views", f"{said}, and {share}: crops and colours change little.")
    elif found < LOST or numbers.invariance > VARIANT:
        yield Finding(
            "wrong", "views", f"{said}, but {share}: crops and colours change the features nearly "
            "as much as another image does." if found >= LOST else
            f"Only {said}, and {share}: crops and colours hide which image it is.",
            "Self-supervised training on these images teaches it: longer, or with stronger views "
            "(`scale`, `jitter`).", "loses an image among others when it is cropped and coloured",
        )  # fmt: skip
    else:
        yield Finding("open", "views", f"{said}, and {share}.")


def _grouping(numbers: SplitNumbers) -> Iterator[Finding]:
    share = numbers.class_spread
    if share is None:
        return
    said = f"images of one class lie {share:.2f} times as far apart as any two do"
    if share <= GROUPED and numbers.dimensions < NARROW:
        yield Finding("open", "grouping", f"{said[0].upper()}{said[1:]}; in so few directions that "
                      "says little.")  # fmt: skip
    elif share <= GROUPED:
        yield Finding("good", "grouping", f"Classes group: {said}.")
    elif share < UNGROUPED:
        yield Finding("open", "grouping", f"Classes group a little: {said}.")
    elif numbers.instance_discrimination.value >= FOUND:
        yield Finding(
            "wrong", "grouping", f"Over-clustered: each image is told from all others, but {said}, "
            "so that a class is no group.",
            "A lower temperature, a wider projector and longer training moved small networks out "
            "of it (`edgessl show small-mobilenetv3l-moco:improved`); so do weights to start from.",
            "tells images apart but groups no classes",
        )  # fmt: skip
    else:
        yield Finding(
            "wrong", "grouping", f"Classes do not group: {said}.",
            "Train longer, start from weights (`--init imagenet`), or fine-tune with labels.",
            "groups no classes",
        )  # fmt: skip


def _directions(numbers: SplitNumbers) -> Iterator[Finding]:
    if numbers.dimensions < NARROW:
        yield Finding(
            "wrong", "directions", f"Narrow: {numbers.dimensions:.0f} of {numbers.feature_dim:,} "
            f"directions share the variance (effective rank {numbers.effective_rank:.0f}): images "
            "differ by little more than brightness and colour.",
            "Train longer, raise the spread term (DINO: `method.spread_weight`), or take a larger "
            "batch.", f"varies in {numbers.dimensions:.0f} directions only",
        )  # fmt: skip
    if numbers.dead > DEAD * numbers.feature_dim:
        yield Finding(
            "wrong", "directions", f"{numbers.dead:,} of {numbers.feature_dim:,} dimensions hardly "
            "vary: they cost time and memory and say nothing.",
            "A narrower network would do, or without its last stage (`backbone.last_stage = "
            '"remove"`).',
        )  # fmt: skip


def _gap(network: Judged) -> Iterator[Finding]:
    if network.held_out is None or network.in_train is None:
        return
    own, held = network.in_train.score, network.held_out.score
    if own.value - held.value > GAP and own.low > held.high:
        yield Finding(
            "wrong", "gap", f"Images of train name each other ({own.value:.1f} %) better than they "
            f"name {network.held_out.held_out} ({held.value:.1f} %): train has near twins, such as "
            f"photographs of one scene, or {network.held_out.held_out} is of another kind.",
            "Hold whole folders or groups out with --val-group, and look at the neighbours below.",
        )  # fmt: skip
