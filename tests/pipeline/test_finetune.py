"""``edgessl finetune`` trains as the recipe does, from any file that a run left behind."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from pipeline.stories import Finetuning, run_finetune, run_recipe
from safetensors.torch import save_file
from tiny_run import NETWORK, Listener, request, write_recipe
from torch.nn.functional import interpolate
from typer.testing import CliRunner

from edgessl import checkpoint
from edgessl.backbones import Backbone
from edgessl.cli import app
from edgessl.errors import Interrupted, UserError
from edgessl.pipeline.export import export
from edgessl.pipeline.score.evaluate import evaluate_model
from edgessl.pipeline.verdict import verdict
from edgessl.start.run_files import Start, read_start


@pytest.fixture(scope="module")
def images(tiny: Path) -> Path:
    """Images of two classes; a fifth of them becomes test."""
    return tiny / "images"


@pytest.fixture(scope="module")
def run(copied: Callable[[Path], Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run folder of a short ``edgessl recipe``."""
    return copied(tmp_path_factory.mktemp("runs") / "pretraining")


@pytest.fixture(scope="module")
def tuned(
    tmp_path_factory: pytest.TempPathFactory, run: Path, images: Path
) -> tuple[Path, dict[str, Any]]:
    """What ``wanted`` gives, to read or to copy: its folder and its report."""
    out = tmp_path_factory.mktemp("finetune") / "tuned"
    asked = Finetuning(
        str(run / "pretrained.pt"), str(images), out=out, baselines=("none",), device="cpu"
    )
    return out, run_finetune(asked, Listener())


@pytest.fixture
def wanted(tmp_path: Path, run: Path, images: Path) -> Finetuning:
    """Fine-tune the run's own backbone on the run's own images."""
    return Finetuning(
        str(run / "pretrained.pt"), str(images), out=tmp_path / "tuned", baselines=("none",),
        device="cpu",
    )


def weights(path: Path) -> dict[str, torch.Tensor]:
    return dict(checkpoint.load(path)["weights"])


def same(one: Path, other: Path) -> bool:
    first, second = weights(one), weights(other)
    return first.keys() == second.keys() and all(
        torch.equal(first[key], second[key]) for key in first
    )


def test_it_repeats_the_fine_tuning_of_the_run_bit_for_bit(
    run: Path, tuned: tuple[Path, dict[str, Any]]
) -> None:
    out, report = tuned
    assert same(run / "ckpt.pt", out / "ckpt.pt")
    assert report["scores"].keys() == {"knn_top1", "linear_top1", "finetune_top1"}
    calibration = report["calibration"]
    assert calibration["temperature"] == 1.0
    assert "a fit takes" in calibration["kept"]  # so few images of val
    assert calibration["ece"] == calibration["ece_uncalibrated"]
    assert calibration["ece"]["n"] == report["scores"]["finetune_top1"]["n"]


def test_it_leaves_the_run_folder_of_a_recipe_without_the_views(
    run: Path, tuned: tuple[Path, dict[str, Any]]
) -> None:
    left = {path.name for path in tuned[0].iterdir()}
    assert left == {path.name for path in run.iterdir()} - {"views.npz"}


def test_images_that_pretraining_would_draw_do_not_concern_it(
    images: Path, run: Path, tmp_path: Path
) -> None:
    listener = Listener("warmup", 1)
    wanted = Finetuning(
        str(run / "pretrained.pt"), str(images), out=tmp_path / "tuned", baselines=("none",),
        device="cpu", overrides=("data.max_images=10",),
    )  # fmt: skip
    with pytest.raises(Interrupted):
        run_finetune(wanted, listener)
    assert not any("drawn at random" in sentence for sentence in listener.sentences)


def test_a_safetensors_file_is_the_same_start(run: Path) -> None:
    one, other = read_start(run / "pretrained.pt"), read_start(run / "backbone.safetensors")
    assert one.fingerprint == other.fingerprint
    assert (other.backbone, other.last_stage, other.supervised) == (NETWORK, "remove", False)


