"""Names and paths stand in MODEL_CARD.md as they are, and do nothing there."""

from __future__ import annotations

import pytest

from edgessl.artifact import Metadata
from edgessl.export.bundle.markdown import plain
from edgessl.export.bundle.model_card import Run, model_card

EVIL = ("<script>alert(1)</script>", "a|b", "`rm`", "[x](javascript:y)", "![x](http://y)",
        "*bold*", "line\nbreak", "tail\u2028\u2029end", "\x1b[31mred", "&lt;b&gt;", "__init__",
        "\\`", "<!-- ", "\udcff")  # fmt: skip


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("cats_and_dogs", "cats_and_dogs"),
        ("AT&T", "AT&T"),
        ("5 > 3", "5 &gt; 3"),
        ("&lt;b&gt;", "&amp;lt;b&amp;gt;"),
        ("<b>", "&lt;b&gt;"),
        ("a|b", "a\\|b"),
        ("`x`", "\\`x\\`"),
        ("a\\|b", "a\\\\\\|b"),
        ("a\nb\r\n# c", "a b # c"),
        ("# a", "\\# a"),
        ("1. a", "1\\. a"),
        ("- a", "\\- a"),
        ("---", "\\---"),
        ("_a_", "\\_a\\_"),
        ("-5", "-5"),
    ],
)
def test_text_is_escaped_where_it_would_do_something(text: str, written: str) -> None:
    assert plain(text) == written


@pytest.mark.parametrize(
    "wrong", ["text", 1, [1], [], None, {"name": 1}, {"counts": {"train": "x"}}]
)
def test_what_is_no_report_tells_nothing(wrong: object) -> None:
    preprocess = {"resize_px": 8, "crop_px": 8, "interpolation": "bilinear",
                  "mean": [0.5] * 3, "std": [0.2] * 3}  # fmt: skip
    metadata = Metadata("logits", ("cat", "dog"), preprocess, 8, {})
    names = ("recipe", "data", "scores", "scores_random", "identity")
    inner = {"recipe": {"backbone": wrong, "method": wrong, "pretrain": wrong, "finetune": wrong},
             "data": {"counts": wrong, "notes": wrong, "classes": wrong},
             "scores": {"finetune_top1": wrong}}  # fmt: skip
    for report in ({name: wrong for name in names}, inner):
        run = Run(report=report, record=report)
        card = model_card(metadata, {"scores": wrong}, run, (), checkpoint="c", vectors="v")
        assert "cat, dog" in card


@pytest.mark.parametrize("name", EVIL)
def test_names_from_everywhere_do_nothing_in_a_card(name: str) -> None:
    preprocess = {"resize_px": 8, "crop_px": 8, "interpolation": "bilinear",
                  "mean": [0.5] * 3, "std": [0.2] * 3}  # fmt: skip
    metadata = Metadata("logits", (name, "dog"), preprocess, 8, {})
    provenance = {"recipe": name, "data": name, "edgessl": name, "seed": name}
    report = {"recipe": {"backbone": {"name": name}, "method": {"name": name},
                         "pretrain": {"epochs": 1}},
              "data": {"name": name, "notes": [name]}}  # fmt: skip
    run = Run(report=report, record={"identity": {"init": name}})
    card = model_card(metadata, provenance, run, (), checkpoint=name, vectors=name)
    calm = model_card(
        Metadata("logits", ("cat", "dog"), preprocess, 8, {}),
        {key: "cat" for key in provenance}, Run(
            report={"recipe": {"backbone": {"name": "cat"}, "method": {"name": "cat"},
                               "pretrain": {"epochs": 1}},
                    "data": {"name": "cat", "notes": ["cat"]}},
            record={"identity": {"init": "cat"}},
        ), (), checkpoint="cat", vectors="cat",
    )  # fmt: skip
    assert len(card.splitlines()) == len(calm.splitlines())
    assert card.replace("\\`", "").count("`") == calm.count("`")
    for sign in ("<", "|", "[", "*"):
        assert card.replace(f"\\{sign}", "").count(sign) == calm.count(sign)
    card.encode()  # and it can be written


PREPROCESS = {"resize_px": 8, "crop_px": 8, "interpolation": "bilinear",
              "mean": [0.5] * 3, "std": [0.2] * 3}  # fmt: skip


def card_of(report: dict[str, object], **provenance: object) -> str:
    metadata = Metadata("logits", ("cat", "dog"), PREPROCESS, 8, {})
    run = Run(report=report, record={})
    return model_card(metadata, provenance, run, (), checkpoint="c", vectors="v")


def test_weights_that_were_fine_tuned_directly_are_not_said_to_be_pretrained_here() -> None:
    recipe = {"method": {"name": "dino"}, "pretrain": {"epochs": 4}}
    assert "pretraining: dino, self-supervised, 4 epochs" in card_of({"recipe": recipe})
    start = {"file": "imagenet:x", "weights": {"source": "imagenet:x"}}
    assert "pretraining" not in card_of({"recipe": recipe, "start": start})


def test_notes_about_the_images_name_no_folder_of_this_machine() -> None:
    report = {"data": {"notes": ["try --data /home/me/secret/cells, or", "3 of /mnt/x/more."]}}
    card = card_of(report, data="/home/me/secret/cells", unlabelled="/mnt/x/more")
    assert "try --data cells, or" in card
    assert "3 of more." in card
