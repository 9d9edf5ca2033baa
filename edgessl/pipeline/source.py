"""What ``--init`` names: read before any work, and not asked for any more once it was used."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edgessl.errors import EdgesslError, UserError
from edgessl.recipe import Recipe
from edgessl.runs.folder import RunFolder
from edgessl.runs.stages import is_pretraining
from edgessl.start.brought import brought_to
from edgessl.start.source import is_named

KEY = "init_sha256"
"""Of the file, in run.json."""
CHANGES = "init_changes"
"""What the weights change in the recipe, in run.json."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where the first weights come from, as found before any work.

    Attributes:
        init: What ``--init`` says.
        sha256: Of the file, in hexadecimal; None where it is no file, or none that can be read.
        refusal: Why it cannot be started from; None where it can.
        changes: What the weights change in the recipe, as ``KEY=VALUE``.
        sentences: What the user is told of them.
        provenance: What every checkpoint says of them, as plain values.
    """

    init: str
    sha256: str | None = None
    refusal: EdgesslError | None = None
    changes: tuple[str, ...] = ()
    sentences: tuple[str, ...] = ()
    provenance: Mapping[str, Any] = field(default_factory=dict)

    @property
    def facts(self) -> dict[str, Any]:
        """What run.json says of it."""
        known = {KEY: self.sha256} if self.sha256 else {}
        return {**known, CHANGES: [*self.changes]} if self.changes else known


def look_at(init: str, recipe: Recipe, folders: Iterable[Path]) -> Source:
    """Read the weights that ``--init`` names, so that a mistake is told before any work.

    Args:
        init: ``none``, ``imagenet``, ``timm:NAME``, or a file.
        recipe: As far as it is known without the weights.
        folders: Where the run may be that is gone on with.

    Raises:
        UserError: It holds no weights of this network, and no run that lies there has used them.
        EdgesslError: They cannot be downloaded, and no run that lies there has used them.
    """
    try:
        brought = brought_to(init, recipe.backbone.name, recipe.image.crop_px)
    except EdgesslError as refusal:
        runs = (RunFolder.unmade(path) for path in folders if (path / "run.json").is_file())
        used = next((run for run in runs if has_used(run, init)), None)
        if used is None:
            raise
        changes = tuple(map(str, used.read().get(CHANGES, ())))
        return Source(init, refusal=refusal, changes=changes)
    if brought is None:
        return Source(init)
    # The same weights may lie in another file on the next machine, if a name stands for them.
    is_file = brought.origin is not None and not is_named(init)
    sha256 = brought.origin.sha256 if brought.origin is not None and is_file else None
    return Source(
        init, sha256, None, brought.changes, brought.sentences, brought.provenance
    )


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
        UserError: The file is another one now.
        EdgesslError: It cannot be read and was not used yet.
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