def test_of_a_classifier_the_backbone_is_taken_and_the_verdict_says_so(
    run: Path, wanted: Finetuning
) -> None:
    screen = Listener()
    given = replace(
        wanted, start=str(run / "ckpt.pt"), epochs=1, baselines=("random",), label_percent=50.0
    )
    report = run_finetune(given, screen)
    assert "the backbone of the classifier" in screen.sentences[0]
    assert report["start"]["supervised"] is True
    assert "Self-supervision" not in report["verdict"]
    assert report["scores_random"]["finetune_top1"]["n"] == report["scores"]["finetune_top1"]["n"]


def test_an_interrupted_fine_tuning_goes_on_to_the_same_weights(
    run: Path, wanted: Finetuning
) -> None:
    with pytest.raises(Interrupted, match="stopped in finetune at step 3 of"):
        run_finetune(wanted, Listener("finetune", 3))
    screen = Listener()
    run_finetune(wanted, screen)
    assert "Going on with finetune from step 3." in screen.sentences
    assert wanted.out is not None
    assert same(run / "ckpt.pt", wanted.out / "ckpt.pt")


def test_the_command_says_when_it_is_done_and_names_the_next_one(
    wanted: Finetuning, tuned: tuple[Path, dict[str, Any]], monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    shutil.copytree(tuned[0], tmp_path / "tuned")
    monkeypatch.chdir(tmp_path)
    arguments = ["finetune", wanted.start, "--data", wanted.data]
    arguments += ["--out", "tuned", "--baselines", "none", "--device", "cpu"]
    printed = CliRunner().invoke(app, arguments, catch_exceptions=False).stdout
    assert "tuned: this run is done; --fresh starts it over." in printed
    assert "next:   edgessl export tuned/ckpt.pt --onnx" in printed


def test_the_default_folder_names_data_and_run(
    run: Path, wanted: Finetuning, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    run_finetune(replace(wanted, out=None, epochs=1), Listener())
    assert (tmp_path / "runs" / "images-finetune-pretraining" / "report.html").is_file()


def test_eval_splits_the_data_of_a_run_as_the_run_did(wanted: Finetuning) -> None:
    changed = replace(wanted, label_percent=40.0, overrides=("data.val_percent=20",), epochs=1)
    report = run_finetune(changed, Listener())
    assert changed.out is not None
    for protocol in ("knn", "linear"):
        found = evaluate_model(changed.out / "pretrained.pt", changed.data, protocol)
        assert found.evaluation.score.to_dict() == report["scores"][f"{protocol}_top1"]
        assert found.dataset.fingerprint == report["data"]["fingerprint"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"recipe": "mobilenetv2-dyno"}, "no file 'mobilenetv2-dyno' in recipes/"),
        ({"baselines": ("longer",)}, "--baselines: must be of random, none, got 'longer'"),
        ({"overrides": ("finetune.epoch=3",)}, "finetune.epoch: unknown key; did you mean epochs"),
        ({"overrides": ("backbone.name=resnet18",)}, f"must be for {NETWORK}, which .* holds"),
        ({"start": "gone.pt"}, "gone.pt: must be a checkpoint file, found none"),
        ({"start": "gone.safetensors"}, "must be a checkpoint file, found none"),
        ({"start": "."}, "must be a checkpoint file, got a folder; name a file in it"),
    ],
)
def test_what_cannot_be_used_is_refused(
    wanted: Finetuning, changes: dict[str, object], message: str
) -> None:
    with pytest.raises(UserError, match=message):
        run_finetune(replace(wanted, **changes), Listener())  # type: ignore[arg-type]
    assert wanted.out is not None
    assert not wanted.out.exists()


def test_a_checkpoint_outside_a_run_needs_a_recipe(
    run: Path, wanted: Finetuning, tmp_path: Path
) -> None:
    alone = tmp_path / "alone" / "pretrained.pt"
    alone.parent.mkdir()
    alone.write_bytes((run / "pretrained.pt").read_bytes())
    with pytest.raises(UserError, match="name one with --recipe"):
        run_finetune(replace(wanted, start=str(alone)), Listener())
    given = replace(wanted, start=str(alone), recipe=str(run / "recipe.toml"))
    run_finetune(given, Listener())
    assert wanted.out is not None
    assert same(run / "ckpt.pt", wanted.out / "ckpt.pt")


