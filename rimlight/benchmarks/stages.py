"""The parts of a frame's way as cases to time: shrink, network, last layers, blur, and the full-resolution pass.

Letters: H, W full size; h, w internal size.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle

import numpy as np

from rimlight import assets
from rimlight.backends import Backend, Memory, open_backend
from rimlight.benchmarks.footage import backdrop, clip_file, decoded
from rimlight.benchmarks.timing import Case
from rimlight.compose import Backing, Compositor, blurred, low_alpha
from rimlight.errors import BackendError, MissingExtraError
from rimlight.kernels import tail
from rimlight.kernels.parallel import over_rows, threads
from rimlight.pixels import Shrinker, empty_i420, to_i420, to_rgb
from rimlight.realtime.session import Settings
from rimlight.signature import internal_size
from rimlight.types import Coefficients, FloatArray, Pixels, Size, UInt8Array

DISTINCT = 12  # frames of each size that the cases go through
SETTLE = 3  # frames until the memory is full
BLUR = 0.5
# Input, output and backdrop of the full-resolution pass: a picture is sharp, as RGB or as planes; a blur is soft.
PASSES = (
    ("rgb", "rgb", "sharp"), ("rgb", "rgb", "soft"), ("i420", "i420", "sharp"), ("i420", "i420", "sharp planes"),
    ("i420", "i420", "soft"), ("i420", "rgb", "sharp"), ("i420", "rgb", "soft"), ("i420", "rgba", "transparent"),
    ("rgb", "rgba", "transparent"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Scene:
    """Frames of one size, planes as decoded and as (H, W, 3) RGB, and how the network sees them (3, h, w)."""

    full: Size
    planes: list[Pixels]
    images: list[UInt8Array]
    smalls: list[FloatArray]

    @property
    def small(self) -> Size:
        return Size(*self.smalls[0].shape[1:])


def scene_of(full: Size, long_side: int) -> Scene:
    """Frames of the portrait at a size; raises SinkError if the clip cannot be kept."""
    planes = decoded(clip_file(full), DISTINCT)
    shrink = Shrinker(full, internal_size(full, long_side))
    return Scene(full, planes, [to_rgb(pixels) for pixels in planes], [shrink(pixels).copy() for pixels in planes])


def open_backends(
    names: Sequence[str], small: Size, settings: Settings
) -> tuple[dict[str, Backend], dict[str, str]]:  # fmt: skip
    """Backends by name at an internal size, and the reason of every one that cannot be had here."""
    opened: dict[str, Backend] = {}
    absent: dict[str, str] = {}
    for name in names:
        options = {} if name == "fake" else settings.backend_options()
        try:
            opened[name] = open_backend(name, small, **options)
        except (BackendError, MissingExtraError) as error:
            absent[name] = str(error)
    return opened, absent


def coefficients_of(backend: Backend, scene: Scene) -> Coefficients:
    """What a backend says of a frame once its memory is full, in arrays of its own."""
    memory = backend.empty_memory()
    for small in scene.smalls[:SETTLE]:
        found, memory = backend.step(small, memory)
    return Coefficients(found.scale.copy(), found.offset.copy())


def shrink_cases(scene: Scene) -> Iterator[Case]:
    """Frame to network input, from planes and from RGB."""
    for kind, frames in (("i420", scene.planes), ("rgb", scene.images)):
        shrink = Shrinker(scene.full, scene.small)
        yield Case(("shrink", kind, str(scene.full)), _over(shrink, frames))


def network_cases(backends: dict[str, Backend], scene: Scene) -> Iterator[Case]:
    """One step of each backend, from network input to coefficients."""
    for name, backend in backends.items():
        yield Case(("network", name, str(scene.small)), _Steps(backend, scene.smalls))


class _Steps:
    """A backend's steps, each with the memory of the one before."""

    def __init__(self, backend: Backend, smalls: Sequence[FloatArray]) -> None:
        self._backend, self._smalls = backend, cycle(smalls)
        self._memory: Memory = backend.empty_memory()

    def __call__(self) -> None:
        _, self._memory = self._backend.step(next(self._smalls), self._memory)


def tail_cases(scene: Scene) -> Iterator[Case]:
    """The compiled last layers, from hidden features in bfloat16 and float32; part of OpenVINO's network step."""
    with np.load(assets.asset(f"{assets.DEFAULT}-tail.npz").path) as arrays:
        weights = tail.TailWeights(**arrays)
    height, width = scene.small.height, scene.small.width
    noise = np.random.default_rng(0).random((tail.HIDDEN, height, width), np.float32)
    packed = np.ascontiguousarray((noise.transpose(1, 2, 0).copy().view(np.uint32) >> 16).astype(np.uint16))
    nothing = {"bf16": np.empty((0, 0, 0), np.float32), "f32": np.empty((0, 0, 0), np.uint16)}
    for kind, bits, floats in (("bf16", packed, nothing["bf16"]), ("f32", nothing["f32"], noise)):
        rings, rows, runs = tail.scratch_for(threads(), width)
        out = [np.zeros((4, height, width), np.float32) for _ in range(2)]
        arguments = (rings, rows, rows.view(np.uint32), runs, scene.smalls[0], bits, floats, weights, *out)
        yield Case(("tail", kind, str(scene.small)), _rows_call(tail.coefficients, height, arguments))


def blur_cases(scene: Scene, coefficients: Coefficients) -> Iterator[Case]:
    """The blurred scene as a backdrop, at internal size."""
    small = scene.smalls[0]
    yield Case(
        ("backdrop", "blur", str(scene.small)), lambda: blurred(small, low_alpha(coefficients, small), BLUR)
    )  # fmt: skip


def pass_cases(scene: Scene, coefficients: Coefficients) -> Iterator[Case]:
    """The full-resolution pass by input, output and backdrop."""
    small = scene.smalls[0]
    behind = backdrop(scene.full)
    backings: dict[str, Backing] = {
        "sharp": behind,
        "sharp planes": to_i420(behind),
        "soft": blurred(small, low_alpha(coefficients, small), BLUR),
        "transparent": None,
    }
    for source, target, kind in PASSES:
        frames = scene.images if source == "rgb" else scene.planes
        paint = _paint(scene, coefficients, backings[kind], target)
        yield Case(("pass", f"{source} to {target}, {kind}", str(scene.full)), _over(paint, frames))


def _over(call: Callable[[Pixels], object], frames: Sequence[Pixels]) -> Callable[[], object]:
    """A call without arguments that takes the next frame each time."""
    turn = cycle(frames)
    return lambda: call(next(turn))


def _paint(
    scene: Scene, coefficients: Coefficients, backing: Backing, target: str
) -> Callable[[Pixels], None]:  # fmt: skip
    compositor = Compositor(scene.full, scene.small)
    shape = (scene.full.height, scene.full.width, 4 if target == "rgba" else 3)
    out: Pixels = empty_i420(scene.full) if target == "i420" else np.zeros(shape, np.uint8)
    return lambda pixels: compositor.compose(pixels, coefficients, backing, out)


def _rows_call(kernel: Callable[..., None], rows: int, arguments: tuple[object, ...]) -> Callable[[], None]:
    return lambda: over_rows(kernel, rows, *arguments)
