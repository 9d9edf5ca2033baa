"""The story of ``edgessl study``: a paper's table or figure re-made, its numbers beside ours."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

from edgessl import catalog
from edgessl.errors import EdgesslError, Interrupted, UserError
from edgessl.files import atomic_path
from edgessl.pipeline.dense.story import follow
from edgessl.pipeline.dense.transfer import PAPERS
from edgessl.pipeline.finetune.finetune import finetune
from edgessl.pipeline.recipe import run
from edgessl.pipeline.rescale import rescale
from edgessl.pipeline.study.asked import PROTOCOL, RUNS, Asked, Counting, prepare_study
from edgessl.pipeline.study.job import Job, Pretraining, Rescaling, Transferring
from edgessl.pipeline.study.known import Known, write_values
from edgessl.pipeline.study.number import Number
from edgessl.pipeline.study.one_run import pretraining_of, tuning_of
from edgessl.pipeline.study.plan import StudyPlan, plan_study
from edgessl.pipeline.study.protocol import number_under, start_of, transfer_of
from edgessl.pipeline.study.row_job import job_of
from edgessl.pipeline.study.score import number_of_recipe, numbers_of_runs
from edgessl.pipeline.study.sets import Sets, has_tags, short_name
from edgessl.pipeline.study.wanted import Wanted
from edgessl.recipe.study import Study, load_study
from edgessl.recipe.study_row import WITHOUT_TRAINING, Row
from edgessl.report.study.outcome import Outcome
from edgessl.report.study.page import study_page
from edgessl.report.study.result import StudyResult
from edgessl.reporter import Reporter, speaking
from edgessl.runs.folder import RunFolder
from edgessl.runs.stages import PRETRAIN, REPORT

__all__ = ["StudyPlan", "plan_study", "studies", "study"]

ROWS = "rows.json"
"""What rows have found so far, by what they were asked."""


def studies() -> dict[str, Study]:
    """Return every study of the catalogue, by its name."""
    return {name: load_study(name) for name in catalog.entries("studies")}


def study(wanted: Wanted, reporter: Reporter | None = None) -> StudyResult:
    """Re-make a table or figure of a paper on your images.

    Rows that need the same pretraining share it. The same call again goes on where an earlier one
    stopped, or returns at once.

    Args:
        wanted: By the user.
        reporter: Is told what goes on; None prints it.

    Returns:
        ``.answer`` in a few sentences, ``.outcomes`` row by row, and ``.path`` with ``study.json``,
        ``study.csv`` and ``study.html``.

    Raises:
        UserError: Something asked for cannot be used, or no row can be run.
        Interrupted: Ctrl-C or SIGTERM, after saving.
    """
    found, asked, where = prepare_study(wanted)
    with speaking(reporter) as tell:
        known = Known(where / ROWS)
        counts = Counting(tell)
        outcomes: list[Outcome] = []
        for number, row in enumerate(found.rows):
            tell.say(f"[{number + 1}/{len(found.rows)}] {row.name}{_column(row)}")
            outcomes += _outcomes(row, found, asked, where, known, counts, tell)
            left = [_waiting(one, found) for one in found.rows[number + 1 :]]
            result = StudyResult(
                Path(wanted.name).stem, found, (*outcomes, *left), _how(asked, counts), where,
                _notes(found, asked),
            )  # fmt: skip
            _write(result)
    if all(one.value is None for one in outcomes):
        why = next((one.why for one in outcomes if one.why), "no row has a number")
        raise UserError(f"{wanted.name}: must have at least one row that runs, but: {why}")
    return result


def _column(row: Row) -> str:
    return f", {row.column}" if row.column else ""


def _outcomes(
    row: Row, found: Study, asked: Asked, where: Path, known: Known, counts: Counting,
    tell: Reporter,
) -> list[Outcome]:  # fmt: skip
    """Return what a row finds; a row that cannot be run says why, and the others go on."""
    bare = _waiting(row, found)
    if row.missing:
        tell.say(f"Not run: {row.missing}")
        return [_with(bare, why=row.missing)]
    try:
        job = job_of(row, found, asked, counts)
        key = job.identity + repr(asked.size if row.score in WITHOUT_TRAINING else "")
        numbers = known.get(key)
        if numbers is None or row.score in WITHOUT_TRAINING:
            numbers = _run(job, asked, where, tell)
            known.keep(key, numbers)
    except Interrupted:
        raise
    except EdgesslError as error:
        tell.say(f"Not run: {error}")
        return [_with(bare, why=" ".join(str(error).split())[:400])]
    last = job.last
    folder = f"{RUNS}/{last.folder}" if last is not None else ""
    return [_numbered(bare, number, folder) for number in numbers]


def _run(job: Job, asked: Asked, where: Path, tell: Reporter) -> list[Number]:
    if job.row.score in WITHOUT_TRAINING:
        return [number_of_recipe(job.row, asked)]
    runs = where / RUNS
    for one in job.pretrainings:
        run(pretraining_of(one, asked, runs), tell)
    if job.rescaled is not None and job.pretraining is not None:
        _rescale(job.pretraining, job.rescaled, runs)
    if job.tuning is not None:
        finetune(tuning_of(job.tuning, asked, runs), tell)
    if job.under is not None:
        _transfer(job.under, asked, runs, tell)
        return [number_under(job.under, job.row.score, runs)]
    return numbers_of_runs(job, runs, asked, tell.say)


def _rescale(one: Pretraining, how: Rescaling, runs: Path) -> None:
    anchor = None if how.anchor is None else runs / how.anchor.folder / PRETRAIN.file
    folder = runs / one.folder
    rescale(folder / PRETRAIN.file, anchor=anchor, constant=how.constant, out=folder / how.file)


def _transfer(one: Transferring, asked: Asked, runs: Path, tell: Reporter) -> None:
    if REPORT in RunFolder(runs / one.folder).read().get("finished", {}):
        return  # rows that share it would read all of its images again
    wanted = transfer_of(one, asked, runs, start_of(one, runs))
    follow(PAPERS[one.task], wanted, reporter=tell, command="edgessl study")


def _waiting(row: Row, found: Study) -> Outcome:
    return Outcome(
        row.name, row.column, row.series, row.x, row.score, row.paper, row.at or found.place,
        why=row.missing or "not run yet",
    )  # fmt: skip


def _with(outcome: Outcome, **changes: Any) -> Outcome:
    return Outcome.from_dict({**outcome.to_dict(), **changes})


def _numbered(bare: Outcome, number: Number, folder: str) -> Outcome:
    changes = {
        "value": number.value, "low": number.low, "high": number.high, "n": number.n, "why": "",
        "run": folder,
    }  # fmt: skip
    if number.name:
        told = f"{bare.name}: {number.name} ({number.x:g} classes)"
        changes |= {"name": told, "x": number.x}
    return _with(bare, **changes)


def _how(asked: Asked, counts: Counting) -> dict[str, Any]:
    sets: Sets = asked.sets
    images = {source: counts(source) for source in sets.sources if counts.known(source)}
    return {
        "data": sets.whole, **{f"data for {name}": one for name, one in sets.named.items()},
        **{f"weights for {name}": file for name, file in asked.weights.items()},
        "scored on": sets.transfer, "share of epochs": asked.scale.epochs,
        "share of images": asked.scale.images, "size": asked.size, "seed": asked.seed,
        "changes": ", ".join(
            (*asked.overrides, *(f"{PROTOCOL}{one}" for one in asked.of_protocols))
        ),
        "device": asked.device,
        **{f"images of {short_name(one)}": f"{of.pretraining} to train on, {of.classes} classes"
           for one, of in images.items()},
    }  # fmt: skip


def _notes(found: Study, asked: Asked) -> tuple[str, ...]:
    notes = []
    sets = asked.sets
    if len(found.sets) > 1 and sets.whole is not None and not sets.named:
        notes.append(
            f"One set stands for {', '.join(found.sets)}: rows that differ in their sets alone "
            "have the same number here. Pass --data NAME=IMAGES for each."
        )
    if plain := _without_tags(found, sets):
        notes.append(
            f"{' and '.join(plain)}: one label an image, so top-1 stands in place of mAP. "
            "Pass --data with images of several labels each for mAP."
        )
    lacking = [name for name in found.weights if name not in asked.weights]
    if lacking and found.weights_optional:
        notes.append(
            f"Not given, so that their rows start from random weights: {', '.join(lacking)}. Bring "
            "them with --weights NAME=FILE."
        )
    if not asked.scale.whole:
        notes.append(
            f"A trial with {100 * asked.scale.epochs:g} % of the epochs and "
            f"{100 * asked.scale.images:g} % of the images; batches are smaller too, and rates "
            "with them. It shows that the study runs, not what the paper says."
        )
    return tuple(notes)


def _without_tags(found: Study, sets: Sets) -> list[str]:
    """Name the sets that rows are scored on by mAP although each image has one label."""
    names: set[str] = set()
    for row in found.rows:
        if row.score in ("map", "finetune_map"):
            with suppress(EdgesslError):  # such a row says itself why it did not run
                source = sets.transfer or sets.source(row.transfer or row.data or found.data)
                if not has_tags(source):
                    names.add(short_name(source))
    return sorted(names)


def _write(result: StudyResult) -> None:
    result.path.mkdir(parents=True, exist_ok=True)
    write_values(result.path / "study.json", result.to_dict())
    for name, text in (("study.csv", result.to_csv()), ("study.html", study_page(result))):
        with atomic_path(result.path / name) as temporary:
            temporary.write_text(text, encoding="utf-8", errors="backslashreplace")
