"""Kernels are compiled by real compilers for GPUs that need not be here, and kept until something changes."""

from __future__ import annotations

import re
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import rimlight.gpu.compilers
from rimlight.errors import BackendError, MissingExtraError
from rimlight.gpu.compile import KERNELS, architecture_for, cache_folder, compiled
from rimlight.gpu.compilers import Compiler, Nvcc, Nvrtc, find_compiler
from rimlight.gpu.resources import DeviceInfo
from tests.conftest import need

TARGETS = [("nvrtc", number) for number in (75, 80, 86, 89, 90, 100, 120)] + [("nvcc", 75), ("nvcc", 90)]
NAMES = [
    name.encode()
    for path in KERNELS.glob("*.cu")
    for name in re.findall(r'extern "C" __global__ void (\w+)\(', path.read_text())
]


def device(number: int, driver_version: int = 13000) -> DeviceInfo:
    return DeviceInfo("NVIDIA X", divmod(number, 10), driver_version, 1 << 34)


class Counting(Compiler):
    """Compiles nothing, and counts how often."""

    name, version, capabilities = "counting", (13, 2), (75, 89, 120)

    def __init__(self) -> None:
        self.programs: list[tuple[str, str]] = []

    def compile(self, program: str, folder: Path, architecture: str) -> bytes:  # noqa: ARG002
        self.programs.append((program, architecture))
        return f"image {len(self.programs)} for {architecture}".encode()


@pytest.fixture
def compiler() -> Counting:
    return Counting()


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    folder = tmp_path / "sources"
    folder.mkdir()
    for name in ("b.cu", "a.cu", "c.h"):
        (folder / name).write_text(f"// {name}\n")
    return folder


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "new" / "cache"


def real(name: str) -> Compiler:
    """A compiler that is installed; the test is skipped where it is not."""
    if name == "nvcc":
        path = shutil.which("nvcc")
        need("nvcc", path is not None, "nvcc is not on the path")
        return Nvcc(str(path))
    try:
        return Nvrtc()
    except (ImportError, RuntimeError) as error:
        need("nvrtc", False, f"cuda-python with NVRTC is not installed: {type(error).__name__}")
        raise


@pytest.mark.parametrize(("name", "number"), TARGETS)
def test_the_kernels_compile_for(name: str, number: int, cache: Path) -> None:
    compiler = real(name)
    if number not in compiler.capabilities:
        pytest.skip(f"{compiler} does not know sm_{number}")
    image = compiled(compiler, device(number, 99000), KERNELS, cache)
    assert image.startswith(b"\x7fELF")
    assert [name for name in NAMES if name not in image] == []


@pytest.mark.parametrize("name", ["nvrtc", "nvcc"])
def test_the_kernels_compile_to_ptx_for_a_gpu_of_the_future(name: str, cache: Path) -> None:
    compiler = real(name)
    image = compiled(compiler, device(990, 99000), KERNELS, cache).decode()
    assert f".target sm_{compiler.capabilities[-1]}" in image
    assert all(f".entry {name.decode()}(" in image for name in NAMES)


@pytest.mark.parametrize("name", ["nvrtc", "nvcc"])
def test_an_error_in_a_kernel_is_told_with_its_line(name: str, sources: Path, cache: Path) -> None:
    (sources / "b.cu").write_text('extern "C" __global__ void broken() {\n    nonsense();\n}\n')
    with pytest.raises(BackendError, match=r'b\.cu\(2\): error: identifier "nonsense" is undefined'):
        compiled(real(name), device(89, 99000), sources, cache)


def test_all_sources_are_one_program_in_order(compiler: Counting, sources: Path, cache: Path) -> None:
    compiled(compiler, device(89), sources, cache)
    assert compiler.programs == [('#include "a.cu"\n#include "b.cu"\n', "sm_89")]


def test_a_second_start_compiles_nothing(compiler: Counting, sources: Path, cache: Path) -> None:
    first = compiled(compiler, device(89), sources, cache)
    assert compiled(compiler, device(89), sources, cache) == first
    assert len(compiler.programs) == 1


@pytest.mark.parametrize("changed", ["a.cu", "c.h", "new.h", "gone", "renamed"])
def test_a_change_of_any_source_compiles_anew(compiler: Counting, sources: Path, cache: Path, changed: str) -> None:
    compiled(compiler, device(89), sources, cache)
    if changed == "gone":
        (sources / "b.cu").unlink()
    elif changed == "renamed":
        (sources / "c.h").rename(sources / "d.h")
    else:
        (sources / changed).write_text("// other\n")
    assert compiled(compiler, device(89), sources, cache) == b"image 2 for sm_89"


