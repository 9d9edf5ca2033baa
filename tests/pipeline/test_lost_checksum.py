"""A safetensors file of ours whose checksum lost its name is damaged, not another's."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from edgessl.start import safetensors_file

WEIGHTS = {"fc.weight": torch.arange(6.0)}


@pytest.mark.parametrize("key", [b"edgessl_sha25v", b"edgersl_sha256", b"Edgessl_sha256"])
def test_it_is_refused(tmp_path: Path, key: bytes) -> None:
    path = tmp_path / "backbone.safetensors"
    safetensors_file.save(path, WEIGHTS, {"backbone": "resnet18"})
    path.write_bytes(path.read_bytes().replace(b"edgessl_sha256", key))
    with pytest.raises(ValueError, match="does not match its checksum"):
        safetensors_file.read(path)


def test_files_of_others_need_none(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    path = tmp_path / "model.safetensors"
    save_file(WEIGHTS, path, {"format": "pt", "sha256": "0" * 64})
    weights, about = safetensors_file.read(path)
    assert torch.equal(weights["fc.weight"], WEIGHTS["fc.weight"])
    assert about["sha256"] == "0" * 64
