"""``edgessl diagnose``: numbers, a page and a sentence, and one message where it cannot."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from diagnose.drawn_networks import COLOURS, PREPROCESS, save, write_images
from typer.testing import CliRunner

from edgessl import checkpoint
from edgessl.artifact.opened import open_artifact
from edgessl.backbones import Backbone, Classifier, deployable_from
from edgessl.cli import app
from edgessl.data.load import load_dataset
from edgessl.data.preprocess import decode_eval
from edgessl.diagnose.view_set import views_of
from edgessl.errors import UserError
from edgessl.metrics.features import extract_features
from edgessl.metrics.quality import alignment, retrieval_top1
from edgessl.pipeline.diagnose.diagnose import diagnose

NETWORK = "timm:test_efficientnet"
VIT = "timm:test_vit"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with images and three networks: a small one, a constant one, a transformer."""
    root = tmp_path_factory.mktemp("diagnose")
    write_images(root / "photos")
    write_images(root / "plain", labelled=False)
    torch.manual_seed(0)
    backbone = Backbone(NETWORK, image_px=32)
    save(root / "pretrained.pt", backbone)
    save(root / "ckpt.pt", Classifier(backbone, 3), tuple(COLOURS))
    save(root / "vit.pt", Backbone(VIT, image_px=32))
    constant = Backbone(NETWORK, image_px=32)
    for parameter in constant.net.parameters():
        parameter.data.zero_()
    save(root / "constant.pt", constant)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EDGESSL_CACHE", str(root / "cache"))
        yield root


def printed(*arguments: object) -> str:
    result = CliRunner().invoke(app, ["diagnose", *map(str, arguments)], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.fixture(scope="module")
def two(place: Path) -> tuple[dict[str, Any], str]:
    """The numbers of two networks side by side, and their page."""
    out = place / "both"
    text = printed(place / "ckpt.pt", place / "vit.pt", "--data", place / "photos", "--out", out,
                   "--json")  # fmt: skip
    document = json.loads(text)
    assert document == json.loads((out / "diagnosis.json").read_text())
    return document, (out / "diagnosis.html").read_text(encoding="utf-8")


def test_two_networks_stand_side_by_side_and_one_is_taken(two: tuple[dict[str, Any], str]) -> None:
    document, page = two
    names = [one["name"] for one in document["networks"]]
    assert names == ["diagnose0/ckpt.pt", "diagnose0/vit.pt"]
    assert document["take"] in names
    assert document["answer"].startswith(f"Take {document['take']}: ")
    assert document["answer"] in page.replace("&#39;", "'")
    assert all(set(one["splits"]) == {"train", "val"} for one in document["networks"])
    assert document["baselines"]["majority"]["n"] == document["networks"][0]["neighbours"]["knn"][
        "20"]["n"]  # fmt: skip


def test_the_page_is_one_offline_file(two: tuple[dict[str, Any], str]) -> None:
    page = two[1]
    assert not re.search(r"""(?:src|href)=["'](?!data:|#)""", page)
    assert "url(" not in page
    assert page.count('class="plane"') == 2
    assert "Grad-CAM of the last stage" in page
    assert "attention rollout" in page


def test_numbers_are_those_of_the_metrics_on_the_same_views(
    place: Path, two: tuple[dict[str, Any], str]
) -> None:
    numbers = two[0]["networks"][0]["splits"]["val"]
    val = load_dataset(place / "photos").val
    backbone = deployable_from(checkpoint.load(place / "ckpt.pt"), "ckpt.pt").backbone

    def features(pixels: Any) -> torch.Tensor:
        return extract_features(
            backbone, pixels, PREPROCESS.mean, PREPROCESS.std, device="cpu"
        )

    own = features(decode_eval(val.paths, PREPROCESS))
    one, other = (features(views) for views in views_of(val.paths, val.digests, 32, 0))
    assert numbers["viewed"] == len(val) == 6
    assert numbers["alignment"] == pytest.approx(alignment(own, one), rel=1e-4)
    assert numbers["alignment_views"] == pytest.approx(alignment(one, other), rel=1e-4)
    assert numbers["instance_discrimination"]["value"] == retrieval_top1(own, one)


def test_views_of_an_image_do_not_depend_on_the_others_but_on_the_seed(place: Path) -> None:
    train = load_dataset(place / "photos").train
    whole = views_of(train.paths[:5], train.digests[:5], 32, 0)
    alone = views_of(train.paths[3:4], train.digests[3:4], 32, 0)
    assert (whole[:, 3] == alone[:, 0]).all()
    assert (views_of(train.paths[3:4], train.digests[3:4], 32, 1) != alone).any()
    assert (alone[0] != alone[1]).any()


def test_without_labels_what_needs_none_is_given(place: Path) -> None:
    found = diagnose(place / "pretrained.pt", data=place / "plain")
    (network,) = found.networks
    assert (network.held_out, network.in_train, found.baselines, found.classes) == (
        None, None, None, (),
    )  # fmt: skip
    assert [numbers.split for numbers in network.splits] == ["train"]
    assert network.judged.tolerance is None
    findings = found.findings[network.name]
    assert any(one.text.startswith("Without labels") for one in findings)
    assert found.next[0].startswith("edgessl pick ")


def test_a_network_that_gives_the_same_for_all_images_has_collapsed(place: Path) -> None:
    found = diagnose(place / "constant.pt", data=place / "photos")
    assert "collapsed" in found.answer
    assert [finding.kind for finding in found.findings[found.networks[0].name]] == ["wrong"]


def test_a_large_split_is_sampled_and_it_is_said(place: Path) -> None:
    found = diagnose(place / "pretrained.pt", data=place / "photos", images=10)
    assert found.networks[0].splits[0].images == 10
    assert any(note.startswith("10 of the 42 train images") for note in found.notes)
    again = diagnose(place / "pretrained.pt", data=place / "photos", images=10)
    assert again.to_dict() == found.to_dict()


def test_any_numbers_of_neighbours_may_be_asked(place: Path) -> None:
    found = diagnose(place / "pretrained.pt", data=place / "photos", images=12, ks=(7, 3))
    neighbours = found.networks[0].neighbours
    assert neighbours is not None
    assert [*neighbours.knn] == [3, 7, 20]  # 20 is what networks are compared by


def test_test_is_read_only_where_it_is_asked_for(place: Path) -> None:
    found = diagnose(place / "pretrained.pt", data=place / "photos", images=12, split="test")
    assert [numbers.split for numbers in found.networks[0].splits] == ["train", "test"]


def test_an_exported_file_is_judged_by_what_it_gives(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from edgessl.pipeline.export import export

    exported = export(place / "ckpt.pt", formats=["onnx"], out=place / "exported")
    file = next(one.path for one in exported.files if one.path.name == "model.onnx")
    assert open_artifact(file).takes == "normalised"
    found = diagnose([place / "ckpt.pt", file], data=place / "photos", images=12)
    assert [one.gives for one in found.networks] == ["features", "logits"]
    assert any("no features" in note for note in found.networks[1].notes)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"split": "tset"}, "--split: must be val or test, got 'tset'; did you mean test?"),
        ({"images": 1}, "--images: must be at least 2, got 1"),
        ({"ks": (5, 0)}, "--k: must be at least 1, got 0"),
        ({"seed": -1}, "--seed: must be at least 0, got -1"),
        ({"size": 64}, "--size: must be left out for"),
        ({"out": "photos/blue/0.png"}, "--out: must be a folder, got the file"),
    ],
)
def test_what_cannot_be_asked_is_refused(
    place: Path, monkeypatch: pytest.MonkeyPatch, options: dict[str, Any], message: str
) -> None:
    monkeypatch.chdir(place)
    with pytest.raises(UserError, match=re.escape(message)):
        diagnose(place / "pretrained.pt", data=place / "photos", **options)


