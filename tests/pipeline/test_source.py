"""The file of ``--init`` is asked for until its weights were used, and not after that."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from pipeline.stories import plan_recipe, run_recipe
from tiny_run import Listener, request

from edgessl.errors import EdgesslError, Interrupted, UserError
from edgessl.start import begin, brought
from edgessl.start.origin import Given, Origin
from edgessl.start.tensor_file import read_file

Run = Callable[..., dict[str, object]]


@pytest.fixture(scope="module")
def weights(
    copied: Callable[[Path], Path], tmp_path_factory: pytest.TempPathFactory
) -> bytes:
    """What a run left to start from."""
    out = copied(tmp_path_factory.mktemp("source") / "first")
    return (out / "backbone.safetensors").read_bytes()


@pytest.fixture
def init(tmp_path: Path, weights: bytes) -> Path:
    """The file that the runs here start from."""
    path = tmp_path / "start.safetensors"
    path.write_bytes(weights)
    return path


@pytest.fixture
def run(tiny: Path, tmp_path: Path, init: Path) -> Run:
    """Runs the tiny recipe from given weights."""

    def start(listener: Listener, *overrides: str, fresh: bool = False) -> dict[str, object]:
        wanted = request(tiny / "tiny.toml", tiny / "images", tmp_path / "out", *overrides)
        return run_recipe(replace(wanted, init=str(init), fresh=fresh), listener)

    return start


def test_a_finished_run_needs_the_file_no_more(run: Run, init: Path, tmp_path: Path) -> None:
    report = run(Listener())
    document = json.loads((tmp_path / "out" / "run.json").read_text())
    assert document["init_sha256"] == hashlib.sha256(init.read_bytes()).hexdigest()
    init.unlink()
    assert run(Listener())["scores"] == report["scores"]


def test_a_run_past_its_start_ends_without_the_file_as_with_it(
    run: Run, init: Path, tmp_path: Path
) -> None:
    with pytest.raises(Interrupted):
        run(Listener("pretrain", 3))
    init.rename(tmp_path / "gone")
    last = Listener()
    run(last)
    assert "Going on with pretrain from step 3." in last.sentences
    without = (tmp_path / "out" / "ckpt.pt").read_bytes()
    (tmp_path / "gone").rename(init)
    run(Listener(), fresh=True)
    assert (tmp_path / "out" / "ckpt.pt").read_bytes() == without


def test_a_run_whose_states_are_damaged_asks_for_the_file_again(
    run: Run, init: Path, tmp_path: Path
) -> None:
    with pytest.raises(Interrupted):
        run(Listener("pretrain", 3))
    for state in (tmp_path / "out" / "state").glob("?.pt"):
        state.write_bytes(b"damaged")
    init.unlink()
    with pytest.raises(UserError, match=r"--init .*: must be 'none', 'imagenet', 'timm:NAME' or"):
        run(Listener())


def test_a_new_run_asks_for_the_file_before_any_work(
    run: Run, init: Path, tmp_path: Path
) -> None:
    init.unlink()
    listener = Listener()
    with pytest.raises(UserError, match=r"--init .*: must be 'none', 'imagenet', 'timm:NAME' or"):
        run(listener)
    assert (listener.sentences, (tmp_path / "out").exists()) == ([], False)


def test_to_start_over_takes_the_file(run: Run, init: Path, tmp_path: Path) -> None:
    run(Listener())
    init.unlink()
    with pytest.raises(UserError, match="--init"):
        run(Listener(), fresh=True)
    assert (tmp_path / "out" / "ckpt.pt").is_file()


def test_another_file_under_the_name_is_another_run(run: Run, init: Path, tiny: Path) -> None:
    run(Listener())
    content = bytearray(init.read_bytes())
    end = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(content[8:end])
    del header["__metadata__"]["edgessl_sha256"]
    text = json.dumps(header).encode()
    init.write_bytes(len(text).to_bytes(8, "little") + text + content[end:])
    with pytest.raises(UserError, match=r"must be the file that this run started from, got ano"):
        run(Listener())


def test_weights_that_cannot_be_downloaded_any_more_are_not_asked_for(
    tiny: Path, tmp_path: Path, weights: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name brings its normalisation along, and the run keeps it."""
    file = tmp_path / "hub.safetensors"
    file.write_bytes(weights)
    half = (0.5, 0.5, 0.5)

    def hub(name: str, backbone: str, option: str = "--init") -> Given:
        if not file.is_file():
            raise EdgesslError(f"{name}: cannot be downloaded")
        return Given(read_file(file, "").tensors, Origin(name, str(file), "0", mean=half, std=half))

    for module in (begin, brought):
        monkeypatch.setattr(module, "open_weights", hub)
    wanted = request(tiny / "tiny.toml", tiny / "images", tmp_path / "out")
    wanted = replace(wanted, init="timm:hub", baselines=("init",))
    with pytest.raises(Interrupted):
        run_recipe(wanted, Listener("pretrain", 3))
    planning = Listener()
    plan_recipe(wanted, planning)
    assert any("mean 0.5, std 0.5" in sentence for sentence in planning.sentences)
    file.unlink()
    report = run_recipe(wanted, Listener())
    assert report["recipe"]["image"]["mean"] == [*half]
    assert report["arms"]["init"]["command"].startswith("edgessl finetune timm:hub --data ")
    assert run_recipe(wanted, Listener())["scores"] == report["scores"]
    with pytest.raises(EdgesslError, match="cannot be downloaded"):
        run_recipe(replace(wanted, out=tmp_path / "other"), Listener())
