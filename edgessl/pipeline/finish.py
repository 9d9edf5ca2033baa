"""The end of a run: its report is written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from edgessl.pipeline.report_document import Stages, report_document
from edgessl.report import write_report
from edgessl.runs import tested_on
from edgessl.runs.stages import REPORT
from edgessl.train.place.context import Context, once


def finish(
    context: Context, name: str, command: str, stages: Stages, facts: Mapping[str, Any]
) -> None:
    """Write ``report.json``, ``report.html``, and which images the scores are of.

    Args:
        context: The run.
        name: Title of the run.
        command: The command as typed.
        stages: Throughput of each training stage, in order; the first one's is the run's.
        facts: What else the report holds: scores, where there are any.
    """
    run, dataset = context.run, context.dataset
    report = report_document(context, name, command, stages, facts)
    if (test := dataset.test).labels is not None:
        images = tested_on.to_text(dataset.fingerprint, test.digests, test.labels, test.paths)
        run.write_text(tested_on.NAME, images)
    run.write_json("report.json", report)
    write_report(run.path)
    once(context, REPORT, lambda: {"done": True})
