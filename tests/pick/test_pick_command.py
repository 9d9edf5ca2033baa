"""``edgessl pick``: a table and a page of the images to label, and one message where it cannot."""

from __future__ import annotations

import csv
import json
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from edgessl import checkpoint
from edgessl.backbones import Backbone, Classifier, deployable_payload
from edgessl.cli import app
from edgessl.data.load import load_dataset
from edgessl.data.preprocess import Preprocess
from edgessl.errors import UserError
from edgessl.pipeline.pick.pick import pick

COLOURS = {"blue": (40, 60, 200), "green": (40, 200, 60), "red": (200, 60, 40)}
PREPROCESS = Preprocess(36, 32)


def write_image(path: Path, colour: tuple[int, int, int], draw: np.random.Generator) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = (np.array(colour) + draw.integers(-30, 30, (40, 48, 3))).clip(0, 255)
    Image.fromarray(pixels.astype(np.uint8)).save(path)
    return path


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Plain images, twelve of each colour."""
    draw = np.random.default_rng(0)
    for name, colour in COLOURS.items():
        for index in range(12):
            write_image(tmp_path / "photos" / f"{name}{index}.png", colour, draw)
    return tmp_path / "photos"


@pytest.fixture(scope="module")
def networks(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A backbone, and a classifier of the three colours."""
    import torch

    folder = tmp_path_factory.mktemp("networks")
    torch.manual_seed(0)
    backbone = Backbone("mobilenetv2").eval()
    paths = {"features": folder / "pretrained.pt", "logits": folder / "ckpt.pt"}
    for path, module, classes in (
        (paths["features"], backbone, ()),
        (paths["logits"], Classifier(backbone, 3).eval(), tuple(COLOURS)),
    ):
        checkpoint.save(path, deployable_payload(
            module, classes=classes, preprocess=PREPROCESS.to_dict(), provenance={},
        ))  # fmt: skip
    return paths


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGESSL_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)


