"""From measured latencies to one offline page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from edgessl.bench.page.write import bench_page


def page(document: Mapping[str, Any]) -> str:
    """Return the page.

    Args:
        document: What ``bench_models`` returned.
    """
    return bench_page(document)
