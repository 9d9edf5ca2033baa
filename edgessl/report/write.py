"""The page itself: everything inside one file, nothing fetched from anywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from edgessl import __version__
from edgessl.files import atomic_path
from edgessl.page.render import templates_of
from edgessl.report.certainty import certainty_in_words
from edgessl.report.confusion import class_scores, confused_pairs, heat_map, read_matrix
from edgessl.report.curves import curves
from edgessl.report.facts import data_facts, network_facts, stage_times
from edgessl.report.folder import RunRecord, read_run
from edgessl.report.health import health, in_words
from edgessl.report.labels import eleven_points, label_rows
from edgessl.report.pseudo_labels import (
    pseudo_labels,
    pseudo_labels_in_words,
    semi_choice_in_words,
)
from edgessl.report.scores import score_cards
from edgessl.report.sheet import contact_sheet

NAME = "report.html"


def write_report(run_dir: Path) -> Path:
    """Write ``report.html`` from what lies in a run folder.

    Args:
        run_dir: The folder that ``edgessl recipe`` wrote, finished or not. What it lacks is left
            out of the page, with a sentence.

    Returns:
        Where the page is.

    Raises:
        UserError: It is no run folder, its JSON is damaged, or it cannot be written to.
    """
    template = templates_of("edgessl.report").get_template("report.html.j2")
    page = template.render(_content(read_run(run_dir)))
    with atomic_path(run_dir / NAME) as temporary:
        # Half a letter, as damaged JSON may hold one, must not cost the page.
        temporary.write_text(page, encoding="utf-8", errors="replace")
    return run_dir / NAME


def _content(record: RunRecord) -> dict[str, Any]:
    """Everything the templates show; they compute nothing."""
    report = record.report
    data = report.get("data") or {}
    classes = [str(name) for name in data.get("classes") or ()]
    found = health(record.log).get("health", {})
    matrix = read_matrix(report.get("confusion"), classes)
    return {
        "version": report.get("edgessl") or __version__,
        "name": report.get("name") or record.path.resolve().name,
        "finished": bool(report),
        "labelled": bool(classes),
        "verdict": report.get("verdict") or "",
        "cards": score_cards(report),
        "certainty": certainty_in_words(report),
        "health": found.get("word", ""),
        "health_words": in_words(found),
        "pseudo_label_words": [
            *filter(None, [semi_choice_in_words(report.get("semi_trial") or {})]),
            *pseudo_labels_in_words(pseudo_labels(record.log).get("pseudo_labels", {})),
        ],
        "charts": curves(record),
        "pretrained_elsewhere": bool(report.get("start")),
        "sheet": contact_sheet(record.views) if record.views else [],
        "heat_map": None if matrix is None else heat_map(matrix, classes),
        "pairs": [] if matrix is None else confused_pairs(matrix, classes),
        "class_scores": [] if matrix is None else class_scores(matrix, classes),
        "label_rows": label_rows(report.get("labels")),
        "eleven_points": eleven_points(report),
        "data_facts": data_facts(data),
        "notes": [str(note) for note in data.get("notes") or ()],
        "network_facts": network_facts(report),
        "stages": stage_times(report),
        "recipe": record.recipe,
        "command": report.get("command") or "",
        "next": "\n".join(
            [str(report.get("next") or ""), *_texts(report.get("alternatives"))]
        ).strip(),
    }


def _texts(found: object) -> list[str]:
    return [str(one) for one in found] if isinstance(found, list) else []
