"""A copy of a module's buffers, for a step that turns out to be of no use."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

import torch
from torch import Tensor


class BufferBackup:
    """Keeps running statistics, centres and queues as they were before a forward pass.

    A forward pass moves them; where its loss is not finite they may be spoilt for good.

    Args:
        buffers: Of a module, changed in place only.
    """

    def __init__(self, buffers: Iterable[Tensor]) -> None:
        groups: dict[torch.dtype, list[Tensor]] = defaultdict(list)  # foreach wants one type
        for buffer in buffers:
            groups[buffer.dtype].append(buffer)
        self._groups = [(group, [b.clone() for b in group]) for group in groups.values()]

    @torch.no_grad()
    def keep(self) -> None:
        """Copy the buffers as they are now."""
        for buffers, copies in self._groups:
            torch._foreach_copy_(copies, buffers)

    @torch.no_grad()
    def put_back(self) -> None:
        """Give the buffers the values they were kept with."""
        for buffers, copies in self._groups:
            torch._foreach_copy_(buffers, copies)