def printed(*arguments: str | Path) -> str:
    result = CliRunner().invoke(app, ["pick", *map(str, arguments)], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def rows(table: str = "to-label.csv") -> list[dict[str, str]]:
    with Path(table).open(newline="", encoding="utf-8") as text:
        return list(csv.DictReader(text))


def refusal(model: Path, **given: Any) -> str:
    with pytest.raises(UserError) as caught:
        pick(model, **given)
    assert caught.value.exit_code == 2
    assert not Path("to-label.csv").exists()
    return str(caught.value)


def test_without_labels_each_colour_is_picked(photos: Path, networks: dict[str, Path]) -> None:
    told = printed(networks["features"], "--data", photos, "--count", "3")
    assert sorted(re.sub(r"\d+", "", row["path"]) for row in rows()) == [
        "photos/blue.png", "photos/green.png", "photos/red.png",
    ]  # fmt: skip
    assert {row["label"] for row in rows()} == {""}
    assert "Picked 3 of 36 images without a label" in told
    assert f"edgessl finetune {networks['features']} --data to-label.csv" in told


def test_the_page_shows_every_pick_and_fetches_nothing(
    photos: Path, networks: dict[str, Path]
) -> None:
    strange = photos / "<b>.png"
    shutil.copy(photos / "red3.png", strange)
    (photos / "red3.png").unlink()
    printed(networks["features"], "--data", photos, "--count", "36")
    page = Path("to-label.html").read_text(encoding="utf-8")
    assert page.count('src="data:image/jpeg;base64,') == 36
    assert not re.search(r"https?://|<script|@import|url\(", page)
    assert "&lt;b&gt;.png" in page
    assert "<b>.png" not in page
    assert page.count('<span class="why">') == 36


def test_a_classifier_is_asked_where_it_doubts(photos: Path, networks: dict[str, Path]) -> None:
    document = json.loads(printed(
        networks["logits"], "--data", photos, "--count", "4", "--json", "--seed", "3",
    ))  # fmt: skip
    assert (document["by"], document["seed"], len(document["picks"])) == ("margin", 3, 4)
    first = document["picks"][0]
    assert {one["name"] for one in first["between"]} <= set(COLOURS)
    assert first["margin"] == min(one["margin"] for one in document["picks"])
    assert first["why"].startswith("between '")
    assert [Path(one["path"]).name for one in document["picks"]] == [
        Path(row["path"]).name for row in rows()
    ]
    typical = pick(networks["logits"], data=photos, count=4, by="typical")
    assert typical.by == "typical"


def test_the_same_seed_picks_the_same(photos: Path, networks: dict[str, Path]) -> None:
    for model in networks.values():
        first, again = (pick(model, data=photos, count=8, seed=1) for _ in range(2))
        assert first.images == again.images


def test_what_has_a_label_is_not_picked_whether_in_a_folder_or_a_table(
    photos: Path, networks: dict[str, Path], tmp_path: Path
) -> None:
    for path in list(photos.iterdir()):
        below = "red" if path.stem in ("red0", "red1") else "blue" if path.stem == "blue0" else ""
        target = photos / (below or "unlabeled") / path.name
        target.parent.mkdir(exist_ok=True)
        path.rename(target)
    shutil.copy(photos / "red/red0.png", photos / "unlabeled/copy.png")
    found = pick(networks["features"], data=photos, count=33)
    assert len(found.pool.labelled) == 3
    assert {one.path.parent.name for one in found.images} == {"unlabeled"}
    assert "copy.png" not in {one.path.name for one in found.images}
    table = tmp_path / "labels.csv"
    table.write_text("path,label\nphotos/unlabeled/green1.png,green\n")
    more = pick(networks["features"], data=photos, count=32, labels=table)
    assert "green1.png" not in {one.path.name for one in more.images}


def test_copies_are_picked_once_and_broken_files_are_told(
    photos: Path, networks: dict[str, Path]
) -> None:
    shutil.copy(photos / "red0.png", photos / "again.png")
    (photos / "broken.png").write_bytes(b"no image")
    told = printed(networks["features"], "--data", photos, "--count", "36")
    names = {Path(row["path"]).name for row in rows()}
    assert "again.png" in names
    assert not {"red0.png", "broken.png"} & names
    assert "1 file(s) cannot be used and are left out; the first: 'broken.png'" in told
    assert "1 file(s) repeat the content of others" in told


def test_images_of_test_and_their_copies_are_never_picked(
    photos: Path, networks: dict[str, Path]
) -> None:
    (photos / "test/red").mkdir(parents=True)
    (photos / "train/unlabeled").mkdir(parents=True)
    for path in list(photos.glob("*.png")):
        path.rename(photos / ("test/red" if path.stem == "red0" else "train/unlabeled") / path.name)
    shutil.copy(photos / "test/red/red0.png", photos / "train/unlabeled/leak.png")
    found = pick(networks["features"], data=photos, count=35, reading=_flat())
    assert "leak.png" not in {one.path.name for one in found.images}
    assert found.pool.held_out == 1


def test_the_filled_table_goes_back_in(photos: Path, networks: dict[str, Path]) -> None:
    pick(networks["features"], data=photos, count=18)
    _fill("to-label.csv", leave=2)
    dataset = load_dataset(photos, labels="to-label.csv")
    assert dataset.classes == tuple(COLOURS)
    assert len(dataset.train) + len(dataset.val) + len(dataset.test) == 16
    assert len(dataset.unlabeled) == 20
    assert len(load_dataset("to-label.csv").unlabeled) == 2
    again = pick(networks["logits"], data=photos, count=20, labels="to-label.csv", out="next.csv")
    assert len(again.pool.labelled) == 16


def test_with_labels_the_next_table_is_enough_by_itself(
    photos: Path, networks: dict[str, Path]
) -> None:
    pick(networks["features"], data=photos, count=18)
    _fill("to-label.csv")
    again = pick(
        networks["logits"], data=photos, count=4, labels="to-label.csv", out="next.csv",
        with_labels=True,
    )  # fmt: skip
    assert [row["label"] != "" for row in rows("next.csv")] == [False] * 4 + [True] * 18
    assert not any("--with-labels" in note for note in again.notes)
    assert len(load_dataset("next.csv").unlabeled) == 4


def test_filled_labels_are_never_overwritten(photos: Path, networks: dict[str, Path]) -> None:
    pick(networks["features"], data=photos, count=6)
    pick(networks["features"], data=photos, count=7)  # still empty
    _fill("to-label.csv")
    with pytest.raises(UserError, match="holds more than empty labels"):
        pick(networks["features"], data=photos, count=6)
    Path("mine.html").write_text("<p>mine</p>")
    with pytest.raises(UserError, match="must not overwrite another file"):
        pick(networks["features"], data=photos, count=6, out="mine.csv")


def test_bad_input_is_one_message(photos: Path, networks: dict[str, Path], tmp_path: Path) -> None:
    model = networks["features"]
    assert re.fullmatch(
        r"--count: must be at most 36, the usable images without a label in .*photos, got 37",
        refusal(model, data=photos, count=37),
    )
    (tmp_path / "empty").mkdir()
    assert "must hold images" in refusal(model, data="empty", count=1)
    assert "--by margin: must come with a classifier" in refusal(
        model, data=photos, count=1, by="margin"
    )
    told = refusal(model, data="empty", count=0, by="margn", out="t.txt")
    assert told.startswith("3 mistakes\n")
    assert "did you mean margin?" in told
    (tmp_path / "unfilled.csv").write_text("path,label\nphotos/red0.png,\n")
    assert "must hold labelled images for --labels" in refusal(
        model, data=photos, count=1, labels="unfilled.csv"
    )


def test_a_folder_where_all_have_labels_is_refused(photos: Path, networks: dict[str, Path]) -> None:
    for name in COLOURS:
        (photos / name).mkdir()
        for path in photos.glob(f"{name}*.png"):
            path.rename(photos / name / path.name)
    told = refusal(networks["features"], data=photos, count=1)
    assert "must hold images without a label to pick from, got 36 with a label" in told
    assert "--layout flat" in told
    assert len(pick(networks["features"], data=photos, count=3, reading=_flat()).images) == 3


def test_labels_that_the_classifier_does_not_know_are_refused(
    photos: Path, networks: dict[str, Path], tmp_path: Path
) -> None:
    table = tmp_path / "labels.csv"
    table.write_text("path,label\nphotos/red0.png,violet\nphotos/red1.png,red\n")
    told = refusal(networks["logits"], data=photos, count=2, labels=table)
    assert "got 1 unknown: 'violet'; fine-tune on these labels first" in told
    found = pick(networks["logits"], data=photos, count=2, labels=table, by="typical")
    assert len(found.images) == 2


def _flat() -> Any:
    from edgessl.data.reading import Reading

    return Reading("flat")


def _fill(table: str, leave: int = 0) -> None:
    """Write the colour of each image into its row, but for the last ones."""
    filled = rows(table)
    with Path(table).open("w", newline="", encoding="utf-8") as text:
        writer = csv.writer(text)
        writer.writerow(["path", "label"])
        for number, row in enumerate(filled):
            colour = re.sub(r"\d+", "", Path(row["path"]).stem)
            writer.writerow([row["path"], colour if number < len(filled) - leave else ""])
