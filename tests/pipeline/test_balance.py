"""Fine-tuning on unequal classes: what is counted, and what each answer to it changes."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from pipeline.stories import Finetuning, run_finetune
from tiny_run import ENGINE, Listener, write_images

from edgessl import checkpoint
from edgessl.backbones import deployable_from
from edgessl.errors import UserError
from edgessl.metrics.class_counts import ClassCounts
from edgessl.pipeline.finetune.balance_on_val import choose_adjustment, fold
from edgessl.train.stage import best_epoch

NAMES = ("coat", "hat")


@pytest.fixture(scope="module")
def unequal(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """12 images of one class, 3 of the other to train on, and 4 of both to test on.

    Those of the first class are in ``train`` too, and leave it.
    """
    folder = tmp_path_factory.mktemp("unequal")
    write_images(folder / "train")
    write_images(folder / "test", count=4)
    for index in range(3, 12):
        (folder / "train" / "class1" / f"{index}.png").unlink()
    return folder


def _tune(
    finished: Path, data: Path, out: Path, *overrides: str, listener: Listener | None = None
) -> dict[str, Any]:
    return run_finetune(
        Finetuning(
            str(finished / "pretrained.pt"), str(data), out=out, device="cpu", baselines=("none",),
            overrides=(*ENGINE, *overrides), epochs=1,
        ),
        listener or Listener(),
    )  # fmt: skip


def _weights(out: Path) -> dict[str, torch.Tensor]:
    return dict(checkpoint.load(out / "ckpt.pt")["weights"])


def test_each_answer_trains_another_network_and_the_counts_are_reported(
    finished: Path, unequal: Path, tmp_path: Path
) -> None:
    answers = {
        "none": (), "inverse": ("finetune.balance=weights",),
        "effective": ("finetune.balance=weights", "finetune.class_weights=effective"),
        "sampling": ("finetune.balance=sampling",), "logits": ("finetune.balance=logits",),
    }  # fmt: skip
    reports = {
        name: _tune(finished, unequal, tmp_path / name, *overrides)
        for name, overrides in answers.items()
    }
    found = {name: _weights(tmp_path / name) for name in answers}
    key = next(key for key in found["none"] if key.endswith("fc.weight"))
    assert found["none"].keys() == found["logits"].keys()  # nothing is left in the network
    seen = [tuple(weights[key].flatten().tolist()) for weights in found.values()]
    assert len(set(seen)) == len(answers)
    counts = reports["none"]["data"]["class_counts"]
    assert counts["train"] == [7, 3]
    assert counts["test"] == [4, 4]
    assert "finetune_balanced" not in reports["none"]["scores"]  # those of test are alike


def test_auto_says_what_it_chose_and_why(finished: Path, unequal: Path, tmp_path: Path) -> None:
    said = Listener()
    report = _tune(finished, unequal, tmp_path / "auto", "finetune.balance=auto", listener=said)
    assert report["adjusted"]["finetune"]["tau"] == 0
    (sentence,) = [line for line in said.sentences if "finetune.balance = auto" in line]
    assert sentence.startswith(
        "finetune, finetune.balance = auto: nothing is adjusted: val has "
    )


def test_class_weights_without_weights_are_refused(
    finished: Path, unequal: Path, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match="class_weights must come with balance = 'weights'"):
        _tune(finished, unequal, tmp_path / "out", "finetune.class_weights=effective")


def _biased(images: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits that are right but for a bias of 2 towards the first class."""
    labels = torch.arange(images) % 2
    margin = torch.linspace(0.1, 3.0, images)
    logits = torch.stack([2.0 - margin * (labels == 1), margin * (labels == 1)], dim=1)
    return logits, labels


def test_the_strength_that_balances_val_is_chosen_and_folded_into_the_bias(
    finished: Path
) -> None:
    counts = ClassCounts(NAMES, (90, 10))
    logits, labels = _biased(200)
    found = choose_adjustment(logits, labels, counts)
    assert found.tau > 0
    assert found.balanced is not None
    assert found.balanced[1] > found.balanced[0]
    module = deployable_from(checkpoint.load(finished / "ckpt.pt"), "ckpt.pt").module
    images = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    module.eval()
    with torch.no_grad():
        before = module(images)
        fold(module, 1.0, counts)  # type: ignore[arg-type]
        moved = module(images) - before
    assert moved.tolist()[0] == pytest.approx([-math.log(0.9), -math.log(0.1)], abs=1e-5)


@pytest.mark.parametrize(
    ("images", "counts", "why"),
    [
        (200, (50, 50), "the classes are of like size"),
        (best_epoch.FEWEST_IMAGES - 2, (90, 10), "val has 98 images"),
    ],
)
def test_nothing_is_chosen_where_it_would_mean_nothing(
    images: int, counts: tuple[int, int], why: str
) -> None:
    found = choose_adjustment(*_biased(images), ClassCounts(NAMES, counts))
    assert found.tau == 0
    assert found.why.startswith(why)


def test_a_gain_within_a_standard_error_is_none() -> None:
    labels = torch.arange(200) % 2
    logits = torch.stack([(labels == 0) * 4.0, (labels == 1) * 4.0], dim=1)
    logits[1] = torch.tensor([0.3, 0.0])  # the one mistake that an adjustment would mend
    found = choose_adjustment(logits, labels, ClassCounts(NAMES, (90, 10)))
    assert found.tau == 0
    assert found.why.startswith("no strength is better by more than a standard error")
