"""What reads documents takes any value there is, and raises nothing but its own errors."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import tomli_w
from campaign import SEED
from documents import mutated_values, plain_values
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from edgessl.artifact.metadata import Metadata
from edgessl.backbones.deploy_table import refuse_wrong_payload
from edgessl.bench.compare.document import read_document
from edgessl.errors import UserError
from edgessl.json_file import parse_json, read_table
from edgessl.recipe.tables import Recipe
from edgessl.report.shape import ReportShape, RunShape, is_log_line, trouble_with
from edgessl.runs.run_table import trouble_with_run
from edgessl.schema import validate
from edgessl.toml_file import parse_toml

_EXAMPLES = 25
_SETTINGS = settings(
    max_examples=_EXAMPLES, deadline=None, database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip


@seed(SEED)
@_SETTINGS
@given(st.text() | st.binary().map(lambda raw: raw.decode("latin-1")))
def test_any_text(text: str) -> None:
    for parse in (parse_json, parse_toml):
        with suppress(ValueError):
            parse(text)


PARSERS: dict[str, Callable[[Any], object]] = {
    "metadata": lambda value: Metadata.from_json(json.dumps(value), "x"),
    "payload": lambda value: refuse_wrong_payload(value, "x") if isinstance(value, dict) else None,
    "recipe": lambda value: validate(Recipe, value, "x"),
    "report": lambda value: trouble_with(value, ReportShape),
    "run": lambda value: (trouble_with_run(value), trouble_with(value, RunShape)),
    "log": is_log_line,
}


@pytest.mark.parametrize("name", PARSERS)
@seed(SEED)
@_SETTINGS
@given(value=plain_values())
def test_any_value(name: str, value: Any) -> None:
    with suppress(UserError):
        PARSERS[name](value)


DOCUMENTS = {"report": "run/report.json", "run": "run/run.json"}


@pytest.mark.parametrize("name", DOCUMENTS)
@seed(SEED)
@_SETTINGS
@given(data=st.data())
def test_a_document_with_some_places_changed(seeds: Path, name: str, data: st.DataObject) -> None:
    document = json.loads((seeds / DOCUMENTS[name]).read_text())
    PARSERS[name](data.draw(mutated_values(document)))


@seed(SEED)
@_SETTINGS
@given(data=st.data())
def test_a_bench_with_some_places_changed(
    seeds: Path, tmp_path: Path, data: st.DataObject
) -> None:
    document = json.loads((seeds / "bench/there.json").read_text())
    path = tmp_path / "bench.json"
    path.write_text(json.dumps(data.draw(mutated_values(document))))
    with suppress(UserError):
        read_document(path)


@seed(SEED)
@_SETTINGS
@given(value=plain_values())
def test_a_cache_is_a_table_or_nothing(tmp_path: Path, value: Any) -> None:
    path = tmp_path / "cache.json"
    path.write_text(json.dumps(value))
    found = read_table(path)
    assert found == value if isinstance(value, dict) and value == value else isinstance(found, dict)


def test_toml_that_was_written_is_read_back() -> None:
    table = {"a": {"b": [1, 2.5, "x"], "c": True}}
    assert parse_toml(tomli_w.dumps(table)) == table