def test_networks_that_cannot_be_opened_are_all_told_at_once(place: Path) -> None:
    with pytest.raises(UserError) as refused:
        diagnose([place / "photos", place / "plain"], data=place / "photos")
    assert str(refused.value).startswith("2 mistakes\n")
    with pytest.raises(UserError, match="must be at least one network"):
        diagnose([], data=place / "photos")


def test_a_file_that_is_not_its_own_is_not_overwritten(place: Path) -> None:
    (place / "mine").mkdir()
    (place / "mine/diagnosis.html").write_text("my notes")
    with pytest.raises(UserError, match="must not overwrite another file"):
        diagnose(place / "pretrained.pt", data=place / "photos", out=place / "mine")
    assert (place / "mine/diagnosis.html").read_text() == "my notes"


def test_images_with_several_labels_get_what_needs_no_class(place: Path) -> None:
    write_images(place / "many/JPEGImages", labelled=False, count=8)
    (place / "many/Annotations").mkdir()
    for image in (place / "many/JPEGImages").iterdir():
        boxes = "".join(
            f"<object><name>{name}</name><bndbox><xmin>{left}</xmin><ymin>5</ymin>"
            f"<xmax>{left + 20}</xmax><ymax>36</ymax></bndbox></object>"
            for name, left in (("cell", 3), (image.stem.rstrip("0123456789"), 14))
        )
        text = f"<annotation>{boxes}</annotation>"
        (place / f"many/Annotations/{image.stem}.xml").write_text(text)
    found = diagnose(
        [place / "pretrained.pt", place / "vit.pt"], data=place / "many", out=place / "many-out"
    )
    assert found.choice.take == ""
    assert found.answer.startswith("Images have several labels")
    for network in found.networks:
        assert network.neighbours is None
        assert network.localisation is not None
        assert network.localisation.score.n == network.judged.viewed
    assert "GT-known localisation" in (place / "many-out/diagnosis.html").read_text()
