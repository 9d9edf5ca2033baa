"""A run folder told as one offline page."""

from edgessl.report.write import write_report

__all__ = ["write_report"]
