"""lightly's DINO and SimCLR as contenders of ``quality.py``: the examples of its documentation.

Optimiser, rate and batch are those of docs.lightly.ai/examples too. The views are those of the
example, at the sides asked for; the tuned form has batches of 32 and SGD at a rate of 0.03.

Runs in lightly's environment, without edgessl.
"""

from __future__ import annotations

import warnings

import lightly_dino
import torch
from lightly.data import LightlyDataset
from lightly_dino import Dino
from lightly_simclr import SimClr
from quality_job import WEIGHTS, Job, read_job
from torch import nn
from work import LR, MOMENTUM, WEIGHT_DECAY, Work

EXAMPLES: dict[str, type[Dino] | type[SimClr]] = {"dino": Dino, "simclr": SimClr}
BATCH, TUNED_BATCH = {"dino": 64, "simclr": 256}, 32


def optimizer_of(model: nn.Module, job: Job) -> torch.optim.Optimizer:
    """Return the optimiser of the example, or one for small batches."""
    if job.tuned:
        return torch.optim.SGD(
            model.parameters(), lr=LR, momentum=MOMENTUM, weight_decay=WEIGHT_DECAY
        )
    if job.method == "dino":
        return torch.optim.Adam(model.parameters(), lr=0.001)
    return torch.optim.SGD(model.parameters(), lr=0.06)


def main() -> None:
    """Train, and write the answer and the weights."""
    job = read_job(__doc__)
    warnings.simplefilter("ignore", FutureWarning)  # lightly's head uses an old weight_norm
    torch.manual_seed(job.seed)
    batch = TUNED_BATCH if job.tuned else BATCH[job.method]
    device = torch.device(job.device)
    lightly_dino.EPOCHS = job.epochs  # what the teacher's momentum is scheduled over
    model = EXAMPLES[job.method](
        Work("", job.backbone, job.size_px, job.local_px, batch, job.method)
    ).to(device).train()  # fmt: skip
    budget = job.begin(batch)
    loader = torch.utils.data.DataLoader(
        LightlyDataset(str(job.data), transform=model.transform), batch_size=batch, shuffle=True,
        drop_last=True, num_workers=job.workers,
    )  # fmt: skip
    optimizer = optimizer_of(model, job)
    done, over = 0, False
    for epoch in range(job.epochs):
        for loaded in loader:
            model.before_step(epoch)
            one, other = model([view.to(device) for view in loaded[0]])
            model.loss(one, other, epoch).backward()
            model.before_update(epoch)
            optimizer.step()
            optimizer.zero_grad()
            done += 1
            if over := budget.after_step() or done == job.steps:
                break
        if over:
            break
    job.answer(budget, batch, threads=torch.get_num_threads(), precision="fp32")
    # DINO's teacher is evaluated, as its authors do.
    network = model.teacher_backbone if isinstance(model, Dino) else model.backbone
    torch.save(network.cpu().state_dict(), job.out / WEIGHTS)


if __name__ == "__main__":
    main()
