"""The shape of a bench's JSON document, as far as it is judged, shown and drawn."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from edgessl.names import trouble_with

_LARGEST = 1e12
"""No figure of a bench comes near it; beyond it, axes and sums lose their meaning."""


def _shown(text: str) -> str:
    if trouble := trouble_with(text.encode("utf-8", "replace").decode("utf-8")):
        raise ValueError(trouble)
    return text


_Text = Annotated[str, AfterValidator(_shown)]
"""It reaches terminals, and tables with a line for each."""
_Count = Annotated[int, Field(ge=0, le=int(_LARGEST))]
_OneOrMore = Annotated[int, Field(ge=1, le=int(_LARGEST))]
_Percent = Annotated[float, Field(ge=0, le=100)]
_Amount = Annotated[float, Field(ge=0, le=_LARGEST)]
_Time = Annotated[float, Field(gt=0, le=_LARGEST)]
_Ratio = Annotated[float, Field(ge=1e-9, le=1e9)]


class _Known(BaseModel):
    """A table that may hold more than is looked at."""

    model_config = ConfigDict(extra="allow", strict=True, allow_inf_nan=False)


class _Device(_Known):
    cpu: _Text
    board: _Text | None = None
    flags: list[_Text] | None = None
    cores: _Count | None = None
    cores_usable: _OneOrMore | None = None
    cores_quota: _Amount | None = None
    frequency_max_mhz: _Amount | None = None
    governor: _Text | None = None
    memory_mb: _Amount | None = None
    load_1min: _Amount | None = None
    os: _Text | None = None
    python: _Text | None = None
    provider: _Text | None = None
    versions: dict[_Text, _Text] = {}


class _Score(_Known):
    value: _Percent
    low: _Percent
    high: _Percent


class _Entry(_Known):
    name: _Text
    path: _Text
    threads: _OneOrMore
    batch: _OneOrMore
    p50_ms: _Time
    p50_low_ms: _Time | None = None
    p50_high_ms: _Time | None = None
    p90_ms: _Time | None = None
    p99_ms: _Time | None = None
    images_per_s: _Amount | None = None
    load_ms: _Amount | None = None
    first_run_ms: _Amount | None = None
    peak_rss_mb: _Amount | None = None
    runs: _Count | None = None
    size_mb: _Amount | None = None
    runtime: _Text = "onnxruntime"
    version: _Text = ""
    computes: dict[_Text, _Count] = {}
    sha256: _Text = ""
    top1: _Score | None = None
    notes: list[_Text] | None = None
    samples_ms: list[list[list[float]]] | None = None


class _Control(_Known):
    ratio: _Ratio


class _Noise(_Known):
    grade: Annotated[str, Field(pattern="^[ABC]$")] | None = None
    reasons: list[_Text] | None = None
    control: _Control | None = None
    foreign_cores: float | None = None
    steal_percent: float | None = None


class _Condition(_Known):
    threads: int
    batch: int
    noise: _Noise


class _Comparison(_Known):
    threads: _OneOrMore
    batch: _OneOrMore
    path: _Text = ""
    name: _Text
    base: _Text
    base_path: _Text = ""
    ratio: _Ratio
    low: _Ratio | None
    high: _Ratio | None
    verdict: _Text
    comparable: bool


class _Protocol(_Known):
    launches: _OneOrMore
    turn_ms: _Amount
    min_runs: _Count
    min_seconds: _Amount


class _Steps(_Known):
    name: _Text
    path: _Text = ""
    decode_p50_ms: _Amount
    preprocess_p50_ms: _Amount
    core_p50_ms: _Time
    post_p50_ms: _Amount
    total_p50_ms: _Amount
    preprocess_inside: bool


class _Operator(_Known):
    operator: _Text
    nodes: _Count
    percent: _Amount


class _Profile(_Known):
    name: _Text
    path: _Text = ""
    operators: list[_Operator]


class _Window(_Known):
    end_s: _Amount
    p50_ms: _Time


class _Sustained(_Known):
    name: _Text
    path: _Text = ""
    seconds: _Amount
    last_over_first: _Ratio
    windows: list[_Window] = Field(min_length=1)


class _Document(_Known):
    device: _Device
    models: list[_Entry] = Field(min_length=1)
    conditions: list[_Condition] = []
    comparisons: list[_Comparison] = []
    protocol: _Protocol | None = None
    measured: _Text = ""
    end_to_end: list[_Steps] = []
    operators: list[_Profile] = []
    sustained: list[_Sustained] = []


def trouble_with_document(document: object) -> str:
    """Say what of a document is not as ``edgessl bench`` or ``run.py`` writes it; empty if all is.

    Args:
        document: As read from JSON.
    """
    try:
        _Document.model_validate(document)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        place = ".".join(map(str, first["loc"]))[:100].encode("ascii", "backslashreplace").decode()
        return f"{place}: {first['msg']}" if place else "no table"
    return ""


def trouble_with_judgements(document: dict[str, Any]) -> str:
    """Say what is not known of a document once it was judged; empty if all is.

    Args:
        document: Of the right shape.
    """
    for number, cell in enumerate(document["conditions"]):
        if cell["noise"].get("grade") is None:
            return f"conditions.{number}.noise.grade: Field required"
    intervals = (("models", "p50_low_ms", "p50_high_ms"), ("comparisons", "low", "high"))
    for kind, low, high in intervals:
        for number, row in enumerate(document[kind]):
            if (row.get(low) is None) != (row.get(high) is None):
                return f"{kind}.{number}.{low}: must come with {high}"
    for number, entry in enumerate(document["models"]):
        score = entry.get("top1")
        if score and not score["low"] <= score["value"] <= score["high"]:
            return f"models.{number}.top1: must lie between low and high"
        if score and not entry.get("size_mb"):
            return f"models.{number}.size_mb: must be above 0 where top1 is known"
    return ""
