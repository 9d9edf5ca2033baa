"""A device that this machine has not: tensors on it compute as ever, but refuse those of the CPU.

torch's ``meta`` stands for it by name, so that ``tensor.device`` and ``to(device)`` say what they
would say with a GPU. What a GPU's kernels compute otherwise is not shown.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode, return_and_correct_aliasing
from torch.utils._pytree import tree_flatten, tree_map_only

NAME = "meta"
_FUSED = "_get_fused_kernels_supported_devices"
_ATEN = torch.ops.aten
_INDEXING = (_ATEN.index, _ATEN.index_put, _ATEN.index_put_, _ATEN._index_put_impl_)
"""A tensor of a GPU may be indexed by one of the CPU; not the other way round."""
_ANYWHERE = (_ATEN._local_scalar_dense, _ATEN.copy_, _ATEN._foreach_copy_)
_FACTORIES = (torch.tensor, torch.as_tensor)


class FarTensor(Tensor):
    """A tensor on the device; its values lie in ``near``, where only this file finds them."""

    near: Tensor
    is_meta = False  # type: ignore[assignment, misc]  # modules copy nothing into those of meta
    __torch_function__ = torch._C._disabled_torch_function_impl

    @staticmethod
    def __new__(cls, near: Tensor) -> FarTensor:
        found: FarTensor = Tensor._make_wrapper_subclass(  # type: ignore[attr-defined]
            cls, near.size(), strides=near.stride(), storage_offset=near.storage_offset(),
            dtype=near.dtype, layout=near.layout, device=NAME,
        )  # fmt: skip
        return found

    def __init__(self, near: Tensor) -> None:
        self.near = near

    def __tensor_flatten__(self) -> tuple[list[str], None]:
        return ["near"], None  # for ``module.to``, which takes such tensors for its own

    @staticmethod
    def __tensor_unflatten__(parts: dict[str, Tensor], *_rest: object) -> FarTensor:
        return FarTensor(parts["near"])

    def __reduce_ex__(self, protocol: Any) -> Any:
        return self.detach().cpu().__reduce_ex__(protocol)  # to a file

    def tolist(self) -> Any:
        return self.cpu().tolist()

    @classmethod
    def __torch_dispatch__(
        cls, func: Any, _types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        return _compute(func, args, kwargs or {})


class _Dispatch(TorchDispatchMode):
    def __torch_dispatch__(
        self, func: Any, _types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        return _compute(func, args, kwargs or {})


class _Factories(TorchFunctionMode):
    """Makes tensors of plain values on the device, which torch does before it dispatches."""

    def __torch_function__(
        self, func: Any, _types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        kwargs = dict(kwargs or {})
        if func in _FACTORIES and _is_far(kwargs.get("device")) and not _is_tensor(args[0]):
            device = kwargs.pop("device")
            return func(*args, **kwargs).to(device)
        if func is Tensor.new_tensor and isinstance(args[0], FarTensor):
            kwargs.setdefault("dtype", args[0].dtype)
            return torch.tensor(*args[1:], **kwargs).to(NAME)
        return func(*args, **kwargs)


class _Autocast(torch.autocast):
    """No lower precision on the device, whose name torch's own does not take."""

    def __init__(self, device_type: str, *args: Any, **kwargs: Any) -> None:
        if device_type == NAME:
            device_type, args, kwargs = "cpu", (), {"enabled": False}
        super().__init__(device_type, *args, **kwargs)


def _is_tensor(value: object) -> bool:
    return isinstance(value, Tensor)


def _is_far(device: Any) -> bool:
    return device is not None and torch.device(device).type == NAME


def _compute(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Compute on the CPU what the device is asked for, if all tensors lie there."""
    packet, device = func.overloadpacket, kwargs.get("device")
    near_args, near_kwargs = tree_map_only(FarTensor, lambda one: one.near, (args, kwargs))
    if device is not None:
        found = func(*near_args, **{**near_kwargs, "device": torch.device("cpu")})
        return tree_map_only(Tensor, FarTensor, found) if _is_far(device) else found
    tensors = [one for one in tree_flatten((args, kwargs))[0] if isinstance(one, Tensor)]
    far = [one for one in tensors if isinstance(one, FarTensor)]
    near = [one for one in tensors if not isinstance(one, FarTensor)]
    if not far:
        return func(*args, **kwargs)
    mixed = any(one.ndim for one in near) and packet not in _ANYWHERE
    if packet in _INDEXING:
        mixed = not isinstance(args[0], FarTensor)
    if mixed:
        shapes = [[tuple(one.shape) for one in part] for part in (near, far)]
        raise RuntimeError(f"{func} on two devices: CPU {shapes[0]}, other {shapes[1]}")
    found = func(*near_args, **near_kwargs)
    if func._schema.is_mutable and "out" not in kwargs:
        return None if found is None else args[0]
    if "out" in kwargs:
        return kwargs["out"]
    wrapped = tree_map_only(Tensor, FarTensor, found)
    return return_and_correct_aliasing(func, args, kwargs, wrapped)


@contextmanager
def far_device() -> Iterator[None]:
    """Let every run in this block train on the device, whichever it names."""
    with pytest.MonkeyPatch.context() as patch:
        for name, module in list(sys.modules.items()):
            if name.startswith("edgessl.") and hasattr(module, "pick_device"):
                patch.setattr(module, "pick_device", lambda _name: NAME)
            if name.startswith("torch.") and hasattr(module, _FUSED):
                patch.setattr(module, _FUSED, lambda: [NAME, "cpu"])
        patch.setattr(torch, "autocast", _Autocast)
        scaler = torch.amp.GradScaler
        patch.setattr(torch.amp, "GradScaler", lambda *_args, **_kw: scaler("cpu", enabled=False))
        with _Factories(), _Dispatch():
            yield
