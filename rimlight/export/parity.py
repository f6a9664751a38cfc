"""Whether two ways to run the network say the same of one moving clip: backends by name, or exported files.

The clip is the shipped portrait before a moving camera, with a cut in its middle; every side goes through it step by
step with a memory of its own, so that errors that grow with time show.
Letters: T frames, h, w internal size.
"""

from __future__ import annotations

import math
from contextlib import closing
from dataclasses import astuple, dataclass
from pathlib import Path

import numpy as np

from rimlight.backends import BACKENDS, Backend, open_backend
from rimlight.compose import low_alpha
from rimlight.errors import BackendError, FrameError
from rimlight.export.clips import clip
from rimlight.export.files import SUFFIXES, ExportedFile, FileBackend, is_exported, open_file, read_file
from rimlight.types import Coefficients, FloatArray, Size

DEFAULT_SIZE = Size(288, 512)
VISIBLE = 0.5 / 255  # alpha below it is no foreground


@dataclass(frozen=True, slots=True)
class Errors:
    """Differences of one frame, 0..1: of alpha the largest and the mean, of the foreground the mean where it shows."""

    alpha_max: float
    alpha_mean: float
    foreground: float


# What passes, by the coarser precision of the two sides.
TOLERANCES = {
    "f32": Errors(2e-3, 1e-4, 1e-3),
    "f16": Errors(1e-1, 1e-3, 5e-3),
    "int8": Errors(2.5e-1, 1e-3, 5e-3),
    "bf16": Errors(2.5e-1, 4e-3, 2e-2),
}


@dataclass(frozen=True, slots=True)
class Parity:
    """What a comparison found.

    sides: what ran. precision: whose tolerance counts. cut: frame of the cut in the middle. frames: errors of each.
    """

    sides: tuple[str, str]
    size: Size
    precision: str
    cut: int
    frames: tuple[Errors, ...]

    @property
    def tolerance(self) -> Errors:
        return TOLERANCES[self.precision]

    @property
    def worst(self) -> int:
        """The frame that comes closest to its tolerance, or goes farthest beyond it; one without numbers is worse."""
        return max(range(len(self.frames)), key=self.excess)

    @property
    def passed(self) -> bool:
        return self.excess(self.worst) <= 1

    @property
    def mean(self) -> Errors:
        return Errors(*(float(np.mean(column)) for column in zip(*map(astuple, self.frames), strict=True)))

    def excess(self, frame: int) -> float:
        """The largest error of a frame as a multiple of its tolerance."""
        pairs = zip(astuple(self.frames[frame]), astuple(self.tolerance), strict=True)
        return max(error / most if math.isfinite(error) else math.inf for error, most in pairs)


def compare(first: str, second: str, frames: int = 60, size: Size | None = None) -> Parity:
    """Run both sides through the clip; size defaults to what a file is fixed at, else 512x288.

    Raises BackendError for what is neither backend nor file, FrameError where size or frames do not fit a file or
    there are fewer than 4 frames, WeightsError for files that cannot be used, MissingExtraError without a runtime.
    """
    sides = [_found(name) for name in (first, second)]
    notes = [side.metadata for side in sides if isinstance(side, ExportedFile)]
    size = size or next((note.fixed_size for note in notes if note.fixed_size), DEFAULT_SIZE)
    batch = next((note.fixed_batch for note in notes if note.fixed_batch), 1)
    if frames < 4 or frames % batch:
        raise FrameError(f"expected at least 4 frames in multiples of {batch}, got {frames}")
    images, cuts = clip(frames, size)
    with closing(_open(sides[0], size, batch)) as one, closing(_open(sides[1], size, batch)) as other:
        found = differences(one, other, images, cuts)
        precision = max((precision_of(side) for side in (one, other)), key=list(TOLERANCES).index)
        return Parity((_label(one), _label(other)), size, precision, cuts.index(True, 1), found)


def differences(one: Backend, other: Backend, images: FloatArray, cuts: list[bool]) -> tuple[Errors, ...]:
    """Errors of every frame of images (T, 3, h, w), each side with its own memory."""
    memories = [one.empty_memory(), other.empty_memory()]
    found: list[Errors] = []
    for start in range(0, len(images), one.batch):
        part = slice(start, start + one.batch)
        said: list[list[Coefficients]] = []
        for place, side in enumerate((one, other)):
            coefficients, memories[place] = side.clip(images[part], memories[place], cuts[part])
            said.append(coefficients)
        found += [_errors(a, b, image) for a, b, image in zip(*said, images[part], strict=True)]
    return tuple(found)


def precision_of(backend: Backend) -> str:
    """The precision that a side runs in, as in TOLERANCES."""
    if isinstance(backend, FileBackend):
        return backend.metadata.precision or "f32"
    said = backend.device.rpartition(" ")[2]
    return said if said in TOLERANCES else "f32"


def _errors(one: Coefficients, other: Coefficients, image: FloatArray) -> Errors:
    alphas = [low_alpha(side, image) for side in (one, other)]
    colours = [np.clip(side.scale[:3] * image + side.offset[:3], 0, 1) for side in (one, other)]
    alpha = np.abs(alphas[0] - alphas[1])
    shown = np.abs(colours[0] - colours[1])[:, np.maximum(*alphas) > VISIBLE]
    return Errors(float(alpha.max()), float(alpha.mean()), float(shown.mean()) if shown.size else 0.0)


def _found(name: str) -> ExportedFile | str:
    """An exported file, read, or the name of a backend."""
    if is_exported(name):
        return read_file(Path(name))
    if name not in BACKENDS:
        raise BackendError(f"no backend or exported file {name!r}; give {', '.join(BACKENDS)} or {', '.join(SUFFIXES)}")
    return name


def _open(side: ExportedFile | str, size: Size, batch: int) -> Backend:
    return open_file(side, size, batch) if isinstance(side, ExportedFile) else open_backend(side, size, batch)


def _label(backend: Backend) -> str:
    return f"{backend.name}: {backend.device}"
