"""Damaged checkpoints and safetensors: refused, or the answers of the sound file."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

from archives import ARCHIVE, CHECKPOINT, SAFETENSORS
from campaign import Target
from mutations import BYTES
from pipeline.tiny_run import NETWORK
from rule import command, function
from seeds import part_of

from edgessl.backbones import Backbone
from edgessl.start.begin import initialise
from edgessl.start.run_files import read_start

Hold = Callable[[Target], None]


def _digest(weights: dict[str, object]) -> str:
    hasher = hashlib.sha256()
    for key in sorted(weights):
        hasher.update(key.encode() + weights[key].numpy().tobytes())  # type: ignore[attr-defined]
    return hasher.hexdigest()


def _start(name: str) -> Callable[[Path], str]:
    """Return a function that takes weights as ``--init`` and as ``finetune`` do."""

    def start(folder: Path) -> str:
        backbone = Backbone(NETWORK, "remove", 32)
        initialise(backbone, str(folder / name))
        whole = read_start(folder / name)
        return _digest(backbone.net.state_dict()) + whole.fingerprint + str(whole.head)

    return start


def test_bytes_of_a_checkpoint_never_change_an_answer(
    hold: Hold, seeds: Path, tmp_path: Path
) -> None:
    folder = part_of(seeds, tmp_path / "seeds", "run/ckpt.pt", "pictures/plain.png")
    hold(Target(
        "ckpt-bytes", folder, {"ckpt.pt": BYTES},
        command("predict", "{}/ckpt.pt", "{}/plain.png", "--json"), count=33, same=True,
    ))  # fmt: skip


def test_a_rewritten_checkpoint(hold: Hold, seeds: Path, tmp_path: Path) -> None:
    folder = part_of(seeds, tmp_path / "seeds", "run/ckpt.pt", "pictures/plain.png")
    hold(Target("ckpt-predict", folder, {"ckpt.pt": CHECKPOINT},
                command("predict", "{}/ckpt.pt", "{}/plain.png", "--json"), count=38,
                renamed=lambda name: command("predict", f"{{}}/{name}", "{}/plain.png", "--json"),
                ))  # fmt: skip
    

def test_the_cost_of_a_checkpoint(hold: Hold, seeds: Path, tmp_path: Path) -> None:
    folder = part_of(seeds, tmp_path / "seeds", "run/ckpt.pt")
    hold(Target("ckpt-profile", folder, {"ckpt.pt": CHECKPOINT},
                command("profile", "{}/ckpt.pt", "--json", "--parts"), count=8))  # fmt: skip


def test_bytes_of_weights_to_start_from_never_change_them(
    hold: Hold, seeds: Path, tmp_path: Path
) -> None:
    folder = part_of(seeds, tmp_path / "pt", "run/pretrained.pt")
    hold(Target("pretrained-bytes", folder, {"pretrained.pt": BYTES},
                function(_start("pretrained.pt")), count=33, same=True))  # fmt: skip


def test_bytes_of_safetensors_never_change_them(hold: Hold, seeds: Path, tmp_path: Path) -> None:
    folder = part_of(seeds, tmp_path / "seeds", "run/backbone.safetensors")
    hold(Target("safetensors-bytes", folder, {"backbone.safetensors": BYTES},
                function(_start("backbone.safetensors")), count=55, same=True))  # fmt: skip


def test_rewritten_weights_to_start_from(hold: Hold, seeds: Path, tmp_path: Path) -> None:
    folder = part_of(seeds, tmp_path / "seeds", "run/pretrained.pt")
    hold(Target("pretrained-start", folder, {"pretrained.pt": CHECKPOINT},
                function(_start("pretrained.pt")), count=38))  # fmt: skip


def test_rewritten_safetensors(hold: Hold, seeds: Path, tmp_path: Path) -> None:
    folder = part_of(seeds, tmp_path / "seeds", "run/backbone.safetensors")
    hold(Target("safetensors-start", folder, {"backbone.safetensors": SAFETENSORS},
                function(_start("backbone.safetensors")), count=55))  # fmt: skip


def test_rescaling(hold: Hold, seeds: Path, tmp_path: Path) -> None:
    folder = part_of(seeds, tmp_path / "seeds", "run/pretrained.pt", "run/backbone.safetensors")
    hold(Target(
        "rescale", folder,
        {"pretrained.pt": (*CHECKPOINT, *ARCHIVE), "backbone.safetensors": SAFETENSORS},
        command("rescale", "{}/pretrained.pt", "--anchor", "{}/backbone.safetensors", "--out",
                "{}/out.pt"), count=16, writes=("out.pt",),
    ))  # fmt: skip
