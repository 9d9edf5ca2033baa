"""Files for the runtimes of devices: what they say about themselves, and opened as a function."""

from __future__ import annotations

import io
import json
import xml.etree.ElementTree as xml
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgessl.artifact.metadata import KEY
from edgessl.errors import UserError
from edgessl.runtimes.formats import companions_of
from edgessl.runtimes.process import RuntimeProcess

Run = Callable[[NDArray[Any]], NDArray[np.float32]]


def save(path: Path, contents: Mapping[str, bytes], text: str) -> None:
    """Write a model with what it says about itself, inside where the format has room for it.

    Args:
        path: The model; the files that belong to it get its name.
        contents: What the converter made, by suffix, the model's own included.
        text: The metadata as JSON.
    """
    suffix = path.suffix
    for old in (path, *companions_of(path)):  # a runtime may have mapped it into its memory
        old.unlink(missing_ok=True)
    for other in contents.keys() - {suffix}:
        path.with_suffix(other).write_bytes(contents[other])
    if suffix == ".param":  # a format without room for it
        path.with_suffix(".json").write_text(text, encoding="utf-8")
        path.write_bytes(contents[suffix])
    elif suffix == ".xml":
        path.write_bytes(_with_rt_info(contents[suffix], text))
    else:
        path.write_bytes(_with_archive(contents[suffix], text))


def _with_rt_info(content: bytes, text: str) -> bytes:
    root = xml.fromstring(content)
    info = root.find("rt_info")
    info = xml.SubElement(root, "rt_info") if info is None else info
    for old in info.findall(KEY):
        info.remove(old)
    xml.SubElement(info, KEY, {"value": text})
    written: bytes = xml.tostring(root, encoding="utf-8", xml_declaration=True)
    return written


def _with_archive(content: bytes, text: str) -> bytes:
    """Put a zip archive behind a model, where LiteRT's metadata have their files as well.

    The runtimes do not look there; any zip program lists it.
    """
    archive = io.BytesIO()
    archive.write(content)
    classes = json.loads(text).get("classes", ())
    with zipfile.ZipFile(archive, "a") as zipped:
        for name, inside in ((f"{KEY}.json", text), ("labels.txt", "\n".join((*classes, "")))):
            zipped.writestr(zipfile.ZipInfo(name), inside)  # its date is 1980: the same again
    return archive.getvalue()


def read_text(path: Path) -> str:
    """Return the metadata of a model as JSON text, without running anything of it.

    Args:
        path: The model.

    Returns:
        An empty text where edgessl did not write it.

    Raises:
        UserError: The model, or a file that belongs to it, is missing or damaged.
    """
    if not path.is_file():
        raise UserError(f"{path}: must be a {path.suffix} file, found none; check the path")
    missing = [part.name for part in companions_of(path) if not part.is_file()]
    if missing == [path.with_suffix(".json").name]:
        return ""
    if missing:
        raise UserError(
            f"{path}: must have {' and '.join(missing)} beside it, found none; copy all files of "
            "that name"
        )
    try:
        return _text_of(path)
    except (xml.ParseError, zipfile.BadZipFile, KeyError, ValueError, OSError) as error:
        raise UserError(
            f"{path}: must be a {path.suffix} model, got a damaged one "
            f"({' '.join(str(error).split())[:100]}); export it again"
        ) from error


def _text_of(path: Path) -> str:
    if path.suffix.lower() == ".param":
        return path.with_suffix(".json").read_text(encoding="utf-8")
    if path.suffix.lower() == ".xml":
        return _text_of_xml(path)
    if not zipfile.is_zipfile(path):
        return ""
    with zipfile.ZipFile(path) as archive:
        return archive.read(f"{KEY}.json").decode("utf-8")


def _text_of_xml(path: Path) -> str:
    found = xml.parse(path).getroot().find(f"rt_info/{KEY}")
    return "" if found is None else found.get("value", "")


def load(path: Path, threads: int | None) -> tuple[Run, str, RuntimeProcess]:
    """Open a model as a function of arrays, in a process of its own.

    Args:
        path: The model.
        threads: Threads of the runtime; None for every core this process may use.

    Returns:
        The function, the metadata, and the process.

    Raises:
        UserError: It is damaged, or its runtime cannot be had.
        EdgesslError: Making the runtime's environment failed, or its process died.
    """
    text = read_text(path)
    if not text:
        raise UserError(
            f"{path}: must carry edgessl's metadata (classes, preprocessing), got none; "
            "pass a file that `edgessl export` wrote"
        )
    process = RuntimeProcess(path, threads)
    return process.run, text, process
