"""From a run folder to its page."""

from __future__ import annotations

from pathlib import Path

from edgessl.report import write_report


def rewrite_report(run_dir: Path) -> Path:
    """Write ``report.html`` again from what lies in the run folder.

    Args:
        run_dir: The folder that ``edgessl recipe`` wrote.

    Returns:
        Where the page is.

    Raises:
        UserError: It is no run folder, its JSON is damaged, or it cannot be written to.
    """
    return write_report(run_dir)
