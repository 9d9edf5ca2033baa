"""Has a model become slower since it was last measured? For continuous integration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Any, Literal

from edgessl.bench.compare.names import counterparts, told_apart
from edgessl.bench.compare.ratio import Ratio, ratio_of_sessions
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
        cells: Path, threads and batch of everything that will be measured.
        where: The baseline's name, for the message.

    Raises:
        UserError: Something is not there, has no raw samples, or may be any of several files.
    """
    known = _known(baseline)
    old = counterparts([path for path, _, _ in cells], [path for path, _, _ in known])
    missing = [cell for cell in cells if (old.get(cell[0]), *cell[1:]) not in known]
    if missing:
        names = told_apart([(path, PurePath(path).name) for path, _, _ in cells])
        wanted = ", ".join(_words(names[cell[0]], *cell[1:]) for cell in missing)
        had = ", ".join(
            sorted(_words(known[cell]["name"], *cell[1:]) for cell in known)
        ) or "none with raw samples"  # fmt: skip
        raise UserError(
            f"--baseline: must hold raw samples of {wanted}, got {where} with {had}; measure it "
            "with the same --threads and --batch, and the same folders where file names repeat"
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
    then = _known(baseline)
    paths = counterparts([str(entry["path"]) for entry in document["models"]],
                         [path for path, _, _ in then])  # fmt: skip
    rows = []
    for entry in document["models"]:
        old = then[paths[str(entry["path"])], entry["threads"], entry["batch"]]
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
                "path": entry["path"], "name": entry["name"],
                "threads": entry["threads"], "batch": entry["batch"],
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


def _known(baseline: Mapping[str, Any]) -> dict[tuple[str, int, int], Mapping[str, Any]]:
    """Return the entries with raw samples by path, threads and batch."""
    return {
        (str(entry["path"]), int(entry["threads"]), int(entry["batch"])): entry
        for entry in baseline["models"] if entry.get("samples_ms")
    }  # fmt: skip


def _words(name: str, threads: int, batch: int) -> str:
    return f"{name} ({threads} thread(s), batch {batch})"
