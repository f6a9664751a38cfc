"""`rimlight bench` on stand-ins, as scripts/gpu_check --stand-in calls it: gpu --device cpu --out FOLDER …

Inside, the driver's stand-in is plugged in and a stand-in for TensorRT is installed, so that all of a run can be tried
out on a machine that has neither. Where compilers or a binding are missing, TensorRT is absent as it is elsewhere.
"""

from __future__ import annotations

import shutil
import tempfile
from contextlib import ExitStack
from pathlib import Path

import pytest

import rimlight.gpu.compile
from rimlight.benchmarks.cli import bench
from rimlight.gpu import BINDINGS, installed
from tests.gpu.standin.library import StandIn, StandInCompiler, build_kernels, build_library
from tests.gpu.tensorrt_here import tensorrt_here


def plug_in(stack: ExitStack) -> None:
    """From here on, until the stack closes, there is a GPU with TensorRT."""
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="rimlight-standin-")))
    parts = [folder / name for name in ("libcuda", "kernels", "cache")]
    for part in parts:
        part.mkdir()
    library = StandIn(build_library(parts[0]))
    library.use(build_kernels(parts[1]))
    patch = stack.enter_context(pytest.MonkeyPatch.context())
    patch.setattr(rimlight.gpu.compile, "cache_folder", lambda: parts[2])
    patch.setattr(rimlight.gpu.compile, "find_compiler", StandInCompiler)
    stack.enter_context(library.plugged())
    stack.enter_context(tensorrt_here("10", parts[2]))


def main() -> None:
    with ExitStack() as stack:
        if shutil.which("gcc") and shutil.which("g++") and any(map(installed, BINDINGS)):
            plug_in(stack)
        bench()
