"""What can happen to JSON, TOML and CSV: wrong types and keys, NaN, huge numbers, hostile names."""

from __future__ import annotations

import copy
import csv
import io
import json
import tomllib
from collections.abc import Callable
from random import Random
from typing import Any

import tomli_w
from hypothesis import strategies as st
from mutations import Mutation

NUMBERS = (
    0, 1, -1, 2, 3, 7, 255, 65_537, 2**31, 2**53 + 1, 2**63 - 1, -(2**63), 2**63, 10**30, 10**400,
    0.0, -0.0, 0.5, 1e-320, 1e-9, 1e308, -1e308, 1.5, float("nan"), float("inf"), float("-inf"),
)  # fmt: skip
TEXTS = (
    "", " ", "0", "true", "a\nb", "\x00", "\x1b[31m", "../../x", "/etc/hosts", "~", "ä" * 3,
    "\U0001f980", "\ud800", "x" * 5000, "[/b]", "<script>", "|", "%s", "{0}", "None", ".", "nan",
    "timm:resnet18x", "local-dir:/", "cuda", "2026-01-01", "con", "a/b", "\u202e",
)  # fmt: skip
VALUES: tuple[Any, ...] = (
    *NUMBERS, *TEXTS, None, True, False, [], {}, [[]], [None], [1, "a"], {"": 0}, [0] * 300,
    {"a": {"b": {}}}, [[[[1.0]]]], [{"name": 3}],
)  # fmt: skip
KEYS = ("", "a", "__class__", "name", "value", "0", "\n", "\x00", "../x", "é", "schema", "x" * 300)


def plain_values() -> st.SearchStrategy[Any]:
    """Return a strategy of anything that JSON can say, and Python's JSON beside it (NaN)."""
    leaves = st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20),
        st.sampled_from(VALUES),
    )  # fmt: skip
    return st.recursive(
        leaves,
        lambda inner: st.lists(inner, max_size=4)
        | st.dictionaries(st.text(max_size=9) | st.sampled_from(KEYS), inner, max_size=4),
        max_leaves=12,
    )


@st.composite
def mutated_values(draw: st.DrawFn, document: Any) -> Any:
    """Return a strategy of a document with one to three places changed.

    Args:
        draw: Hypothesis' own.
        document: Plain values; it stays as it is.
    """
    changed = json.loads(json.dumps(document))
    for _ in range(draw(st.integers(1, 3))):
        places = [*_places(changed)]
        if not places:
            return draw(plain_values())
        owner, key = draw(st.sampled_from(places))
        action = draw(st.sampled_from(("replace", "replace", "delete", "rename", "copy")))
        if action == "replace":
            owner[key] = draw(plain_values())
        elif action == "delete":
            del owner[key]
        elif action == "copy":
            other, its = draw(st.sampled_from(places))
            owner[key] = json.loads(json.dumps(_at(other, its)))
        elif isinstance(owner, dict):
            owner[draw(st.sampled_from(KEYS))] = owner.pop(key)
    return changed


def value(random: Random) -> Any:
    """Return a value that few places of a document should have."""
    return copy.deepcopy(random.choice(VALUES))


def mutate_values(document: Any, random: Random) -> Any:
    """Change one to three places of plain values, in place where that can be.

    Args:
        document: Dicts, lists and values.
        random: Decides what.
    """
    for _ in range(random.choice((1, 1, 1, 2, 3))):
        places = [*_places(document)]
        if not places or random.random() < 0.01:
            return value(random)
        owner, key = random.choice(places)
        _change(owner, key, places, random)
    return document


def _change(owner: Any, key: Any, places: list[tuple[Any, Any]], random: Random) -> None:
    action = random.randrange(9)
    if action <= 3:
        owner[key] = value(random)
    elif action == 4:
        owner[key] = _of_same_kind(owner[key], random)
    elif action == 5:
        del owner[key]
    elif action == 6:
        owner[key] = copy.deepcopy(_at(*random.choice(places)))
    elif isinstance(owner, list):
        owner.insert(key, owner[key] if action == 7 else value(random))
    elif action == 7:
        owner[random.choice(KEYS)] = owner.pop(key)
    else:
        owner[random.choice(KEYS)] = value(random)


def _of_same_kind(old: Any, random: Random) -> Any:
    """Return another value that a check of types alone would take."""
    if isinstance(old, str):
        return random.choice(TEXTS)
    if isinstance(old, int | float) and not isinstance(old, bool):
        return random.choice([n for n in NUMBERS if type(n) is type(old)])
    if isinstance(old, list):
        return copy.deepcopy(old * random.choice((0, 2, 50)))
    return {} if isinstance(old, dict) else old


def _places(document: Any) -> Any:
    """Yield every place of a document as its owner and key."""
    todo = [document]
    while todo:
        owner = todo.pop()
        keys = owner.keys() if isinstance(owner, dict) else range(len(owner))
        for key in list(keys):
            yield owner, key
            if isinstance(owner[key], dict | list):
                todo.append(owner[key])


def _at(owner: Any, key: Any) -> Any:
    try:
        return owner[key]
    except LookupError:  # another change has removed it
        return None


