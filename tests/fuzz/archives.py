"""What can happen inside the files of torch, numpy and safetensors, with sound checksums around."""

from __future__ import annotations

import io
import json
import os
import pickle
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import torch
from documents import JSON, VALUES, mutate_values
from mutations import BYTES, Mutation

BAIT = "code-has-run"
"""A folder of this name in the working folder proves that a pickle was obeyed."""


class _Bait:
    """A pickle that makes a folder where it is read."""

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return os.makedirs, (str(Path.cwd() / BAIT), 0o777, True)


def baits() -> tuple[bytes, ...]:
    """Return pickles that run code, of several protocols, plain and in files of torch."""
    whole = io.BytesIO()
    torch.save({"format": "edgessl.checkpoint", "version": 1, "weights": _Bait()}, whole)
    return (*(pickle.dumps(_Bait(), protocol) for protocol in (0, 2, 4)), whole.getvalue())


def zip_members(content: bytes, random: Random) -> bytes:
    """Change what is in a member of an archive, or swap two, with the checksums that fit."""
    members = _members(content)
    place = random.randrange(len(members))
    name, inside = members[place]
    new = (_mutated_member(name, inside, random) if random.random() < 0.75
           else random.choice(members)[1])  # fmt: skip
    members[place] = (name, new)
    return _zipped(members)


def zip_table(content: bytes, random: Random) -> bytes:
    """Lose, double, rename or compress members of an archive, or make one a pickle of code."""
    members = _members(content)
    place = random.randrange(len(members))
    name, inside = members[place]
    root = name.partition("/")[0]
    action = random.randrange(6)
    if action == 0:
        del members[place]
    elif action == 1:
        members.append((name, random.choice(members)[1]))
    elif action == 2:
        others = ("../x", "/x", f"{root}/../../x", "", "x", f"{root}/extra/edgessl", name.upper(),
                  f"{root}/data.pkl", f"{root}/constants.pkl")  # fmt: skip
        members[place] = (random.choice(others), inside)
    elif action == 3:
        return _zipped(members, zipfile.ZIP_DEFLATED)
    else:
        likely = [i for i, (other, _) in enumerate(members) if other.endswith((".pkl", ".pt"))]
        place = random.choice(likely or [place])
        members[place] = (members[place][0], random.choice(baits()))
    return _zipped(members)


def _members(content: bytes) -> list[tuple[str, bytes]]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return [(info.filename, archive.read(info)) for info in archive.infolist()]


def _mutated_member(name: str, inside: bytes, random: Random) -> bytes:
    kinds = JSON if name.endswith((".json", "edgessl")) else BYTES
    try:
        return random.choice(kinds)(inside, random)
    except ValueError:
        return random.choice(BYTES)(inside, random)


