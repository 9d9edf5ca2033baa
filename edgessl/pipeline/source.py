"""What ``--init`` names: read before any work, and not asked for any more once it was used."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgessl.errors import UserError
from edgessl.recipe.backbones import TIMM
from edgessl.runs.folder import RunFolder
from edgessl.runs.stages import is_pretraining
from edgessl.start.weights import refuse_source

KEY = "init_sha256"
"""Of the file, in run.json."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where the first weights come from, as found before any work.

    Attributes:
        init: What ``--init`` says.
        sha256: Of the file, in hexadecimal; None where it is no file, or none that can be read.
        refusal: Why it cannot be started from; None where it can.
    """

    init: str
    sha256: str | None = None
    refusal: UserError | None = None


def look_at(init: str, folders: Iterable[Path]) -> Source:
    """Read the weights that ``--init`` names, so that a mistake is told before any work.

    Args:
        init: ``none``, ``timm:NAME``, or a file.
        folders: Where the run may be that is gone on with.

    Raises:
        UserError: It holds no weights, and no run that lies there has used them.
    """
    if init == "none" or init.startswith(TIMM):
        return Source(init)
    try:
        refuse_source(init)
    except UserError as refusal:
        runs = (RunFolder.unmade(path) for path in folders if (path / "run.json").is_file())
        if not any(has_used(run, init) for run in runs):
            raise
        return Source(init, refusal=refusal)
    return Source(init, hashlib.sha256(Path(init).read_bytes()).hexdigest())


def has_used(run: RunFolder, init: str) -> bool:
    """Say whether a run has taken over the weights that it started from.

    Args:
        run: Its folder.
        init: What ``--init`` says.
    """
    document = run.read()
    identity = document.get("identity")
    if not isinstance(identity, dict) or identity.get("init") != init:
        return False
    # A state is saved as soon as the weights are loaded, before the first step.
    return any(map(is_pretraining, document["finished"])) or run.has_states()


def refuse_changed(run: RunFolder, source: Source) -> None:
    """Refuse weights that are not those a run started from, or that it still needs; write nothing.

    Args:
        run: Its folder.
        source: What was found.

    Raises:
        UserError: The file is another one now, or cannot be read and was not used yet.
    """
    document: dict[str, Any] = run.read()
    before = document.get(KEY)
    if source.sha256 and before and before != source.sha256:
        raise UserError(
            f"--init {source.init}: must be the file that this run started from, got another one "
            f"(sha256 {str(before)[:12]}… before, {source.sha256[:12]}… now); choose another "
            "folder with --out, or start over with --fresh"
        )
    if source.refusal is not None and not has_used(run, source.init):
        raise source.refusal