def test_another_gpu_or_compiler_has_its_own_file(compiler: Counting, sources: Path, cache: Path) -> None:
    compiled(compiler, device(89), sources, cache)
    compiled(compiler, device(120), sources, cache)
    compiler.version = (13, 3)
    compiled(compiler, device(89, 14000), sources, cache)
    assert len(compiler.programs) == 3
    assert sorted(path.name.rpartition("-")[0] for path in cache.iterdir()) == [
        "sm_120-counting-13.2", "sm_89-counting-13.2", "sm_89-counting-13.3",
    ]  # fmt: skip


@pytest.mark.parametrize(("kept", "more"), [(0, b""), (20, b""), (-1, b""), (40, b"damage"), (None, b"more")])
def test_a_damaged_file_is_compiled_anew(
    compiler: Counting, sources: Path, cache: Path, kept: int | None, more: bytes
) -> None:
    compiled(compiler, device(89), sources, cache)
    (path,) = cache.iterdir()
    path.write_bytes(path.read_bytes()[:kept] + more)
    assert compiled(compiler, device(89), sources, cache) == b"image 2 for sm_89"
    assert compiled(compiler, device(89), sources, cache) == b"image 2 for sm_89"


def test_without_a_cache_it_works_all_the_same(compiler: Counting, sources: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for n in (1, 2):
        assert compiled(compiler, device(89), sources, tmp_path / "file" / "cache") == f"image {n} for sm_89".encode()


def test_writers_at_once_leave_one_whole_file(compiler: Counting, sources: Path, cache: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        images = [pool.submit(compiled, compiler, device(89), sources, cache) for _ in range(32)]
    assert all(image.result().startswith(b"image ") for image in images)
    assert len(list(cache.iterdir())) == 1
    compiler.programs.clear()
    compiled(compiler, device(89), sources, cache)
    assert compiler.programs == []


def test_a_newer_gpu_gets_ptx_of_the_newest_that_is_known(compiler: Counting) -> None:
    assert architecture_for(compiler, device(103)) == "compute_89"
    assert architecture_for(compiler, device(130)) == "compute_120"


def test_an_older_gpu_is_refused(compiler: Counting) -> None:
    with pytest.raises(BackendError, match=r"NVIDIA X has compute capability 6.1, and counting-13.2 compiles for 7.5"):
        architecture_for(compiler, device(61))


def test_an_older_driver_is_told_what_fits_it(compiler: Counting) -> None:
    with pytest.raises(BackendError, match=r"CUDA 13.2, the driver only of CUDA 12.4; .*'cuda-bindings<13' .*-cu12"):
        architecture_for(compiler, device(89, 12040))


def test_the_cache_is_in_the_users_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "rimlight" / "gpu"


def fail() -> Compiler:
    raise ImportError("cuda")


def test_without_nvrtc_nvcc_is_taken(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    nvcc = tmp_path / "bin" / "nvcc"
    nvcc.parent.mkdir()
    nvcc.write_text('#!/bin/sh\necho "release 12.6, V12.6.1"; echo compute_90; echo compute_50\n')
    nvcc.chmod(0o755)
    monkeypatch.setattr(rimlight.gpu.compilers, "Nvrtc", fail)
    monkeypatch.setenv("CUDA_HOME", str(tmp_path))
    find_compiler.cache_clear()
    found = find_compiler()
    find_compiler.cache_clear()
    assert (str(found), found.capabilities) == ("nvcc-12.6", (50, 90))


def test_without_any_compiler_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rimlight.gpu.compilers, "Nvrtc", fail)
    for name in ("CUDA_HOME", "CUDA_PATH", "PATH"):
        monkeypatch.setenv(name, "")
    find_compiler.cache_clear()
    with pytest.raises(MissingExtraError, match=r"needs nvidia-cuda-nvrtc.*rimlight\[tensorrt\]"):
        find_compiler()


def test_an_nvcc_that_does_not_run_says_so(tmp_path: Path) -> None:
    with pytest.raises(BackendError, match=r"does not run: .*reinstall the CUDA toolkit"):
        Nvcc(str(tmp_path / "nvcc"))
    broken = tmp_path / "broken"
    broken.write_text("#!/bin/sh\necho no licence >&2; exit 3\n")
    broken.chmod(0o755)
    with pytest.raises(BackendError, match="failed with 3: no licence"):
        Nvcc(str(broken))
