"""Exported files: written with their labels and preprocessing inside, opened as functions."""

from edgessl.artifact.metadata import Metadata
from edgessl.artifact.opened import Artifact, open_artifact

__all__ = ["Artifact", "Metadata", "open_artifact"]