def test_images_without_labels_are_refused(
    wanted: Finetuning, images: Path, tmp_path: Path
) -> None:
    flat = tmp_path / "flat"
    flat.mkdir()
    for index, file in enumerate(sorted(images.rglob("*.png"))):
        (flat / f"{index}.png").write_bytes(file.read_bytes())
    with pytest.raises(UserError, match="must have labels to fine-tune on, found none"):
        run_finetune(replace(wanted, data=str(flat)), Listener())


def test_other_weights_in_the_same_folder_are_refused_by_name(
    run: Path, wanted: Finetuning, tuned: tuple[Path, dict[str, Any]]
) -> None:
    assert wanted.out is not None
    shutil.copytree(tuned[0], wanted.out)
    with pytest.raises(UserError, match=r"differs in .*start \(.* before, .* now\)"):
        run_finetune(replace(wanted, start=str(run / "ckpt.pt")), Listener())


def test_safetensors_of_something_else_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    save_file({"weight": torch.zeros(2)}, path)
    with pytest.raises(UserError, match="must say which backbone it holds"):
        read_start(path)
    path.write_text("no tensors at all")
    with pytest.raises(UserError, match="must be a safetensors file"):
        read_start(path)


@pytest.mark.parametrize("image_px", [32, None])  # None: as a safetensors file, which has no size
@torch.no_grad()
def test_position_embeddings_of_another_size_are_resampled_as_in_every_pass(
    image_px: int | None,
) -> None:
    small = Backbone("vit-ti16", image_px=32).eval()
    start = Start(
        Path("vit.pt"), "vit-ti16", "keep", image_px, False, dict(small.net.state_dict())
    )
    large = start.build(64).eval()
    assert large.net.pos_embed.shape == (1, 1 + 4 * 4, 192)  # type: ignore[union-attr]
    images = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(large(images), small(images))
    grid = small.net.pos_embed[:, 1:].view(1, 2, 2, 192).permute(0, 3, 1, 2)  # type: ignore[index]
    bicubic = interpolate(grid, (4, 4), mode="bicubic", antialias=True).flatten(2).transpose(1, 2)
    torch.testing.assert_close(large.net.pos_embed[:, 1:], bicubic)  # type: ignore[index]


def test_position_embeddings_that_cannot_be_resampled_are_refused_with_the_way_out() -> None:
    name = "timm:convit_tiny"
    weights = dict(Backbone(name, image_px=32).net.state_dict())
    start = Start(Path("convit.pt"), name, "keep", 32, False, weights)
    with pytest.raises(UserError, match=r"pass --set image\.crop_px=32"):
        start.build(64)
    unsized = replace(start, image_px=None)
    with pytest.raises(UserError, match="must hold every tensor of timm:convit_tiny at 64 px"):
        unsized.build(64)


def test_a_transformer_is_fine_tuned_and_exported_at_another_size(
    tmp_path: Path, images: Path
) -> None:
    transformer = (
        "backbone.name=timm:test_vit", "backbone.last_stage=keep", "pretrain.epochs=1",
        "finetune.epochs=1",
    )  # fmt: skip
    recipe = write_recipe(tmp_path)
    run_recipe(request(recipe, images, tmp_path / "small", *transformer), Listener())
    larger = ("image={resize_px = 52, crop_px = 48}", "finetune.view.size_px=48")
    screen = Listener()
    run_finetune(
        Finetuning(str(tmp_path / "small" / "pretrained.pt"), str(images), out=tmp_path / "large",
                baselines=("none",), device="cpu", overrides=larger),
        screen,
    )  # fmt: skip
    assert "position embeddings are resampled from 32 to 48 px" in screen.sentences[0]
    assert checkpoint.load(tmp_path / "large" / "ckpt.pt")["image_px"] == 48
    for file in export(tmp_path / "large" / "ckpt.pt", opset=17).files:
        assert file.passed, file.gates
        assert file.metadata.input_px == 48


def test_labels_without_test_images_are_not_called_missing_labels() -> None:
    assert "without test images" in verdict({"data": {"classes": ["blue", "red"]}})
    assert "without labels" in verdict({"data": {"classes": []}})
