"""Opens an ONNX file in onnxruntime, with the options that edgessl measures and ships."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from edgessl.cores import usable_cores
from edgessl.errors import UserError

CPU = "CPUExecutionProvider"
PACKAGES = {
    "CUDAExecutionProvider": "pip install onnxruntime-gpu",
    "TensorrtExecutionProvider": "pip install onnxruntime-gpu, and TensorRT",
    "OpenVINOExecutionProvider": "pip install onnxruntime-openvino",
    "DmlExecutionProvider": "pip install onnxruntime-directml (Windows)",
    "CoreMLExecutionProvider": "pip install onnxruntime on macOS",
    "XnnpackExecutionProvider": (
        "no package from PyPI has it: onnxruntime-android or onnxruntime-c on the phone, or a "
        "build with --use_xnnpack"
    ),
    "NnapiExecutionProvider": "onnxruntime-android on the phone, or a build with --use_nnapi",
}
"""Execution provider -> how to get an onnxruntime that has it."""


def session_options(threads: int | None = None) -> Any:
    """Return the ``onnxruntime.SessionOptions`` that edgessl measures and ships.

    Args:
        threads: Threads inside an operator; None for every core this process may use.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # onnxruntime's own lines; failures arrive as exceptions
    options.intra_op_num_threads = threads or usable_cores()
    options.inter_op_num_threads = 1
    # Spinning threads burn a core while they wait, and slow each other down on a busy machine.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.inter_op.allow_spinning", "0")
    return options


def open_session(
    path: Path,
    *,
    threads: int | None = None,
    provider: str = CPU,
    provider_options: dict[str, str] | None = None,
    options: Any = None,
) -> Any:
    """Open an ONNX file.

    Args:
        path: The file.
        threads: Threads inside an operator; None for every core this process may use.
        provider: onnxruntime's name of the execution provider.
        provider_options: The provider's own.
        options: The session's; None for ``session_options(threads)``.

    Returns:
        An ``onnxruntime.InferenceSession``.

    Raises:
        UserError: The file is missing or is no ONNX model, or the provider is not installed.
    """
    import onnxruntime

    if not path.is_file():
        raise UserError(f"{path}: must be an ONNX file, found none; check the path")
    installed = onnxruntime.get_available_providers()
    if provider not in installed:
        raise UserError(
            f"provider: must be one that this onnxruntime has ({', '.join(installed)}), "
            f"got '{provider}'; {PACKAGES.get(provider, 'see onnxruntime.ai for its package')}"
        )
    if options is None:
        options = session_options(threads)
    wanted = (provider, provider_options) if provider_options else provider
    try:
        session = onnxruntime.InferenceSession(
            str(path), options, providers=[wanted],
            # From the CPU there is nothing to fall back to, and it says so on stdout.
            enable_fallback=int(provider != CPU),
        )
    except MemoryError:
        raise
    except Exception as error:  # each of onnxruntime's derives from Exception directly, some of
        # its messages are no UTF-8, and a damaged file gives plain RuntimeErrors
        reason = " ".join(str(error).split())[:200]
        raise UserError(
            f"{path}: must be an ONNX model that onnxruntime can load, got: {reason}; "
            "pass a file that `edgessl export --onnx` wrote"
        ) from error
    if session.get_providers()[0] != provider:  # onnxruntime falls back without a word
        raise UserError(
            f"provider: '{provider}' is installed but does not start on this machine; "
            "check its driver, or use --device cpu"
        )
    return session
