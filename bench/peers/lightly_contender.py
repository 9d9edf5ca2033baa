"""lightly's examples, as its documentation writes them, as contenders; see ``turns.py``.

The examples (docs.lightly.ai/examples) have ResNet-18, Adam or SGD, and 8 workers; here are the
network, the views' sizes and the optimiser of the other contenders, and as many workers as asked
for. Runs in lightly's environment, without edgessl.
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from lightly.data import LightlyDataset
from lightly_byol import Byol
from lightly_dino import Dino
from lightly_moco import Moco
from lightly_simclr import SimClr
from lightly_swav import Swav
from turns import Turns
from work import EPOCHS, LR, METHODS, MOMENTUM, WEIGHT_DECAY, WORKS, Work

Example = Dino | Swav | Moco | SimClr | Byol
EXAMPLES: dict[str, Callable[[Work], Example]] = {
    "dino": Dino, "swav": Swav, "moco": Moco, "simclr": SimClr, "byol": Byol,
}  # fmt: skip
"""The examples, by the keys of ``METHODS``."""

MEMORY_FORMATS = {
    "contiguous_format": torch.contiguous_format, "channels_last": torch.channels_last,
}  # fmt: skip
PRECISIONS = {"fp32": torch.float32, "bf16": torch.bfloat16}


def lightly_loop(
    folder: Path,
    work: Work,
    *,
    workers: int,
    device: torch.device,
    memory_format: torch.memory_format,
    precision: torch.dtype,
) -> Iterator[None]:
    """Train, and yield after every optimiser step.

    Args:
        folder: Images.
        work: What to train.
        workers: Processes of the data loader.
        device: Where the network is.
        memory_format: ``torch.contiguous_format`` as in the examples, or channels-last.
        precision: ``torch.float32`` as in the examples, or the type of autocast.
    """
    model = EXAMPLES[work.method](work).to(device).to(memory_format=memory_format).train()
    loader = torch.utils.data.DataLoader(
        LightlyDataset(str(folder), transform=model.transform), batch_size=work.batch,
        shuffle=True, drop_last=True, num_workers=workers,
    )  # fmt: skip
    optimizer = torch.optim.SGD(
        model.parameters(), lr=LR, momentum=MOMENTUM, weight_decay=WEIGHT_DECAY
    )
    reduced = precision != torch.float32
    for epoch in range(EPOCHS):
        for batch in loader:
            views = [view.to(device).to(memory_format=memory_format) for view in batch[0]]
            model.before_step(epoch)
            with torch.autocast(device.type, dtype=torch.bfloat16, enabled=reduced):
                outputs = model(views)
            one, other = ([out.float() for out in part] for part in outputs)
            model.loss(one, other, epoch).backward()
            model.before_update(epoch)
            optimizer.step()
            optimizer.zero_grad()
            yield


def main() -> None:
    """Take part in the turns."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--work", choices=WORKS, required=True)
    parser.add_argument("--method", choices=METHODS, default="dino")
    parser.add_argument("--batch", type=int)
    parser.add_argument("--workers", type=int, required=True)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--memory-format", choices=MEMORY_FORMATS, default="contiguous_format")
    parser.add_argument("--precision", choices=PRECISIONS, default="fp32")
    given = parser.parse_args()
    warnings.simplefilter("ignore", FutureWarning)  # lightly's head uses an old weight_norm
    work = WORKS[given.work].with_method(given.method).with_batch(given.batch)
    device = torch.device(given.device)
    if device.type == "cuda":
        turns = Turns(torch.cuda.synchronize, lambda: torch.cuda.max_memory_reserved() / 1e6)
    else:
        turns = Turns()
    torch.manual_seed(0)
    loop = lightly_loop(
        given.data, work, workers=given.workers, device=device,
        memory_format=MEMORY_FORMATS[given.memory_format], precision=PRECISIONS[given.precision],
    )  # fmt: skip
    facts = {
        "memory_format": given.memory_format, "precision": given.precision,
        "workers": given.workers, "threads": torch.get_num_threads(),
    }  # fmt: skip
    for _ in loop:
        turns.after_step(lambda: facts)


if __name__ == "__main__":
    main()
