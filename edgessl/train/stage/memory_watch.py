"""Ends training on a CPU with a sentence where the system would end it without a word.

Linux grants memory that is not there, and kills whoever touches it. A batch that is too large fills
it in the forward pass of the first step, module by module, so there is time to look.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from torch.nn.modules.module import register_module_forward_pre_hook

from edgessl.data.home import available_ram_bytes, free_swap_bytes
from edgessl.errors import UserError
from edgessl.train.stage.stage import Stage

_SHARE = 0.1  # of what the step has taken: the next module or gradient may take as much
_LEAST = 64 * 2**20  # bytes
_GB = 1e9


def _left() -> int:
    return available_ram_bytes() + free_swap_bytes()


class MemoryWatch:
    """Looks at the memory that is left whenever a module begins its forward pass.

    Args:
        stage: What is trained, for the message.
        images: In a step.
        left: Returns the bytes that can be allocated; None asks the system.
    """

    def __init__(self, stage: Stage, images: int, left: Callable[[], int] | None = None) -> None:
        self._stage = stage
        self._images = images
        self._left = left or _left
        self._before = self._left()

    @contextmanager
    def looking(self) -> Iterator[None]:
        """Look on while a step is taken.

        Raises:
            UserError: By the network's forward pass: the step does not fit.
        """
        hook = register_module_forward_pre_hook(self._look)
        try:
            yield
        finally:
            hook.remove()

    def _look(self, *_: Any) -> None:
        left = self._left()
        taken = self._before - left
        if left >= max(_LEAST, _SHARE * taken):
            return
        stage = self._stage
        raise UserError(
            f"{stage.name}: a step of {self._images} images must fit into memory, got "
            f"{left / _GB:.1f} GB left after {taken / _GB:.1f} GB of it; pass --set "
            f"{stage.batch_key}={max(1, stage.batch_size // 4)} or smaller images, or train on a "
            "GPU"
        )
