"""Frames of a video file by their index, exactly: the times of all frames are read from the packets first.

Videos are only met in some published data sets and in folders; packed data needs no video decoder installed.

Letters: H, W height and width of a frame.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from rimlight.errors import DataError
from rimlight.types import UInt8Array

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

EXACT = 2 | 0x2000 | 0x40000  # bilinear, full chroma, accurate rounding in FFmpeg's scaler; else colours are off by 3
HD_HEIGHT = 720  # untagged video of at least this height is BT.709, below it BT.601: what players assume
BT709, BT601, UNSPECIFIED = 1, 5, (0, 2)  # ITU-T H.273


@dataclass(frozen=True, slots=True)
class Timing:
    """times: when each frame is shown, in the stream's units and in that order. seconds: how long all of them last."""

    times: tuple[int, ...]
    seconds: float


def timing(path: Path) -> Timing:
    """Times of a video's frames, read once from its packets without decoding; raises DataError where there are none."""
    try:
        known = path.stat()
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}); fetch it again") from error
    return _timing(path, known.st_mtime_ns, known.st_size)


def count(path: Path) -> int:
    """Number of frames as the container states it, without reading the file; from its packets where it does not say."""
    with _opened(path) as (_, stream):
        stated = stream.frames
    return stated or len(timing(path).times)


def frames(path: Path, wanted: Sequence[int]) -> Iterator[UInt8Array]:
    """(H, W, 3) uint8 RGB of the frames with these indices, which count up.

    Raises DataError where one of them is not there or the file is cut off or marked as turned.
    """
    times = timing(path).times
    if not wanted:
        return
    if wanted[-1] >= len(times) or list(wanted) != sorted(set(wanted)):
        raise DataError(f"{path}: expected rising frames below {len(times)}, got {wanted[0]} to {wanted[-1]}")
    left = list(wanted)
    for image in _shown(path, [times[index] for index in wanted]):
        yield image
        del left[0]
    if left:
        raise DataError(f"{path}: the video breaks off before frame {left[0]} of {len(times)}; fetch it again")


def _shown(path: Path, times: Sequence[int]) -> Iterator[UInt8Array]:
    """Frames that are shown at these rising times, up to the first that is not there."""
    left = list(reversed(times))
    try:
        yield from _decoded(path, left, seek=True)
    except DataError:
        if len(left) < len(times):
            raise
    # A seek need not lead to where decoding can begin: then there is nothing for it but to begin at the start.
    if len(left) == len(times):
        yield from _decoded(path, left, seek=False)


def _decoded(path: Path, left: list[int], *, seek: bool) -> Iterator[UInt8Array]:
    """Frames shown at the times left, last first, each taken off the list as it comes."""
    with _opened(path) as (container, stream):
        if seek:
            container.seek(left[-1], stream=stream)
        for picture in container.decode(stream):
            if picture.pts == left[-1]:
                left.pop()
                yield _rgb(picture, path)
            if not left or (picture.pts is not None and picture.pts > left[-1]):
                return


@lru_cache(maxsize=4096)
def _timing(path: Path, modified_ns: int, size: int) -> Timing:  # noqa: ARG001 - they tell files of one name apart
    with _opened(path) as (container, stream):
        shown = (packet for packet in container.demux(stream) if packet.size and not packet.is_discard)
        times = [packet.pts for packet in shown if packet.pts is not None]
        rate = float(stream.average_rate or 0)
    if not times or len(set(times)) < len(times):
        raise DataError(f"{path}: expected a video whose frames have times of their own; convert it to MP4")
    return Timing(tuple(sorted(times)), len(times) / rate if rate else 0.0)


@contextmanager
def _opened(path: Path) -> Iterator[tuple[InputContainer, VideoStream]]:
    try:
        import av
        from av.error import FFmpegError
    except ImportError as error:
        raise DataError(f"{path}: reading videos needs the package av; run: pip install av") from error
    try:
        with av.open(str(path)) as container:
            if not container.streams.video:
                raise DataError(f"{path}: expected a video, got a file without pictures; fetch it again")
            stream = container.streams.video[0]
            stream.codec_context.options = {"err_detect": "explode"}  # or damage comes out as smeared pictures
            yield container, stream
    except (FFmpegError, OSError) as error:
        raise DataError(f"{path}: cannot be decoded ({error.strerror}); fetch it again") from error


def _rgb(picture: VideoFrame, path: Path) -> UInt8Array:
    if picture.rotation:
        raise DataError(f"{path}: is marked as turned by {picture.rotation} degrees; store it upright")
    matrix = picture.colorspace
    if matrix in UNSPECIFIED:
        matrix = BT709 if picture.height >= HD_HEIGHT else BT601
    converted = picture.reformat(format="rgb24", src_colorspace=matrix, interpolation=EXACT)
    return np.asarray(converted.to_ndarray(), np.uint8)
