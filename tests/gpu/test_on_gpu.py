"""What only a GPU can show: that pictures there are the processor's, what crosses the bus, and how long a frame takes.

RIMLIGHT_GPU=stand-in runs the same on the processor, at tiny sizes, with stand-ins for the driver and for TensorRT:
that shows that these tests run, and measures nothing. RIMLIGHT_GPU_REPORT: a file that gets a line of JSON for every
figure.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rimlight.backends.device_path import DevicePath, SceneBlur
from rimlight.compose import EdgeOptions, low_alpha
from rimlight.gpu.layout import HEADER_BYTES, Form, picture_bytes, room_bytes
from rimlight.types import I420, Pixels, Size, UInt8Array
from tests.conftest import need
from tests.gpu.tensorrt_here import tensorrt_here

pytestmark = pytest.mark.gpu

STAND_IN = os.environ.get("RIMLIGHT_GPU") == "stand-in"
SIZE, FRAMES = (Size(64, 96), 10) if STAND_IN else (Size(288, 512), 60)
FULL, SMALL = (Size(90, 160), Size(48, 80)) if STAND_IN else (Size(720, 1280), Size(288, 512))
PLAIN = EdgeOptions()
MOST_ALPHA = 0.1 if STAND_IN else 5e-3  # the stand-in's float16 engine has all layers in it, and rounds as it likes
MOST_LEVELS = 4
KINDS = ("torch", "tensorrt")


@dataclass(frozen=True, slots=True)
class Rig:
    """kind: of the paths that it opens; device: as --device names it."""

    kind: str
    device: str

    def open(self, full: Size, small: Size) -> DevicePath:
        if self.kind == "torch":
            from rimlight.backends.torch_path import TorchPath

            return TorchPath(full, small, device=self.device)
        from rimlight.backends.tensorrt_path import TensorRtPath

        return TensorRtPath(full, small, self.device, level=1)


@pytest.fixture(params=KINDS)
def rig(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Rig]:
    torch = pytest.importorskip("torch", reason="the torch extra is not installed")
    if STAND_IN and request.param == "torch":
        yield Rig("torch", "cpu")
    elif STAND_IN:
        request.getfixturevalue("standin")
        with tensorrt_here("10", tmp_path):
            yield Rig("tensorrt", "cuda")
    else:
        need("gpu", torch.cuda.is_available(), "PyTorch sees no GPU")
        if request.param == "tensorrt":
            names = ("tensorrt", "tensorrt_rtx")
            need("tensorrt", any(map(find_spec, names)), "neither TensorRT nor TensorRT-RTX is installed")
        yield Rig(request.param, "cuda")


@pytest.fixture
def path(rig: Rig) -> Iterator[DevicePath]:
    opened = rig.open(FULL, SMALL)
    yield opened
    opened.close()


@pytest.fixture
def report(rig: Rig) -> Callable[..., None]:
    """Keeps a figure for the table that scripts/gpu_check prints."""

    def keep(check: str, found: float, wanted: str = "") -> None:
        line = {"check": check, "who": rig.kind, "found": found, "wanted": wanted, "stand_in": STAND_IN}
        print(line)
        if place := os.environ.get("RIMLIGHT_GPU_REPORT"):
            with Path(place).open("a") as file:
                file.write(json.dumps(line) + "\n")

    return keep


def clip(frames: int, size: Size) -> tuple[list[UInt8Array], list[bool]]:
    """The parity clip as a camera gives it: pictures (H, W, 3) and whether each is a cut."""
    from rimlight.export.parity import clip as images_of

    images, cuts = images_of(frames, size)
    return [np.ascontiguousarray(np.round(image.transpose(1, 2, 0) * 255).astype(np.uint8)) for image in images], cuts


def test_alpha_is_that_of_torch_in_float32(rig: Rig, report: Callable[..., None]) -> None:
    from rimlight.backends.on_torch import TorchBackend

    pictures, cuts = clip(FRAMES, SIZE)
    reference, path = TorchBackend(SIZE, device="cpu", precision="f32"), rig.open(SIZE, SIZE)
    memory, errors = reference.empty_memory(), []
    for picture, cut in zip(pictures, cuts, strict=True):
        image = np.ascontiguousarray(picture.transpose(2, 0, 1), np.float32) / 255
        (wanted,), memory = reference.clip(image[None], memory, [cut])
        small, found = path.look(path.matte(picture, cut))
        assert np.abs(small - image).max() < 1e-3
        errors.append(np.abs(low_alpha(found, small) - low_alpha(wanted, image)))
    path.close()
    worst = int(np.argmax([error.max() for error in errors]))
    report("alpha, largest error", float(errors[worst].max()), f"< {MOST_ALPHA:g}")
    report("alpha, mean error", float(np.mean(errors)))
    assert errors[worst].max() < MOST_ALPHA, f"frame {worst}; cuts at {[t for t, cut in enumerate(cuts) if cut]}"


def empty(size: Size, form: Form) -> Pixels:
    if form == "i420":
        half = ((size.height + 1) // 2, (size.width + 1) // 2)
        return I420(np.zeros((size.height, size.width), np.uint8), *np.zeros((2, *half), np.uint8))
    return np.zeros((size.height, size.width, 3 if form == "rgb" else 4), np.uint8)


def flat(pixels: Pixels) -> np.ndarray[Any, Any]:
    arrays = [pixels.y, pixels.u, pixels.v] if isinstance(pixels, I420) else [pixels]
    return np.concatenate([array.reshape(-1) for array in arrays]).astype(int)


@pytest.mark.parametrize("form", ["rgb", "rgba", "i420"])
def test_pictures_are_those_of_the_processor(path: DevicePath, form: Form, report: Callable[..., None]) -> None:
    from rimlight.backends.torch_path import TorchPath

    pictures, cuts = clip(6, FULL)
    processor = TorchPath(FULL, SMALL, device="cpu")
    worst, total = 0, 0.0
    for picture, cut in zip(pictures, cuts, strict=True):
        outs = [empty(FULL, form), empty(FULL, form)]
        behind = None if form == "rgba" else SceneBlur(0.5)
        for one, out in zip((path, processor), outs, strict=True):
            one.paint(one.matte(picture, cut), behind, PLAIN, out)
        difference = np.abs(flat(outs[0]) - flat(outs[1]))
        if form == "rgba":  # where nothing is seen, no colour counts
            seen = np.repeat(outs[0][:, :, 3].reshape(-1) > 8, 4)  # type: ignore[index]
            difference = difference[seen]
        worst, total = max(worst, int(difference.max())), total + float(difference.mean()) / len(pictures)
    processor.close()
    report(f"{form}, largest difference in grey levels", worst, f"<= {MOST_LEVELS}")
    report(f"{form}, mean difference in grey levels", total, "< 0.2")
    assert worst <= MOST_LEVELS
    assert total < 0.2


def test_a_frame_crosses_the_bus_once_each_way(path: DevicePath, report: Callable[..., None]) -> None:
    """The memory of two frames, the maps and the blurred scene stay where they are."""
    (picture, *_), _ = clip(4, FULL)
    out = empty(FULL, "i420")

    def frames(count: int) -> None:
        for _ in range(count):
            path.paint(path.matte(picture), SceneBlur(0.5), PLAIN, out)

    frames(path.RING + 1)  # opens, records and compiles
    ups, downs = crossings(path, lambda: frames(8))
    report("uploads of 8 frames", ups, "8")
    report("downloads of 8 frames", downs, "8")
    assert (ups, downs) == (8, 8)


def crossings(path: DevicePath, work: Callable[[], None]) -> tuple[int, int]:
    """How many copies go up and come down meanwhile, by the driver's count or the profiler's."""
    if path.name == "tensorrt":
        driver = path._network.driver  # type: ignore[attr-defined]
        before = driver.traffic
        before = (before.uploads, before.upload_bytes, before.downloads, before.download_bytes)
        work()
        after = driver.traffic
        ups, downs = after.uploads - before[0], after.downloads - before[2]
        assert after.upload_bytes - before[1] == ups * (HEADER_BYTES + picture_bytes(FULL, "rgb"))
        assert after.download_bytes - before[3] == downs * room_bytes(FULL, "i420")
        return ups, downs
    if STAND_IN:
        pytest.skip("PyTorch counts no copies on a processor")
    from torch.profiler import ProfilerActivity, profile

    with profile(activities=[ProfilerActivity.CPU, ProfilerActivity.CUDA]) as seen:
        work()
    names = [event.name for event in seen.events()]
    return sum("Memcpy HtoD" in name for name in names), sum("Memcpy DtoH" in name for name in names)


def test_the_devices_clock_gives_a_latency(path: DevicePath, report: Callable[..., None]) -> None:
    (picture, *_), _ = clip(4, FULL)
    out = empty(FULL, "i420")
    times = np.array([path.timed(picture, SceneBlur(0.5), PLAIN, out) for _ in range(10 if STAND_IN else 200)])
    assert (times >= 0).all()
    for name, column in (("up and matted", times[:, 0]), ("painted and down", times[:, 1]), ("whole", times.sum(1))):
        p50, p99 = np.percentile(column[len(column) // 4 :], (50, 99))
        report(f"{FULL}, {name}, p50 ms", float(p50))
        report(f"{FULL}, {name}, p99 ms", float(p99))
