"""From a reference to its pixels, wherever they lie.

Letters: H, W height and width of the picture.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from rimlight.errors import DataError
from rimlight.training.data import videos
from rimlight.training.data.items import Ref
from rimlight.training.data.pictures import MAX_BYTES, SNAPPED, decode_alpha, decode_image
from rimlight.types import UInt8Array


def read_image(ref: Ref) -> UInt8Array:
    """(H, W, 3) uint8 RGB of a picture; raises DataError that names the file where it cannot be read in full."""
    return next(read_images([ref]))


def read_alpha(ref: Ref) -> UInt8Array:
    """(H, W) uint8 of an alpha or mask, 255 where the person is; raises DataError as read_image does.

    From a picture with an alpha channel that is taken, else its grey; 16 bits are rounded to 8. Where ref.snap is set,
    values up to 5 become 0 and values from 250 become 255.
    """
    return next(read_alphas([ref]))


def read_images(refs: Sequence[Ref]) -> Iterator[UInt8Array]:
    """Each of read_image, in order; a video among them is decoded once from its first to its last frame."""
    return _read(refs, lambda ref: decode_image(read_bytes(ref), str(ref)), lambda image, _: image)


def read_alphas(refs: Sequence[Ref]) -> Iterator[UInt8Array]:
    """Each of read_alpha, in order; a video among them is decoded once from its first to its last frame."""
    return _read(refs, lambda ref: decode_alpha(read_bytes(ref), str(ref), snap=ref.snap), _alpha_of_frame)


def read_bytes(ref: Ref) -> bytes:
    """The stored bytes of a picture that is not a frame of a video; raises DataError where they cannot be had."""
    try:
        length = ref.path.stat().st_size if ref.length is None else ref.length
        if length > MAX_BYTES:
            raise DataError(f"{ref}: expected at most {MAX_BYTES >> 20} MB, got {length >> 20} MB; is it a picture?")
        with ref.path.open("rb") as file:
            file.seek(ref.offset or 0)
            data = file.read(length)
    except OSError as error:
        raise DataError(f"{ref}: cannot be read ({error.strerror}); fetch it again") from error
    if len(data) < length:
        raise DataError(f"{ref}: expected {length} bytes, got {len(data)}; the file is cut off, fetch it again")
    return data


def _read(
    refs: Sequence[Ref], still: Callable[[Ref], UInt8Array], frame: Callable[[UInt8Array, Ref], UInt8Array]
) -> Iterator[UInt8Array]:
    for run in _runs(refs):
        if run[0].frame is None:
            yield still(run[0])
        else:
            images = videos.frames(run[0].path, [ref.frame or 0 for ref in run])
            yield from map(frame, images, run)


def _runs(refs: Sequence[Ref]) -> Iterator[list[Ref]]:
    """References that one pass through a video can serve; every still on its own."""
    run: list[Ref] = []
    for ref in refs:
        last = run[-1] if run else None
        if last and (last.path != ref.path or last.frame is None or ref.frame is None or ref.frame <= last.frame):
            yield run
            run = []
        run.append(ref)
    if run:
        yield run


def _alpha_of_frame(image: UInt8Array, ref: Ref) -> UInt8Array:
    alpha = np.ascontiguousarray(image[:, :, 1])  # a grey video has three equal channels
    return np.take(SNAPPED, alpha) if ref.snap else alpha
