"""Backends by name; each imports its runtime only when it is opened."""

from __future__ import annotations

import importlib
import importlib.util
from typing import Any

from rimlight.backends import tensorrt_compat
from rimlight.backends.base import Backend, Memory
from rimlight.errors import BackendError, MissingExtraError
from rimlight.types import Size

# name: (module, class, package that must be there, extra that brings it)
BACKENDS = {
    "openvino": ("on_openvino", "OpenVinoBackend", "openvino", "openvino"),
    "onnx": ("on_onnx", "OnnxBackend", "onnxruntime", ""),
    "torch": ("on_torch", "TorchBackend", "torch", "torch"),
    "tensorrt": ("on_tensorrt", "TensorRtBackend", "tensorrt", "tensorrt"),
    "fake": ("fake", "FakeBackend", "numpy", ""),
}
FASTEST_FIRST = ("openvino", "onnx")  # on a processor


def installed(name: str) -> bool:
    """Whether the runtime of a backend can be imported, without importing it."""
    if name == "tensorrt":
        return tensorrt_compat.installed()
    return importlib.util.find_spec(BACKENDS[name][2]) is not None


def fastest() -> str:
    """The backend that "auto" is: TensorRT where it and a GPU are there, else the fastest that is installed."""
    if tensorrt_compat.ready():
        return "tensorrt"
    return next((candidate for candidate in FASTEST_FIRST if installed(candidate)), "onnx")


def chosen(name: str) -> str:
    """The name of an installed backend: name itself, or for "auto" the fastest one that is installed.

    Raises BackendError for an unknown name, MissingExtraError when its runtime is not installed.
    """
    if name == "auto":
        name = fastest()
    if name not in BACKENDS:
        raise BackendError(f"no backend {name!r}; there are auto, {', '.join(BACKENDS)}")
    _, _, package, extra = BACKENDS[name]
    if not installed(name):
        raise MissingExtraError(f"the {name} backend", package, extra or "openvino")
    return name


def open_backend(name: str, size: Size, batch: int = 1, **options: Any) -> Backend:
    """Open a backend at an internal size; "auto" takes the fastest one that is installed.

    Raises BackendError for an unknown name or an absent device, MissingExtraError when its runtime is not installed.
    """
    module, class_name, _, _ = BACKENDS[chosen(name)]
    backend: type[Backend] = getattr(importlib.import_module(f"rimlight.backends.{module}"), class_name)
    return backend(size, batch, **options)


__all__ = ["BACKENDS", "Backend", "Memory", "chosen", "fastest", "installed", "open_backend"]
