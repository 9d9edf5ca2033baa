"""Which backbone fits a latency and a file size on this device, from measurements made on it."""

from __future__ import annotations

import json
import re
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgessl import catalog
from edgessl.bench.measure.device import Device, describe_device, read_device
from edgessl.bench.measure.in_turns import measure_with_control
from edgessl.cores import usable_cores
from edgessl.data.cache import cache_part
from edgessl.errors import UserError
from edgessl.files import atomic_path
from edgessl.json_file import is_amount, read_table
from edgessl.recipe.backbones import BACKBONES, BackboneFacts

CACHE = "bench.json"
FP32_BYTES, INT8_SHARE = 4, 0.25
MEASURED = ("p50_ms", "p50_low_ms", "p50_high_ms", "p90_ms", "load_ms", "peak_rss_mb")
"""What is kept of a measurement, beside size and noise."""
QUICK = {"launches": 2, "min_runs": 100, "min_seconds": 1.0, "max_seconds": 5.0}
"""How long each backbone is measured: enough to rank, `edgessl bench` measures the real file. Two
launches: its control starts after it in the one and before it in the other."""

_LIMIT = re.compile(r"([0-9]*\.?[0-9]+)\s*(ms|s|kb|mb|gb)", re.IGNORECASE)
_MS = {"ms": 1.0, "s": 1000.0}
_MB = {"kb": 0.001, "mb": 1.0, "gb": 1000.0}


@dataclass(frozen=True, slots=True)
class Budget:
    """What a network may cost.

    Attributes:
        latency_ms: Median of one image; None for any.
        size_mb: Of the file; None for any.
    """

    latency_ms: float | None
    size_mb: float | None

    @classmethod
    def parse(cls, text: str) -> Budget:
        """Read a budget such as ``"5 ms, 3 MB"``.

        Args:
            text: A time, a size, or both.

        Raises:
            UserError: It is something else.
        """
        found = _LIMIT.findall(text)
        times = [float(value) * _MS[unit.lower()] for value, unit in found if unit.lower() in _MS]
        sizes = [float(value) * _MB[unit.lower()] for value, unit in found if unit.lower() in _MB]
        rest = re.sub(r"and|[\s,;]", "", _LIMIT.sub("", text))
        if rest or not found or len(times) > 1 or len(sizes) > 1 or 0 in (*times, *sizes):
            raise UserError(
                f"--suggest: must be a time, a size or both, above 0 and each once, got '{text}'; "
                "write them as '5 ms, 3 MB'"
            )
        return cls(times[0] if times else None, sizes[0] if sizes else None)

    def over(self, latency_ms: float, size_mb: float) -> float:
        """Return by what factor a network is over the budget; at most 1 where it fits.

        Args:
            latency_ms: Its latency.
            size_mb: Its size.
        """
        shares = [0.0]
        shares += [latency_ms / self.latency_ms] if self.latency_ms else []
        shares += [size_mb / self.size_mb] if self.size_mb else []
        return max(shares)


def suggest(
    text: str,
    *,
    image_px: int = 224,
    device_name: str = "cpu",
    threads: int | None = None,
    within_s: float = 300.0,
    say: Callable[[str], None] = lambda _line: None,
) -> dict[str, Any]:
    """Rank the backbones that recipes name, untrained and without classifier, by a budget.

    What was measured before on the same device, threads, size and onnxruntime is not measured
    again, but where it was too noisy. Weights do not change the latency, so an untrained network
    tells as much.

    Args:
        text: The budget, such as ``"5 ms, 3 MB"``.
        image_px: Side of the images.
        device_name: A name in ``bench/devices/``, or a TOML file.
        threads: Threads inside an operator; None for the device's own.
        within_s: Seconds after which no further backbone is begun.
        say: Called with the name of each step.

    Returns:
        ``device budget size_px threads``, ``backbones`` in order (those that fit first, the one
        with most computation leading; then those that would in int8; the others by how far they
        are over), and ``not_measured``.

    Raises:
        UserError: The budget, size, device or threads cannot be used.
    """
    budget = Budget.parse(text)
    device = read_device(device_name)
    if image_px < 32:
        raise UserError(f"--size: must be at least 32 pixels, got {image_px}; pass --size 224")
    count = threads or device.threads or usable_cores()
    host = {"name": device_name, "provider": device.provider, **describe_device()}
    key = "|".join(
        str(part)
        for part in (host["cpu"], usable_cores(), device.provider, device.options, count, image_px,
                     sorted(host["versions"].items()))
    )  # fmt: skip
    kept = read_table(cache_part(CACHE)).get(key)
    kept = kept if isinstance(kept, dict) else {}
    known = {name: row for name, row in kept.items() if name in BACKBONES and _is_measured(row)}
    sound = {name for name, row in known.items() if row["noise_grade"] != "C"}
    missing: list[dict[str, str]] = []
    start = time.monotonic()
    for name, facts in sorted(BACKBONES.items(), key=lambda item: item[1].macs):
        if name in sound:
            continue
        why = _hopeless(facts, budget)
        if not why and time.monotonic() - start > within_s:
            why = f"no time left of {within_s:.0f} s; the same command goes on"
        if not why:
            say(f"{name}: exporting it untrained at {image_px} px, and timing it")
            try:
                known[name] = _measure(name, image_px, device, count)
            except UserError as error:
                why = str(error)
            else:
                _write(key, known)
        if why:
            missing.append({"name": name, "why": why})
    return {
        "device": host, "size_px": image_px, "threads": count,
        "budget": {"latency_ms": budget.latency_ms, "size_mb": budget.size_mb},
        "backbones": rank(known, budget), "not_measured": missing,
    }  # fmt: skip


