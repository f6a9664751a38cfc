"""Builds the stand-in for NVIDIA's driver library and loads it in its place, so that the real bindings run on it."""

from __future__ import annotations

import atexit
import ctypes
import importlib.util
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

from rimlight.gpu.compile import KERNELS
from rimlight.gpu.compilers import Compiler

HERE = Path(__file__).parent
PROBE = HERE / "probe.cu"
SOURCES = ("device.c", "memory.c", "work.c", "graphs.c")
FIELDS = (
    "plugged", "memory_bytes", "capability_major", "capability_minor", "driver_version",
    "fault_at", "fault_code", "fault_stays", "sick", "hang",
    "uploads", "upload_bytes", "downloads", "download_bytes", "copies", "clears", "launches", "graph_launches",
    "calls", "blocked", "overruns",
    "retained",
)  # fmt: skip
RESOURCES = ("buffers", "host_blocks", "streams", "events", "graphs", "modules")
IMAGE = b"\x7fELF of the stand-in, which looks at the first bytes only\0"


class State(ctypes.Structure):
    """What standin.h shares with tests: settings first, then counts."""

    _fields_ = tuple((name, ctypes.c_long) for name in FIELDS + RESOURCES)


class StandIn:
    """The library in this process; `state` is read and set by tests."""

    def __init__(self, library: Path) -> None:
        self._library = ctypes.CDLL(str(library), mode=ctypes.RTLD_GLOBAL)
        self.state = State.in_dll(self._library, "standin")

    def use(self, kernels: Path) -> None:
        """Modules that are loaded from now on have these kernels."""
        self._library.standin_kernels_at(str(kernels).encode())

    @property
    def overruns(self) -> int:
        """How many blocks of memory were written outside."""
        return int(self._library.standin_overruns())

    @property
    def held(self) -> dict[str, int]:
        """What was made and not given back since the stand-in was plugged in."""
        now = {name: getattr(self.state, name) - self._before[name] for name in RESOURCES}
        return {name: count for name, count in now.items() if count}

    @contextmanager
    def plugged(self) -> Iterator[StandIn]:
        """A GPU is there inside, of the usual settings and with nothing counted; outside the driver finds none."""
        fresh = State(plugged=1, memory_bytes=1 << 30, capability_major=8, capability_minor=9, driver_version=13050)
        for name in FIELDS[:-1]:
            setattr(self.state, name, getattr(fresh, name))
        self._library.standin_forget()
        self._before = {name: getattr(self.state, name) for name in RESOURCES}
        try:
            yield self
        finally:
            self.state.plugged = self.state.hang = self.state.sick = self.state.fault_at = 0


class StandInCompiler(Compiler):
    """Says that it compiled: the kernels are in the stand-in already."""

    name, version, capabilities = "standin", (13, 0), (89,)

    def compile(self, program: str, folder: Path, architecture: str) -> bytes:
        assert program
        assert folder.is_dir()
        assert architecture == "sm_89"
        return IMAGE


@lru_cache(maxsize=1)
def real_driver() -> bool:
    """Whether NVIDIA's own driver library is on this machine; asked before the stand-in is loaded in its place."""
    try:
        ctypes.CDLL("libcuda.so.1")
    except OSError:
        return False
    return True


@lru_cache(maxsize=1)
def standin_here() -> StandIn | None:
    """The stand-in, built and loaded once in a process; None where the real driver is."""
    if real_driver():
        return None
    folder = Path(tempfile.mkdtemp(prefix="rimlight-standin-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    library = StandIn(build_library(folder))
    library.use(build_kernels(folder))
    return library


def build_library(folder: Path) -> Path:
    """libcuda.so.1 in the folder, compiled by gcc, with all names that installed bindings want at loading."""
    missing = folder / "missing.c"
    missing.write_text("".join(f"int {name}(void) {{ return 801; }}\n" for name in sorted(_names_nobody_calls())))
    library = folder / "libcuda.so.1"
    _run("gcc", "-std=gnu11", "-Wall", "-Wextra", "-Werror", "-O1", "-fPIC", "-shared", "-pthread",
         "-Wl,-soname,libcuda.so.1", "-o", library, *(HERE / name for name in SOURCES), missing, "-ldl")  # fmt: skip
    return library


def build_kernels(folder: Path) -> Path:
    """The kernels of the package and the probe's, compiled for the host by g++."""
    sources = [*sorted(KERNELS.glob("*.cu")), PROBE]
    names = [name for path in sources for name in re.findall(r'extern "C" __global__ void (\w+)\(', path.read_text())]
    includes = "".join(f'#include "{path}"\n' for path in [HERE / "cuda_shim.h", *sources])
    (folder / "kernels.cpp").write_text(includes + "".join(f"CUDA_SHIM_KERNEL({name})\n" for name in names))
    library = folder / "kernels.so"
    _run("g++", "-std=c++17", "-O2", "-fPIC", "-shared", "-fno-strict-aliasing", "-ffp-contract=off", f"-I{KERNELS}",
         "-o", library, folder / "kernels.cpp")  # fmt: skip
    return library


def _names_nobody_calls() -> set[str]:
    """pycuda is linked with the driver: a name that the stand-in lacks would keep it from loading."""
    spec = importlib.util.find_spec("pycuda")
    if spec is None or not spec.submodule_search_locations:
        return set()
    extension = next(Path(spec.submodule_search_locations[0]).glob("_driver*.so"))
    wanted = set(re.findall(r"U (cu[A-Z]\w+)", _run("nm", "-D", "--undefined-only", extension)))
    text = "".join((HERE / name).read_text() for name in SOURCES)
    return wanted - set(re.findall(r"^int (cu\w+)\(", text, re.MULTILINE))


def _run(*command: str | Path) -> str:
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False)
    if done.returncode:
        sys.stderr.write(done.stderr)
        raise RuntimeError(f"{command[0]} failed with {done.returncode}: {done.stderr[-2000:]}")
    return done.stdout
