"""The two compilers of CUDA: NVRTC, a library with a wheel, and nvcc of the CUDA toolkit."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from abc import ABC, abstractmethod
from functools import lru_cache
from pathlib import Path
from typing import Any

from rimlight.errors import BackendError, MissingExtraError

TIMEOUT_S = 300.0
OPTIONS = ("--std=c++17",)


class Compiler(ABC):
    """version: major and minor of its CUDA; capabilities: what it compiles for, such as 75, 80, 120."""

    name: str
    version: tuple[int, int]
    capabilities: tuple[int, ...]

    @abstractmethod
    def compile(self, program: str, folder: Path, architecture: str) -> bytes:
        """Machine code for sm_.., PTX for compute_..; the program includes files of the folder.

        Raises BackendError with the compiler's words.
        """

    def __str__(self) -> str:
        return "{}-{}.{}".format(self.name, *self.version)


class Nvrtc(Compiler):
    """NVRTC through cuda-python."""

    name = "nvrtc"

    def __init__(self) -> None:
        self.version = tuple(_called("nvrtcVersion"))
        self.capabilities = tuple(sorted(_called("nvrtcGetSupportedArchs")))

    def compile(self, program: str, folder: Path, architecture: str) -> bytes:
        handle = _called("nvrtcCreateProgram", program.encode(), b"rimlight.cu", 0, [], [])
        options = [f"--gpu-architecture={architecture}", f"--include-path={folder}", *OPTIONS]
        form = "CUBIN" if architecture.startswith("sm_") else "PTX"
        try:
            _called("nvrtcCompileProgram", handle, len(options), [option.encode() for option in options])
            image = bytes(_called(f"nvrtcGet{form}Size", handle))
            _called(f"nvrtcGet{form}", handle, image)
        except BackendError as error:
            raise BackendError(f"{error}\n{_log(handle)}") from error
        finally:
            _called("nvrtcDestroyProgram", handle)
        return image


class Nvcc(Compiler):
    """The toolkit's compiler, which needs a C++ compiler of the host."""

    name = "nvcc"

    def __init__(self, path: str) -> None:
        self._path = path
        release = re.search(r"release (\d+)\.(\d+)", self._run("--version"))
        if not release:
            raise BackendError(f"{path} does not say its version; reinstall the CUDA toolkit")
        self.version = (int(release[1]), int(release[2]))
        self.capabilities = tuple(sorted(int(number) for number in re.findall(r"_(\d+)", self._run("--list-gpu-arch"))))

    def compile(self, program: str, folder: Path, architecture: str) -> bytes:
        form = "--cubin" if architecture.startswith("sm_") else "--ptx"
        with tempfile.TemporaryDirectory() as place:
            source, out = Path(place, "rimlight.cu"), Path(place, "image")
            source.write_text(program)
            self._run(form, f"--gpu-architecture={architecture}", f"-I{folder}", *OPTIONS, "-o", str(out), str(source))
            return out.read_bytes()

    def _run(self, *arguments: str) -> str:
        try:
            done = subprocess.run(
                [self._path, *arguments], capture_output=True, text=True, timeout=TIMEOUT_S, check=False
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise BackendError(f"{self._path} does not run: {error}; reinstall the CUDA toolkit") from error
        if done.returncode:
            raise BackendError(f"{self._path} failed with {done.returncode}: {done.stderr.strip()[-2000:]}")
        return done.stdout


@lru_cache(maxsize=1)
def find_compiler() -> Compiler:
    """NVRTC where cuda-python and its library are installed, else nvcc of $CUDA_HOME or on the path.

    Raises MissingExtraError where there is neither.
    """
    try:
        return Nvrtc()
    except (ImportError, RuntimeError, OSError):  # without cuda-python; without the library
        pass
    home = os.environ.get("CUDA_HOME") or os.environ.get("CUDA_PATH")
    path = shutil.which("nvcc", path=str(Path(home, "bin"))) if home else None
    path = path or shutil.which("nvcc")
    if path is None:
        raise MissingExtraError("compiling kernels for the GPU", "nvidia-cuda-nvrtc", "tensorrt")
    return Nvcc(path)


def _called(name: str, *arguments: Any) -> Any:
    """What a function of NVRTC gives besides its code."""
    from cuda.bindings import nvrtc

    code, *results = getattr(nvrtc, name)(*arguments)
    if int(code):
        raise BackendError(f"{name} failed: {nvrtc.nvrtcGetErrorString(code)[1].decode()}")
    return results[0] if len(results) == 1 else results


def _log(handle: Any) -> str:
    log = bytes(_called("nvrtcGetProgramLogSize", handle))
    _called("nvrtcGetProgramLog", handle, log)
    return log.rstrip(b"\0\n").decode(errors="replace")[-2000:]
