"""Environments of Python for what clashes with torch, or what the user has not installed."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

from filelock import FileLock
from packaging.specifiers import SpecifierSet
from pydantic import Field

from edgessl import catalog
from edgessl.cache_folder import cache_root
from edgessl.errors import EdgesslError, UserError
from edgessl.schema import Table, read_toml, validate

FOLDER = "environments"
OFFLINE = "EDGESSL_OFFLINE"
"""Variable that keeps edgessl from making environments, as ``--offline`` does."""
_READY = "ready.json"
_TIMEOUT_S = 3600.0

_CHECK = """
import importlib.util, sys
sys.exit(None if importlib.util.find_spec(sys.argv[1]) else f"it has no module {sys.argv[1]}")
"""
"""Looks for a module without importing it: pnnx imports torch, which its program does not need."""

Say = Callable[[str], None]


class Environment(Table):
    """One file of ``export/environments/``.

    Attributes:
        about: What it is for, in a few words.
        module: What must be importable there.
        package: The package that has it, as PyPI calls it.
        requirements: What is installed, pinned, with its dependencies.
        alone: The same without dependencies, where those name more than is needed.
        borrows: Packages with their versions, such as ``torch >=2.4``, that it takes from the
            Python that runs edgessl; none for an environment that knows nothing of that one.
        python: Versions of Python that the packages are made for.
        size_mb: What it takes on the disk.
        minutes: What making it takes on two cores and a fast network.
    """

    about: str
    module: str
    package: str
    requirements: tuple[str, ...] = ()
    alone: tuple[str, ...] = ()
    borrows: dict[str, str] = Field(default_factory=dict)
    python: str
    size_mb: int = Field(gt=0)
    minutes: float = Field(gt=0)


def read_environment(name: str) -> Environment:
    """Read the declaration of an environment.

    Args:
        name: A name in ``export/environments/``.

    Raises:
        UserError: It is unknown or wrong.
    """
    path = catalog.find("environments", name)
    return validate(Environment, read_toml(path), str(path))


def place_of(name: str, environment: Environment) -> Path:
    """Return where an environment lies once it is made; another content lies elsewhere.

    Args:
        name: Its name.
        environment: Its declaration.
    """
    borrowed = {package: _version(package) for package in environment.borrows}
    facts = [
        environment.requirements, environment.alone, borrowed, sys.version_info[:2],
        sysconfig.get_paths()["purelib"] if borrowed else "",
    ]  # fmt: skip
    digest = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
    return cache_root() / FOLDER / f"{name}-{digest[:12]}"


def is_installed(environment: Environment) -> bool:
    """Say whether the Python that runs edgessl has what an environment is made for.

    Args:
        environment: Its declaration.
    """
    return _version(environment.package) is not None and _found(environment.module)


def _found(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ImportError:  # a parent of it is broken
        return False


def is_made(name: str, environment: Environment) -> bool:
    """Say whether an environment is in the cache.

    Args:
        name: Its name.
        environment: Its declaration.
    """
    return (place_of(name, environment) / _READY).is_file()


def offline() -> bool:
    """Say whether the user forbids the network."""
    return os.environ.get(OFFLINE, "") not in ("", "0")


def cannot_make(name: str, environment: Environment) -> str:
    """Say why an environment cannot be made here; empty where it can.

    Args:
        name: Its name.
        environment: Its declaration.
    """
    here = ".".join(map(str, sys.version_info[:3]))
    if not SpecifierSet(environment.python).contains(here):
        return f"its packages are made for Python {environment.python}, this is {here}"
    for package, wanted in environment.borrows.items():
        found = _version(package)
        if found is None or not SpecifierSet(wanted).contains(found.split("+")[0]):
            return f"{environment.package} works with {package} {wanted}, here is {found}"
    return ""


def python_for(name: str, say: Say) -> Path:
    """Return a Python that has a runtime or a converter; make its environment if need be.

    Where the Python that runs edgessl has the package, that one is taken. Nothing is ever
    installed into it.

    Args:
        name: A name in ``export/environments/``.
        say: Called with a sentence before something long begins.

    Raises:
        UserError: It cannot be made on this machine, or the network is forbidden.
        EdgesslError: Making it failed.
    """
    environment = read_environment(name)
    if is_installed(environment):
        return Path(sys.executable)
    place = place_of(name, environment)
    python = place / "bin" / "python"
    if is_made(name, environment):
        return python
    if reason := cannot_make(name, environment):
        raise UserError(f"{name}: must have {environment.package}, which cannot be had: {reason}")
    if offline():
        raise UserError(
            f"{name}: must have {environment.package}, which is not installed, and its environment "
            f"is not made yet; leave --offline and {OFFLINE} out once, with a network, or run: "
            f"python -m pip install {environment.package}"
        )
    say(
        f"making an environment for {environment.about}: about {environment.size_mb} MB, "
        f"{environment.minutes:g} min, once, in {place}"
    )
    place.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(place.with_suffix(".lock")):
        if not is_made(name, environment):
            _make(name, environment, place)
    return python


def _make(name: str, environment: Environment, place: Path) -> None:
    shutil.rmtree(place, ignore_errors=True)
    python = place / "bin" / "python"
    # uv would not see what is borrowed, and install another torch.
    uv = None if environment.borrows else shutil.which("uv")
    try:
        if uv:
            _run(name, [uv, "venv", "--quiet", "--python", sys.executable, str(place)])
        else:
            _run(name, [sys.executable, "-m", "venv", str(place)])
        if environment.borrows:  # behind the environment's own packages
            _borrow(place)
        install = [uv, "pip", "install", "--quiet", "--python", str(python)] if uv else (
            [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        )
        if environment.requirements:
            _run(name, [*install, *environment.requirements])
        if environment.alone:
            _run(name, [*install, "--no-deps", *environment.alone])
        _run(name, [str(python), "-c", _CHECK, environment.module.partition(".")[0]])
    except BaseException:
        shutil.rmtree(place, ignore_errors=True)
        raise
    (place / _READY).write_text(environment.model_dump_json() + "\n", encoding="utf-8")


def _borrow(place: Path) -> None:
    """Let an environment see the packages of the Python that runs edgessl."""
    own = next((place / "lib").glob("python*/site-packages"))
    paths = dict.fromkeys(sysconfig.get_paths()[kind] for kind in ("purelib", "platlib"))
    (own / "zz_borrowed.pth").write_text("".join(f"{path}\n" for path in paths), encoding="utf-8")


def _run(name: str, command: list[str]) -> None:
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False,
            env=environment,
        )  # fmt: skip
        said = (done.stderr or done.stdout).strip().splitlines()
        reason = "" if done.returncode == 0 else (said or ["it said nothing"])[-1]
    except (OSError, subprocess.TimeoutExpired) as error:
        reason = " ".join(str(error).split())
    if reason:
        raise EdgesslError(
            f"{name}: its environment could not be made ({reason[:300]}); check the network and "
            "the space on the disk, and give the command again"
        )


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
