"""How the training loop computes: device, memory format, precision, processes."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Literal

import torch
from torch import nn

from edgessl.backbones.cpu_kernels import use_cpu_kernels
from edgessl.distributed import ALONE, World

Precision = Literal["fp32", "bf16", "fp16"]

_DTYPES: dict[Precision, torch.dtype] = {
    "fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Engine:
    """What a stage runs on. None of it changes what is computed, up to rounding.

    Attributes:
        device: Where views are made and the network lives.
        memory_format: Layout of images and convolutions.
        precision: Of matrix products and convolutions; weights, losses and sums are fp32.
        compiled: Whether backbones go through ``torch.compile``.
        world: The processes that share the work.
    """

    device: torch.device
    memory_format: torch.memory_format = torch.contiguous_format
    precision: Precision = "fp32"
    compiled: bool = False
    world: World = ALONE

    def place(self, module: nn.Module) -> None:
        """Move a module to the device, in the memory format, with the CPU's kernels on a CPU."""
        module.to(self.device)
        module.to(memory_format=self.memory_format)
        plain = self.precision == "fp32" and not self.compiled
        if self.device.type == "cpu" and self.memory_format == torch.channels_last and plain:
            use_cpu_kernels(module)

    def autocast(self) -> AbstractContextManager[None]:
        """Return the context that forward passes run in; it does nothing in fp32."""
        return torch.autocast(
            self.device.type, _DTYPES[self.precision], enabled=self.precision != "fp32"
        )

    def scaler(self) -> torch.amp.GradScaler:
        """Return the scaler that keeps small fp16 gradients; it does nothing otherwise."""
        return torch.amp.GradScaler(self.device.type, enabled=self.precision == "fp16")