def as_json(content: bytes, random: Random) -> bytes:
    """Change values of a JSON document."""
    return json.dumps(mutate_values(json.loads(content), random)).encode()


def json_text(content: bytes, random: Random) -> bytes:
    """Do to JSON what only its text can have: nesting, digits, double keys, letters cut in half."""
    return random.choice((
        b"[" * 100_000, b'{"a":' * 100_000, b"9" * 100_000, b'"\\ud800"', b"\xff\xfe{\x00}\x00",
        b"\xef\xbb\xbf" + content, content.replace(b":", b": NaN,", 1), b"nul", b'{"a":1,"a":2}',
        content.replace(b"0", b"9" * 5000, 1), content.replace(b"{", b'{"":1e999,', 1),
        content.decode("latin-1").encode("utf-16"), b'"' + content, content + content,
        content.replace(b'"', b"'"), content.replace(b"1", b"-Infinity", 1),
    ))  # fmt: skip


def json_lines(content: bytes, random: Random) -> bytes:
    """Change a line of a log."""
    lines = content.splitlines() or [b"{}"]
    place = random.randrange(len(lines))
    change: Callable[[bytes, Random], bytes] = random.choice((as_json, json_text, _twice))
    return b"\n".join((*lines[:place], change(lines[place], random), *lines[place + 1 :]))


def _twice(line: bytes, _random: Random) -> bytes:
    return line + b"\n" + line


def as_toml(content: bytes, random: Random) -> bytes:
    """Change values of a TOML document; what TOML cannot say is left out."""
    changed = _without_none(mutate_values(tomllib.loads(content.decode()), random))
    try:
        return tomli_w.dumps(changed).encode("utf-8", "surrogatepass")
    except (TypeError, AttributeError, ValueError):
        return content


def _without_none(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_none(inner) for key, inner in value.items() if inner is not None}
    if isinstance(value, list):
        return [_without_none(inner) for inner in value if inner is not None]
    return value


def toml_text(content: bytes, random: Random) -> bytes:
    """Change lines of TOML: lost, doubled, moved, with values and keys that nobody expects."""
    lines = content.split(b"\n")
    place = random.randrange(len(lines))
    key = lines[place].partition(b"=")[0]
    wild = random.choice((
        b"[" * 2000, b"9" * 100_000, b"0x" + b"f" * 5000, b"nan", b"inf", b"1979-05-27", b"-1",
        b"'''", b'"\\ud800"', b"{a=" * 500, b"1e999", b"[1, 'a']", b"true", b'""', b"07:32:00",
        b"[[]]", b"{}", b"1_0", b"\x00", b"\xff",
    ))  # fmt: skip
    new = random.choice((
        (), (lines[place],) * 2, (key + b"= " + wild,), (b"a" + b".a" * 3000 + b" = 1",),
        (b"[" + b"x." * 500 + b"x]",), (b"[[views]]",), (b"[method]",), (key + b"x = 1",),
        (random.choice(lines),), (lines[place][: len(lines[place]) // 2],),
    ))  # fmt: skip
    return b"\n".join((*lines[:place], *new, *lines[place + 1 :]))


def as_csv(content: bytes, random: Random) -> bytes:
    """Change cells, rows and columns of a table."""
    rows = [*csv.reader(io.StringIO(content.decode()))]
    row = random.choice(rows)
    action, column = random.randrange(7), random.randrange(len(row))
    if action <= 2:
        row[column] = str(random.choice((*TEXTS, *NUMBERS[:-3]))).replace("\ud800", "")
    elif action == 3:
        del row[column]
    elif action == 4:
        row.insert(column, random.choice(TEXTS[:-1]).replace("\ud800", ""))
    elif action == 5:
        rows.append([*random.choice(rows)])
    else:
        rows.remove(row)
    text = io.StringIO()
    csv.writer(text, delimiter=random.choice(",,,,;\t|")).writerows(rows)
    return text.getvalue().encode()


def csv_text(content: bytes, random: Random) -> bytes:
    """Do to a table what editors and spreadsheets do to text."""
    lines = content.splitlines(keepends=True)
    return random.choice((
        b"\xef\xbb\xbf" + content, content.replace(b"\n", b"\r"), content.replace(b"\n", b"\r\n"),
        content.decode().encode("utf-16"), content.replace(b"/", b"\\"), b"\n" + content,
        content.replace(b",", b'","', 1), content.replace(b",", b'"', 1), b"".join(lines[1:]),
        lines[0], content + b'"', content.replace(b"0", b"\xe4"), content + b"x" * 200_000,
        content + b"\x00\n", lines[0] * 3 + content, content.upper(), b"".join(reversed(lines)),
    ))  # fmt: skip


JSON: tuple[Mutation, ...] = (as_json,) * 8 + (json_text,)
TOML: tuple[Mutation, ...] = (as_toml, as_toml, toml_text)
CSV: tuple[Mutation, ...] = (as_csv, as_csv, csv_text)
LINES: tuple[Mutation, ...] = (json_lines,)
