"""The kernels of this package, compiled for the GPU that is there, once: the result is kept in the user's cache."""

from __future__ import annotations

import hashlib
from pathlib import Path

from rimlight import files
from rimlight.errors import BackendError
from rimlight.gpu.compilers import OPTIONS, Compiler, find_compiler
from rimlight.gpu.driver import Driver
from rimlight.gpu.resources import DeviceInfo, Module

KERNELS = Path(__file__).parent / "kernels"
DIGEST_BYTES = hashlib.sha256().digest_size


def compile_kernels(driver: Driver, folder: Path = KERNELS, cache: Path | None = None) -> Module:
    """All *.cu files of a folder as one module on the driver's GPU.

    Raises MissingExtraError without a compiler, BackendError where it does not fit the GPU or its driver.
    """
    return driver.load(compiled(find_compiler(), driver.info, folder, cache or cache_folder()))


def compiled(compiler: Compiler, device: DeviceInfo, folder: Path, cache: Path) -> bytes:
    """The image from the cache, compiled anew where it is missing or damaged."""
    architecture = architecture_for(compiler, device)
    path = cache / f"{architecture}-{compiler}-{_checksum(folder)}.bin"
    image = _read(path)
    if image is None:
        program = "".join(f'#include "{source.name}"\n' for source in sorted(folder.glob("*.cu")))
        image = compiler.compile(program, folder, architecture)
        files.write_if_possible(path, hashlib.sha256(image).digest() + image)
        files.trim(cache)
    return image


def architecture_for(compiler: Compiler, device: DeviceInfo) -> str:
    """sm_.. where the compiler knows the GPU, PTX of the newest older one for the driver to finish where it is newer.

    Raises BackendError where GPU or driver are too old for the compiler.
    """
    major, minor = compiler.version
    if major > device.driver_version // 1000:
        raise BackendError(
            f"the kernels' compiler is of CUDA {major}.{minor}, the driver only of CUDA {_cuda(device)}; update "
            f"NVIDIA's driver, or run: pip install 'cuda-bindings<{major}' nvidia-cuda-nvrtc-cu{major - 1}"
        )
    number = 10 * device.capability[0] + device.capability[1]
    if number in compiler.capabilities:
        return f"sm_{number}"
    older = [each for each in compiler.capabilities if each < number]
    if not older:
        raise BackendError(
            f"{device.name} has compute capability {number / 10}, and {compiler} compiles for "
            f"{compiler.capabilities[0] / 10} and newer; install an older CUDA, or choose another --backend"
        )
    return f"compute_{older[-1]}"


def cache_folder() -> Path:
    """Where compiled kernels are kept: rimlight/gpu in the user's cache."""
    return files.cache_folder("gpu")


def _cuda(device: DeviceInfo) -> str:
    return f"{device.driver_version // 1000}.{device.driver_version % 1000 // 10}"


def _checksum(folder: Path) -> str:
    digest = hashlib.sha256(" ".join(OPTIONS).encode())
    for path in sorted([*folder.glob("*.cu"), *folder.glob("*.h")]):
        content = path.read_bytes()
        digest.update(f"{path.name} {len(content)}\n".encode() + content)
    return digest.hexdigest()[:16]


def _read(path: Path) -> bytes | None:
    """The image of a cached file, None where it is missing, cut short or damaged."""
    content = files.read_if_there(path)
    digest, image = content[:DIGEST_BYTES], content[DIGEST_BYTES:]
    return image if digest == hashlib.sha256(image).digest() else None