def _zipped(members: list[tuple[str, bytes]], compression: int = zipfile.ZIP_STORED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, inside in members:
            info = zipfile.ZipInfo(name or "/")
            info.compress_type = compression
            archive.NameToInfo.pop(info.filename, None)  # the same name twice is what is wanted
            archive.writestr(info, inside)
    return buffer.getvalue()


def _tensors() -> tuple[Any, ...]:
    """Return values that a table of weights should not have."""
    return (
        torch.zeros(0), torch.zeros(()), torch.ones(3, dtype=torch.complex64), torch.zeros(1, 1),
        torch.full((2, 2), float("nan")), torch.eye(3).to_sparse(),
        torch.zeros(9, dtype=torch.bool), torch.zeros(2, dtype=torch.float64), torch.zeros(2**20),
        torch.zeros(1).expand(10**6), torch.ones(4, dtype=torch.bfloat16), torch.zeros((3,) * 8),
        torch.zeros(3, dtype=torch.int8),
        torch.tensor(float("inf")), {1: 2}, (1, 2), {1, 2}, 3 + 4j, b"bytes", torch.float16,
        torch.zeros(3, requires_grad=True), torch.Size([2]),
    )  # fmt: skip


def torch_payload(content: bytes, random: Random) -> bytes:
    """Change values and tensors of a checkpoint, and save it as torch does."""
    payload = torch.load(io.BytesIO(content), weights_only=True)
    if random.random() < 0.02:
        payload = random.choice((*VALUES, *_tensors()))
    elif random.random() < 0.5:
        _change_tensor(payload, random)
    else:
        keys = [key for key in payload if random.random() < 0.8]
        few = {key: payload[key] for key in keys if not isinstance(payload[key], torch.Tensor)}
        changed = _mutate_shallow(few, random)
        payload = {**payload, **changed} if isinstance(changed, dict) else changed
        if random.random() < 0.3:
            payload.pop(random.choice([*payload]), None) if isinstance(payload, dict) else None
    buffer = io.BytesIO()
    torch.save(payload, buffer)
    return buffer.getvalue()


def _mutate_shallow(values: dict[str, Any], random: Random) -> Any:
    """Change the plain part of a payload; tables of tensors are replaced whole or not at all."""
    plain = {key: value for key, value in values.items() if _is_plain(value)}
    if not plain or random.random() < 0.15:
        key = random.choice([*values] or ["weights"])
        return {**values, key: random.choice((*VALUES, *_tensors()))}
    return {**values, **plain} if (new := mutate_values(plain, random)) is plain else new


def _is_plain(value: Any) -> bool:
    try:
        json.dumps(value)
    except (TypeError, ValueError):
        return False
    return True


def _change_tensor(payload: Any, random: Random) -> None:
    """Change one entry of one table that has tensors, however deep it lies."""
    tables, todo = [], [payload]
    while todo:
        table = todo.pop()
        todo += [inner for inner in table.values() if isinstance(inner, dict)]
        if any(isinstance(value, torch.Tensor) for value in table.values()):
            tables.append(table)
    if not tables:
        return
    table = random.choice(tables)
    key = random.choice([*table])
    action = random.randrange(6)
    old = table[key]
    if action == 0:
        del table[key]
    elif action == 1:
        table[random.choice(("x", 3, "", key + "x" if isinstance(key, str) else key))] = old
    elif action == 2 and isinstance(old, torch.Tensor) and old.numel() and old.is_floating_point():
        spoilt = old.clone()
        spoilt.view(-1)[random.randrange(old.numel())] = random.choice(
            (float("nan"), float("inf"), 1e38, -float("inf"))
        )
        table[key] = spoilt
    elif action == 3 and isinstance(old, torch.Tensor):
        table[key] = random.choice((old.flatten(), old[None], old.double(), old.half(), old.int()))
    else:
        table[key] = random.choice((*VALUES, *_tensors()))


def safetensors_header(content: bytes, random: Random) -> bytes:
    """Change the table of a safetensors file, and its length with it."""
    end = 8 + struct.unpack("<Q", content[:8])[0]
    header = random.choice(JSON)(content[8:end], random)
    return struct.pack("<Q", len(header)) + header + content[end:]


def npz_arrays(content: bytes, random: Random) -> bytes:
    """Change arrays, and the JSON texts among them."""
    with np.load(io.BytesIO(content)) as file:
        arrays = dict(file)
    name = random.choice([*arrays])
    old = arrays[name]
    action = random.randrange(4)
    if action == 0:
        del arrays[name]
    elif action == 1:
        arrays[random.choice(("x", "about", "image_0", "pixels", "originals"))] = old
    elif old.dtype.kind == "U" and old.ndim == 0:
        text = random.choice(JSON)(str(old).encode(), random)
        arrays[name] = np.array(text.decode("utf-8", "ignore"))
    else:
        arrays[name] = random.choice(_arrays(old))
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    return buffer.getvalue()


def _arrays(old: Any) -> tuple[Any, ...]:
    return (
        old[..., :1] if old.ndim else old, old[None], old.astype(object), old.ravel(), old[:0]
        if old.ndim else old, np.zeros(0), np.full((2, 3), np.nan), np.array("x"), np.zeros((0, 3)),
        old.astype("S") if old.dtype.kind in "uf" else old, np.full((1, 3, 2, 2), 10**9),
        np.zeros((5, 1, 3, 1, 1), np.uint8), old.astype(complex) if old.dtype.kind in "uf" else old,
    )  # fmt: skip


CHECKPOINT: tuple[Mutation, ...] = (
    *(torch_payload,) * 12, *(zip_members,) * 4, *(zip_table,) * 4, *BYTES,
)  # fmt: skip
ARCHIVE: tuple[Mutation, ...] = (*(zip_members,) * 8, *(zip_table,) * 8, *BYTES)
PROGRAM: tuple[Mutation, ...] = (*(zip_table,) * 12, *BYTES)
"""Of a program that its user trusts: with other code or weights inside it may do anything."""
SAFETENSORS: tuple[Mutation, ...] = (*(safetensors_header,) * 10, *BYTES)
NPZ: tuple[Mutation, ...] = (*(npz_arrays,) * 14, zip_members, zip_table, *BYTES)