def rank(known: Mapping[str, Mapping[str, Any]], budget: Budget) -> list[dict[str, Any]]:
    """Put measured backbones in order.

    Args:
        known: ``p50_ms`` and ``size_mb`` by name.
        budget: What they may cost.

    Returns:
        Each with ``over`` (at most 1 where it fits), ``fits``, ``fits_if_int8`` (whether a quarter
        of the size would), and ``recipes``: those that train it on one's own images.
    """
    rows = []
    for name, found in known.items():
        over = budget.over(found["p50_ms"], found["size_mb"])
        small = budget.over(found["p50_ms"], INT8_SHARE * found["size_mb"])
        facts = BACKBONES[name]
        rows.append(
            {"name": name, **found, "params": facts.params, "macs_224": facts.macs, "over": over,
             "fits": over <= 1, "fits_if_int8": over > 1 >= small, "recipes": _recipes(name)}
        )  # fmt: skip
    return sorted(
        rows,
        key=lambda row: (not row["fits"], not row["fits_if_int8"],
                         -row["macs_224"] if row["fits"] or row["fits_if_int8"] else row["over"]),
    )  # fmt: skip


def _recipes(backbone: str) -> list[str]:
    """Return the factory recipes of a backbone, DINO's first."""
    factory = [name for name, path in catalog.entries("recipes").items()
               if path.parent.name == "factory"]  # fmt: skip
    own = [name for name in factory if name.rpartition("-")[0] == backbone]
    return sorted(own, key=lambda name: (not name.endswith("-dino"), name))


def _hopeless(facts: BackboneFacts, budget: Budget) -> str:
    """Say why a backbone need not be measured; empty if it should be."""
    int8_mb = INT8_SHARE * FP32_BYTES * facts.params / 1e6
    if budget.size_mb is not None and int8_mb > 1.2 * budget.size_mb:
        return f"too large for {budget.size_mb:g} MB, even in int8"
    return ""


def _measure(name: str, image_px: int, device: Device, threads: int) -> dict[str, Any]:
    import onnx

    from edgessl.backbones import Backbone
    from edgessl.export.formats.graph import export_graph
    from edgessl.export.target import read_target

    backbone = Backbone(name, image_px=image_px).eval()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{name}.onnx"
        graph = export_graph(backbone, image_px, "features", read_target("cpu").opset)
        onnx.save(graph, str(path))
        quick = device.model_copy(update=QUICK)
        measured = measure_with_control([path], quick, threads=threads, batch=1)
        row = measured.models[0]
        return {
            **{key: row[key] for key in MEASURED},
            "size_mb": path.stat().st_size / 1e6,
            "noise_grade": measured.noise.grade,
        }


def _is_measured(row: object) -> bool:
    """Say whether a damaged cache still has what was measured of a backbone."""
    return (
        isinstance(row, dict)
        and all(is_amount(row.get(key)) for key in (*MEASURED, "size_mb"))
        and row.get("noise_grade") in ("A", "B", "C")
    )


def _write(key: str, known: Mapping[str, Any]) -> None:
    content = {**read_table(cache_part(CACHE)), key: dict(known)}
    with atomic_path(cache_part(CACHE)) as temporary:
        temporary.write_text(json.dumps(content, indent=1), encoding="utf-8")
