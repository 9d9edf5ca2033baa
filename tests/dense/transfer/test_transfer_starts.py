"""A transfer starts from any file or weights: a run's, a rescaled one (AIRL, Table 4), others'."""

from __future__ import annotations

from pathlib import Path

import pytest
import timm
import torch
from dense.transfer.tiny_transfer import write_weights
from torch import Tensor
from typer.testing import CliRunner

from edgessl import checkpoint
from edgessl.backbones import Backbone, deployable_payload
from edgessl.cli import app
from edgessl.dense.transfer.train import started_backbone
from edgessl.recipe.tables import BackboneTable
from edgessl.reporter import Silent
from edgessl.runs.folder import RunFolder
from edgessl.runs.stages import DETECT
from edgessl.start.general import open_start
from edgessl.train import Engine
from edgessl.train.place.context import Workplace

PREPROCESS = {"mean": [0.5] * 3, "std": [0.2] * 3, "resize_px": 36, "crop_px": 32,
              "interpolation": "bicubic"}  # fmt: skip


@pytest.fixture
def pretrained(tmp_path: Path) -> Path:
    """What a run of pretraining leaves."""
    torch.manual_seed(0)
    path = tmp_path / "pretrained.pt"
    checkpoint.save(path, deployable_payload(
        Backbone("resnet18"), classes=(), preprocess=PREPROCESS, provenance={"recipe": "r"}
    ))  # fmt: skip
    return path


def _started(start: Path, tmp_path: Path) -> dict[str, Tensor]:
    place = Workplace(
        run=RunFolder(tmp_path / "run"), engine=Engine(torch.device("cpu")), seed=0,
        reporter=Silent(),
    )  # fmt: skip
    backbone = started_backbone(place, BackboneTable(name="resnet18"), str(start), DETECT)
    return backbone.net.state_dict()


def test_a_rescaled_start_has_the_norms_that_rescale_gave_it(
    pretrained: Path, tmp_path: Path
) -> None:
    before = _started(pretrained, tmp_path)
    done = CliRunner().invoke(app, ["rescale", str(pretrained), "--constant", "0.1"])
    assert done.exit_code == 0
    rescaled = tmp_path / "pretrained-rescaled.pt"
    assert open_start(str(rescaled)).backbone == "resnet18"
    after = _started(rescaled, tmp_path)
    torch.testing.assert_close(after["layer4.0.conv1.weight"],
                               0.1 * before["layer4.0.conv1.weight"])  # fmt: skip
    assert torch.equal(after["bn1.running_var"], before["bn1.running_var"])


def test_weights_of_others_are_found_by_their_names(tmp_path: Path) -> None:
    path = write_weights(tmp_path / "resnet18.pth")
    torch.manual_seed(3)
    wanted = timm.create_model("resnet18", num_classes=0).state_dict()
    found = _started(path, tmp_path)
    assert all(torch.equal(found[key], wanted[key]) for key in wanted)


def test_a_stage_draws_what_it_is_not_given_from_its_own_seed(tmp_path: Path) -> None:
    one, other = (_started(Path("none"), tmp_path) for _ in range(2))
    assert torch.equal(one["conv1.weight"], other["conv1.weight"])
