"""Has a model become slower since it was last measured? For continuous integration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from edgessl.bench.ratio import Ratio, ratio_of_sessions
from edgessl.errors import UserError

Outcome = Literal["slower than allowed", "within the limit", "too noisy to judge"]
_SAME = ("cpu", "provider", "cores_usable")


def refuse_other_device(baseline: Mapping[str, Any], device: Mapping[str, Any], where: str) -> None:
    """Check that a baseline is from a device like this one.

    Args:
        baseline: Its document.
        device: This device.
        where: The baseline's name, for the message.

    Raises:
        UserError: It is from another.
    """
    then = baseline["device"]
    wrong = [
        f"{key} {then.get(key)}, here {device.get(key)}"
        for key in _SAME if then.get(key) != device.get(key)
    ]  # fmt: skip
    if wrong:
        raise UserError(
            f"--baseline: must be measured on a device like this one, got {where} with "
            f"{'; '.join(wrong)}; measure a baseline here with --json"
        )


def refuse_unknown(
    baseline: Mapping[str, Any], cells: Sequence[tuple[str, int, int]], where: str
) -> None:
    """Check, before anything is measured, that the baseline has what will be.

    Args:
        baseline: Its document.
        cells: Name, threads and batch of everything that will be measured.
        where: The baseline's name, for the message.

    Raises:
        UserError: Something is not there, or has no raw samples.
    """
    known = {_cell(entry) for entry in baseline["models"] if entry.get("samples_ms")}
    missing = [cell for cell in cells if cell not in known]
    if missing:
        had = ", ".join(_words(cell) for cell in sorted(known)) or "none with raw samples"
        raise UserError(
            f"--baseline: must hold raw samples of {', '.join(_words(cell) for cell in missing)}, "
            f"got {where} with {had}; measure it with the same --threads and --batch"
        )


def compare(
    document: Mapping[str, Any], baseline: Mapping[str, Any], limit_percent: float
) -> list[dict[str, Any]]:
    """Compare what was measured with a baseline.

    Args:
        document: What was measured now.
        baseline: What was measured then.
        limit_percent: Percent by which a model may be slower.

    Returns:
        For each model its ``ratio low high``, ``outcome`` and ``limit_percent``. It is slower than
        allowed only where the whole interval is: the interval holds what both controls were off by.
    """
    then = {_cell(entry): entry for entry in baseline["models"]}
    rows = []
    for entry in document["models"]:
        old = then[_cell(entry)]
        ratio = ratio_of_sessions(entry["samples_ms"], old["samples_ms"])
        noisy = False
        for source in (document, baseline):
            noise = _noise(source, entry)
            if noise is None:
                continue
            noisy |= noise["grade"] == "C"
            if noise["control"] is not None:
                ratio = ratio.widened(float(noise["control"]["ratio"]))
        rows.append(
            {
                "name": entry["name"], "threads": entry["threads"], "batch": entry["batch"],
                **ratio.to_dict(), "before_ms": old["p50_ms"], "now_ms": entry["p50_ms"],
                "same_file": entry.get("sha256") == old.get("sha256"),
                "limit_percent": limit_percent, "outcome": outcome(ratio, limit_percent, noisy),
            }
        )  # fmt: skip
    return rows


def outcome(ratio: Ratio, limit_percent: float, noisy: bool) -> Outcome:
    """Judge one ratio.

    Args:
        ratio: Now over then.
        limit_percent: Percent by which it may be slower.
        noisy: Whether either measurement has the worst grade.
    """
    limit = 1 + limit_percent / 100
    if noisy or ratio.low is None or ratio.high is None:
        return "too noisy to judge"
    if ratio.low > limit:
        return "slower than allowed"
    return "within the limit" if ratio.high <= limit else "too noisy to judge"


def _noise(source: Mapping[str, Any], entry: Mapping[str, Any]) -> dict[str, Any] | None:
    for cell in source.get("conditions", ()):
        if (cell["threads"], cell["batch"]) == (entry["threads"], entry["batch"]):
            noise: dict[str, Any] = cell["noise"]
            return noise
    return None


def _cell(entry: Mapping[str, Any]) -> tuple[str, int, int]:
    return str(entry["name"]), int(entry["threads"]), int(entry["batch"])


def _words(cell: tuple[str, int, int]) -> str:
    return f"{cell[0]} ({cell[1]} thread(s), batch {cell[2]})"
