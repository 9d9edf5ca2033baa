"""The user's mistake ends with exit code 2 and one message that names the way out."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image

from edgessl.cli import main

RECIPE = "mobilenetv2-dino"
Refused = Callable[..., str]


@pytest.fixture
def refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Refused]:
    """Runs a command in an empty folder; returns its message if it was refused as it should be."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EDGESSL_CACHE", str(tmp_path / "cache"))
    handler = signal.getsignal(signal.SIGTERM)  # which main() replaces

    def run(*arguments: str) -> str:
        monkeypatch.setattr(sys, "argv", ["edgessl", *arguments])
        with pytest.raises(SystemExit) as ending:  # any other exception is a traceback
            main()
        assert ending.value.code == 2
        shown = capsys.readouterr()
        assert shown.err.startswith("error: ")
        return shown.err.removeprefix("error: ")

    yield run
    signal.signal(signal.SIGTERM, handler)


def _images(folder: Path, names: list[str]) -> Path:
    for number, name in enumerate(names):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (40, 40), (5 * number, 90, 200 - 5 * number)).save(path)
    return folder


@pytest.fixture
def pets(tmp_path: Path) -> Path:
    """Two classes of twelve images."""
    return _images(tmp_path / "pets", [f"{c}/{i}.png" for c in ("cat", "dog") for i in range(12)])


def test_an_unknown_recipe(refused: Refused) -> None:
    message = refused("recipe", "mobilnetv2-dino", "--data", "demo")
    start = "no file 'mobilnetv2-dino' in recipes/. Did you mean: mobilenetv2-dino"
    assert message.startswith(start)


def test_unknown_keys_and_wrong_values_all_at_once(refused: Refused) -> None:
    settings = ("pretrain.epoch=3", "pretrain.batch_size=many", "views.0.scale=[0.9, 0.1]")
    options = [part for setting in settings for part in ("--set", setting)]
    first, *lines = refused("recipe", RECIPE, "--data", "demo", *options).splitlines()
    assert first == "mobilenetv2-dino.toml: 3 mistake(s)"
    assert sorted(lines) == [
        "  pretrain.batch_size: Input should be a valid integer, got 'many'",
        "  pretrain.epoch: unknown key; did you mean epochs?",
        "  views.0: scale must be two shares, 0 < low <= high <= 1, got (0.9, 0.1)",
    ]


def test_an_unknown_set(refused: Refused) -> None:
    message = refused("recipe", RECIPE, "--data", "demos")
    start = "--data: must be a folder, a CSV manifest or a named set, got 'demos'"
    assert message.startswith(start)
    assert "did you mean demo" in message


@pytest.mark.parametrize("words", [
    ("recipe", RECIPE, "--data", ""),
    ("eval", "imagenet:efficientnet-lite0", "--data", " "),
    ("pick", "imagenet:efficientnet-lite0", "--data", ""),
])  # fmt: skip
def test_nothing_for_a_set_is_not_the_current_folder(
    words: tuple[str, ...], refused: Refused
) -> None:
    """A variable of the shell that is not set becomes nothing."""
    assert refused(*words) == (
        "--data: must be a folder, a CSV manifest or a named set, got nothing; pass . for the "
        "current folder\n"
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--device", "cpus"],
         "--device: must be one of auto, cpu, cuda, mps, got 'cpus'; did you mean cpu?\n"),
        (["--baselines", "longest"],
         "--baselines: must be of random, longer, init, init-longer, none, got 'longest'\n"),
        (["--epochs", "1", "--minutes", "1"],
         "--minutes: must be given without --epochs, got both; drop one of them\n"),
        (["--baselines", "none,random"],
         "--baselines: must be 'none' alone, or others without it, got none,random\n"),
    ],
    ids=["device", "baseline", "two durations", "none and another"],
)
def test_an_option_that_cannot_be_used(
    refused: Refused, options: list[str], message: str
) -> None:
    assert refused("recipe", RECIPE, "--data", "demo", *options) == message


def test_all_mistakes_in_the_options_are_told_at_once(refused: Refused) -> None:
    message = refused(
        "recipe", "mobilnetv2-dino", "--data", "pest", "--labels", "elsewhere", "--device", "gpu",
        "--baselines", "none,shorter", "--epochs", "1", "--minutes", "2",
    )  # fmt: skip
    first, *lines = message.splitlines()
    assert first == "6 mistakes"
    told = [line.removeprefix("  ").split(":")[0] for line in lines]
    assert told == [
        "--minutes", "--baselines", "--baselines", "--device", "--data", "--labels",
        "no file 'mobilnetv2-dino' in recipes/. Did you mean",
    ]  # fmt: skip


