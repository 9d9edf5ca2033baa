"""Exported files: written with their labels and preprocessing inside, opened as functions."""

from edgessl.artifact.metadata import Metadata, Precision, Takes
from edgessl.artifact.opened import Artifact, Format, open_artifact, read_metadata

__all__ = ["Artifact", "Format", "Metadata", "Precision", "Takes", "open_artifact", "read_metadata"]
