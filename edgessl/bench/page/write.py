"""One offline page of measured latencies: everything inside one file, nothing fetched."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from edgessl import __version__
from edgessl.bench.page.charts import (
    Candidate,
    operator_bars,
    step_bars,
    sustained_charts,
    sweep_charts,
    tradeoff,
)
from edgessl.bench.page.facts import cell_in_words, counted, device_facts, forest, protocol_facts
from edgessl.bench.page.lanes import lanes
from edgessl.page.render import templates_of

Entry = Mapping[str, Any]


def bench_page(document: Mapping[str, Any]) -> str:
    """Return the page of a document of ``edgessl bench``.

    Args:
        document: ``device``, ``models``, ``conditions`` and whatever else was measured.
    """
    template = templates_of("edgessl.bench.page").get_template("bench.html.j2")
    return template.render(_content(document))


def _content(document: Mapping[str, Any]) -> dict[str, Any]:
    """Everything the template shows; it computes nothing."""
    sources = [document, *document.get("imported", ())]
    models = document["models"]
    cell, shown = (models[0]["threads"], models[0]["batch"]), _first(document)
    sampled = [one for one in shown if one.get("samples_ms")]
    names = [str(one["name"]) for one in sampled]
    steps, step_keys = step_bars(document.get("end_to_end", ()))
    operators, operator_keys = operator_bars(document.get("operators", ()))
    several = len(sources) > 1
    return {
        "version": __version__,
        "measured": document.get("measured", ""),
        "cpu": document["device"]["cpu"],
        "verdict": _verdict(document, shown),
        "rows": [_row(one, source, several) for source in sources for one in _first(source)],
        "more_rows": [_row(one, source, several) for source in sources for one in source["models"]
                      if one not in _first(source)],
        "launches": counted((document.get("protocol") or {}).get("launches", 1), "fresh process"),
        "noises": [_noise(one, _on(source, several)) for source in sources
                   for one in source.get("conditions", ())],
        "lanes": lanes(sampled, names),
        "lanes_where": _where(cell),
        "forests": [(f"{rows[0]['base']}{_on(source, several)}", forest(rows))
                    for source in sources if (rows := source.get("comparisons"))],
        "trade": tradeoff(_candidates(sources, several)),
        "trade_where": "at batch 1, with the threads that are fastest for it",
        "charts": [*sweep_charts(models), *sustained_charts(document.get("sustained", ()))],
        "steps": steps, "step_keys": step_keys,
        "operators": operators, "operator_keys": operator_keys,
        "facts": [
            ("Device", device_facts(document["device"])), ("Protocol", protocol_facts(document)),
            *((f"Imported: {one['device']['cpu']}", device_facts(one["device"]))
              for one in sources[1:]),
        ],
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
    return cell_in_words(*cell)


def _verdict(document: Mapping[str, Any], shown: Sequence[Entry]) -> str:
    best = min(shown, key=lambda one: float(one["p50_ms"]))
    cell = (best["threads"], best["batch"])
    answer = f"{best['name']} answers in {_number(best['p50_ms'])} ms (median, {_where(cell)})"
    if _grades(document).get(cell) == "C":
        return _too_noisy(best, len(shown))
    if len(shown) == 1:
        return answer + "."
    slowest = max(shown, key=lambda one: float(one["p50_ms"]))
    times = slowest["p50_ms"] / best["p50_ms"]
    return f"{answer}, the lowest of {len(shown)}; {slowest['name']} takes {times:.1f} times that."


def _too_noisy(best: Entry, count: int) -> str:
    what = f"Too noisy to rank the {count} models" if count > 1 else "Too noisy to judge"
    if best.get("p50_low_ms") is None:
        return f"{what}. Measure again on a quiet machine."
    low, high = _number(best["p50_low_ms"]), _number(best["p50_high_ms"])
    return (f"{what}: the median of {best['name']} may lie anywhere from {low} to {high} ms. "
            "Measure again on a quiet machine.")  # fmt: skip


def _grades(source: Mapping[str, Any]) -> dict[tuple[int, int], str]:
    return {
        (one["threads"], one["batch"]): one["noise"]["grade"]
        for one in source.get("conditions", ())
    }


def _row(entry: Entry, source: Mapping[str, Any], several: bool) -> dict[str, Any]:
    low, high = entry.get("p50_low_ms"), entry.get("p50_high_ms")
    runtime = entry.get("runtime", "onnxruntime")
    return {
        "name": entry["name"],
        "remark": " ".join(word for word in (
            "" if runtime == "onnxruntime" else runtime,
            _on(source, several).strip(),
        ) if word),
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


def _on(source: Mapping[str, Any], several: bool) -> str:
    return f" on {source['device'].get('board') or source['device']['cpu']}" if several else ""


def _noise(cell: Mapping[str, Any], device: str) -> dict[str, str]:
    noise = cell["noise"]
    why = "; ".join(noise["reasons"]) or "the same model twice agrees, and nothing moved"
    where = _where((cell["threads"], cell["batch"])) + device
    return {"grade": noise["grade"], "where": where, "why": why}


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
        where = _on(source, several)
        for one in best.values():
            score = one["top1"]
            found.append(
                Candidate(f"m{len(found) % 6}", one["name"] + where,
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