def test_all_that_does_not_fit_the_images_is_told_at_once(refused: Refused, pets: Path) -> None:
    message = refused(
        "recipe", RECIPE, "--data", str(pets), "--compile", "--set", "pretrain.batchnorm_groups=2",
        "--set", 'optim={name="sgd", lr=1.0, warmup_steps=100000}',
        "--set", "pretrain.batch_size=8",
    )  # fmt: skip
    assert message.startswith("2 mistakes\n")
    assert "  --compile: must be used with one process and one BN group" in message
    assert "warmup_steps" in message


def test_an_empty_folder(refused: Refused, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    message = refused("recipe", RECIPE, "--data", "empty")
    assert message == f"{tmp_path / 'empty'}: must hold images, found none; check the path\n"


def test_one_class(refused: Refused, tmp_path: Path) -> None:
    folder = _images(tmp_path / "one", [f"cat/{i}.png" for i in range(12)])
    message = refused("recipe", RECIPE, "--data", "one")
    assert message.startswith(f"{folder}: must hold at least 2 classes, got 1 ('cat'); ")


def test_a_file_in_the_way_of_the_run_folder(refused: Refused, tmp_path: Path, pets: Path) -> None:
    (tmp_path / "runs").write_text("a file", encoding="utf-8")
    for out in ("runs", "runs/deeper"):
        message = refused("recipe", RECIPE, "--data", str(pets), "--out", out)
        assert message.startswith(f"{out}: must be a folder that can be written, got '")
        assert message.endswith("choose another with --out\n")
    assert (tmp_path / "runs").read_text(encoding="utf-8") == "a file"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_may_not_be_written(refused: Refused, tmp_path: Path, pets: Path) -> None:
    (tmp_path / "locked").mkdir(mode=0o500)
    message = refused("recipe", RECIPE, "--data", str(pets), "--out", "locked/run")
    assert message.startswith("locked/run: must be a folder that can be written, got '")


@pytest.mark.parametrize("content", [b"", b"no checkpoint", b"PK\x03\x04 broken"])
@pytest.mark.parametrize(
    "command",
    [("export", "ckpt.pt", "--onnx"), ("eval", "ckpt.pt", "--data", "demo", "--protocol", "knn"),
     ("profile", "ckpt.pt"), ("finetune", "ckpt.pt", "--data", "demo")],
    ids=lambda command: command[0],
)
def test_a_checkpoint_that_is_not_one(
    refused: Refused, tmp_path: Path, command: tuple[str, ...], content: bytes
) -> None:
    (tmp_path / "ckpt.pt").write_bytes(content)
    start = "ckpt.pt: must be a checkpoint written by edgessl, got something else; "
    assert refused(*command).startswith(start)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "--init start.pt: must be 'none', 'imagenet', 'timm:NAME' or a file, "
         "found none\n"),
        (b"junk", "--init start.pt: must hold plain weights (safetensors, or a torch file that "
         "loads with weights_only=True), got something else\n"),
    ],
    ids=["missing", "junk"],
)
def test_weights_to_start_from_that_are_none(
    refused: Refused, tmp_path: Path, pets: Path, content: bytes | None, message: str
) -> None:
    if content is not None:
        (tmp_path / "start.pt").write_bytes(content)
    options = ("--data", str(pets), "--device", "cpu", "--init", "start.pt")
    unmeasured = ("--set", "engine.precision=fp32", "--set", "engine.memory_format=contiguous")
    assert refused("recipe", RECIPE, *options, *unmeasured) == message


def test_a_folder_as_recipe_file(refused: Refused, tmp_path: Path) -> None:
    (tmp_path / "my.toml").mkdir()
    message = refused("recipe", "my.toml", "--data", "demo")
    start = "my.toml: must be a TOML file that can be read, got 'Is a directory'; check the path"
    assert message.startswith(start)


def test_a_word_list_does_not_know(refused: Refused) -> None:
    assert refused("list", "recipe").startswith("list: must be one of recipes, backbones, ")


def test_first_weights_that_would_be_drawn_anew(refused: Refused, pets: Path) -> None:
    message = refused(
        "recipe", "mobilenetv2-swav", "--data", str(pets), "--init", "first.safetensors",
        "--set", "method.reinitialise=true", "--set", "pretrain.batch_size=8",
    )  # fmt: skip
    assert message.startswith(
        "--init first.safetensors: must be left out, because method.reinitialise draws all weights "
        "anew; or pass --set method.reinitialise=false"
    )
