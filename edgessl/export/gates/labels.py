"""The file carries the checkpoint's labels and preprocessing, in the order of its outputs."""

from __future__ import annotations

from edgessl.artifact import Artifact, Metadata
from edgessl.export.gates.gate import Gate


def check_labels(artifact: Artifact, written: Metadata, outputs: int | None) -> Gate:
    """Compare what the file says with what was to be written.

    Args:
        artifact: The file, opened again.
        written: The metadata it must carry.
        outputs: Width ``K`` of the file's output; None where it does not run.
    """
    found = artifact.metadata
    if found is None:
        return Gate("labels", "fail", "the file carries neither labels nor preprocessing")
    wrong = [
        name
        for name in ("head", "classes", "preprocess", "input_px", "precision", "takes")
        if getattr(found, name) != getattr(written, name)
    ]
    if wrong:
        return Gate("labels", "fail", f"{', '.join(wrong)} changed on the way into the file")
    if written.head != "features" and outputs is not None and outputs != len(written.classes):
        return Gate("labels", "fail", f"{outputs} outputs for {len(written.classes)} classes")
    counted = f"{len(found.classes)} classes" if found.classes else "no classes (features)"
    return Gate("labels", "pass", f"{counted} and preprocessing read back as written")
