"""One offline page of measured latencies: everything inside one file, nothing fetched."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from edgessl import __version__
from edgessl.report.bench_bars import operator_bars, step_bars
from edgessl.report.bench_charts import sustained_charts, sweep_charts
from edgessl.report.bench_facts import device_facts, protocol_facts
from edgessl.report.forest import forest
from edgessl.report.lanes import lanes
from edgessl.report.tradeoff import Candidate, tradeoff
from edgessl.report.write import environment

Entry = Mapping[str, Any]


def bench_page(document: Mapping[str, Any]) -> str:
    """Return the page of a document of ``edgessl bench``.

    Args:
        document: ``device``, ``models``, ``conditions`` and whatever else was measured.
    """
    return environment().get_template("bench.html.j2").render(_content(document))


def _content(document: Mapping[str, Any]) -> dict[str, Any]:
    """Everything the template shows; it computes nothing."""
    sources = [document, *document.get("imported", ())]
    models = document["models"]
    cell, shown = (models[0]["threads"], models[0]["batch"]), _first(document)
    sampled = [one for one in shown if one.get("samples_ms")]
    names = [_name(one, shown) for one in sampled]
    steps, step_keys = step_bars(document.get("end_to_end", ()))
    operators, operator_keys = operator_bars(document.get("operators", ()))
    comparisons = document.get("comparisons", ())
    return {
        "version": __version__,
        "measured": document.get("measured", ""),
        "cpu": document["device"]["cpu"],
        "verdict": _verdict(document, shown),
        "several_devices": len(sources) > 1,
        "rows": [_row(one, source) for source in sources for one in _first(source)],
        "more_rows": [_row(one, source) for source in sources for one in source["models"]
                      if one not in _first(source)],
        "launches": (document.get("protocol") or {}).get("launches", 1),
        "noises": [_noise(one) for one in document.get("conditions", ())],
        "lanes": lanes(sampled, names),
        "lanes_where": _where(cell),
        "forest": forest(comparisons),
        "base": comparisons[0]["base"] if comparisons else "",
        "trade": tradeoff(_candidates(sources, len(sources) > 1)),
        "trade_where": "at batch 1, with the threads that are fastest for it",
        "charts": [*sweep_charts(models), *sustained_charts(document.get("sustained", ()))],
        "steps": steps, "step_keys": step_keys,
        "operators": operators, "operator_keys": operator_keys,
        "facts": [("Device", device_facts(document["device"])),
                  ("Protocol", protocol_facts(document))],
        "hashes": list(dict.fromkeys((one["name"], one.get("sha256", "")) for one in models)),
        "notes": [f"{one['name']}, {_where((one['threads'], one['batch']))}: {'; '.join(said)}."
                  for one in models if (said := one.get("notes"))],
    }  # fmt: skip


def _first(source: Mapping[str, Any]) -> list[Entry]:
    """Return the models at the first number of threads and batch that was measured."""
    models = source["models"]
    cell = (models[0]["threads"], models[0]["batch"])
    return [one for one in models if (one["threads"], one["batch"]) == cell]


def _where(cell: tuple[int, int]) -> str:
    return f"{cell[0]} thread{'s' if cell[0] > 1 else ''}, batch {cell[1]}"


def _name(entry: Entry, entries: Sequence[Entry]) -> str:
    same = {other["path"] for other in entries if other["name"] == entry["name"]}
    return str(entry["path"] if len(same) > 1 else entry["name"])


def _verdict(document: Mapping[str, Any], shown: Sequence[Entry]) -> str:
    best = min(shown, key=lambda one: float(one["p50_ms"]))
    cell = (best["threads"], best["batch"])
    answer = f"{best['name']} answers in {_number(best['p50_ms'])} ms (median, {_where(cell)})"
    grade = _grades(document).get(cell)
    if len(shown) == 1:
        return answer + "."
    if grade == "C":
        return f"{answer}, but it was too noisy to rank the {len(shown)} models."
    slowest = max(shown, key=lambda one: float(one["p50_ms"]))
    times = slowest["p50_ms"] / best["p50_ms"]
    return f"{answer}, the lowest of {len(shown)}; {slowest['name']} takes {times:.1f} times that."


def _grades(source: Mapping[str, Any]) -> dict[tuple[int, int], str]:
    return {
        (one["threads"], one["batch"]): one["noise"]["grade"]
        for one in source.get("conditions", ())
    }


def _row(entry: Entry, source: Mapping[str, Any]) -> dict[str, Any]:
    low, high = entry.get("p50_low_ms"), entry.get("p50_high_ms")
    runtime = entry.get("runtime", "onnxruntime")
    return {
        "name": _name(entry, source["models"]),
        "remark": "" if runtime == "onnxruntime" else runtime,
        "device": source["device"]["cpu"],
        "threads": entry["threads"], "batch": entry["batch"],
        "p50": _number(entry["p50_ms"]),
        "interval": "" if low is None else f"{_number(low)} to {_number(high)}",
        "p90": _number(entry.get("p90_ms")), "p99": _number(entry.get("p99_ms")),
        "images_per_s": _number(entry.get("images_per_s")),
        "load": _number(entry.get("load_ms")), "first": _number(entry.get("first_run_ms")),
        "peak": _number(entry.get("peak_rss_mb")), "size": _number(entry.get("size_mb")),
        "top1": _number((entry.get("top1") or {}).get("value")),
        "grade": _grades(source).get((entry["threads"], entry["batch"]), ""),
    }  # fmt: skip


def _noise(cell: Mapping[str, Any]) -> dict[str, str]:
    noise = cell["noise"]
    why = "; ".join(noise["reasons"]) or "the same model twice agrees, and nothing moved"
    return {"grade": noise["grade"], "where": _where((cell["threads"], cell["batch"])), "why": why}


def _candidates(sources: Sequence[Mapping[str, Any]], several: bool) -> list[Candidate]:
    """Return each file with an accuracy once for each device."""
    found: list[Candidate] = []
    for source in sources:
        best: dict[str, Entry] = {}
        for one in source["models"]:
            if one["batch"] == 1 and one.get("top1"):
                key = str(one["path"])
                if key not in best or one["p50_ms"] < best[key]["p50_ms"]:
                    best[key] = one
        where = f" on {source['device']['cpu']}" if several else ""
        for one in best.values():
            score = one["top1"]
            found.append(
                Candidate(f"m{len(found) % 6}", _name(one, source["models"]) + where,
                          one["p50_ms"], score["value"], score["low"], score["high"],
                          one["size_mb"])
            )  # fmt: skip
    return found


def _number(value: float | None) -> str:
    if value is None:
        return "-"
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"
