"""What NVIDIA's driver says, as errors that tell what to do."""

from __future__ import annotations

from rimlight.errors import BackendError

OUT_OF_MEMORY = 2
NOT_READY = 600

_MEND = {
    2: "close other programs that use the GPU, or take a smaller --detail or fewer streams",
    100: "no NVIDIA GPU is here, or this process may not see it: look at nvidia-smi and CUDA_VISIBLE_DEVICES",
    101: "there is no GPU of that number; nvidia-smi -L lists them",
    200: "the file of compiled kernels is damaged",
    218: "the file of compiled kernels is damaged",
    209: "the kernels were compiled for another GPU",
    222: "the driver is older than the compiler: update NVIDIA's driver, or install an older nvidia-cuda-nvrtc",
    500: "the kernels are not what this version of rimlight expects",
    803: "the driver does not fit its kernel module: restart the machine after an update of NVIDIA's driver",
    804: "this GPU works with an exactly fitting driver only: update NVIDIA's driver",
    900: "this may not happen while work is recorded for a graph",
    901: "something happened that may not be recorded for a graph",
}
# After these every further call fails too, until the device has been let go of.
_LASTING = (214, 700, 702, 709, 710, 714, 715, 716, 717, 718, 719, 721, 999)


def fault(code: int, call: str, text: str) -> BackendError:
    """The error for a code that a call of the driver gave; text is the driver's own word for it."""
    if code in _LASTING:
        mend = "the GPU can do no more for it: open the backend again, and if that fails too, start the program again"
    else:
        mend = _MEND.get(code, "open the backend again")
    return BackendError(f"{call} failed: {text} ({code}); {mend}")


def out_of_memory(wanted_bytes: int, free_bytes: int, whole_bytes: int) -> BackendError:
    wanted, free, whole = (size / 2**20 for size in (wanted_bytes, free_bytes, whole_bytes))
    return BackendError(
        f"the GPU is out of memory: wanted {wanted:.1f} MiB, {free:.1f} of {whole:.0f} MiB are free; {_MEND[2]}"
    )


def no_driver(error: Exception) -> BackendError:
    return BackendError(
        f"NVIDIA's driver cannot be loaded ({error}); install the driver of the GPU, or choose another --backend"
    )
