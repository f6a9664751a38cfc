"""The GPU without a framework: `open_driver` for memory, copies, kernels and graphs through cuda-python or pycuda."""

from __future__ import annotations

import importlib
import importlib.util

from rimlight.errors import BackendError, MissingExtraError
from rimlight.gpu.driver import Driver

# name: (module, what it imports, package that has it, extra that brings it)
BINDINGS = {
    "cuda-python": ("on_cuda_python", "cuda.bindings", "cuda-bindings", "tensorrt"),
    "pycuda": ("on_pycuda", "pycuda", "pycuda", "pycuda"),
}


def installed(name: str) -> bool:
    """Whether a binding can be imported, without importing it."""
    try:
        return importlib.util.find_spec(BINDINGS[name][1]) is not None
    except ModuleNotFoundError:  # not even the package around it
        return False


def open_driver(name: str = "auto", device: int = 0) -> Driver:
    """Open a GPU through a binding; "auto" takes the first of cuda-python and pycuda that is installed.

    Raises BackendError for an unknown name and where there is no such GPU or no driver for it, MissingExtraError where
    the binding is not installed.
    """
    if name == "auto":
        name = next((candidate for candidate in BINDINGS if installed(candidate)), "cuda-python")
    if name not in BINDINGS:
        raise BackendError(f"no binding {name!r} to NVIDIA's driver; there are auto, {', '.join(BINDINGS)}")
    module, _, package, extra = BINDINGS[name]
    if not installed(name):
        raise MissingExtraError("work on an NVIDIA GPU", package, extra)
    return Driver(importlib.import_module(f"rimlight.gpu.{module}").open_binding(device))


__all__ = ["BINDINGS", "Driver", "installed", "open_driver"]
