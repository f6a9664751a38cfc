"""Small video files for tests, each frame numbered so that it can be told from every other."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.video.stream import VideoStream

from rimlight.realtime.sources.barcode import frame_number
from rimlight.realtime.sources.file import FileSource
from rimlight.realtime.sources.pattern import PatternSource
from rimlight.realtime.sources.unpack import EXACT
from rimlight.types import I420, Frame, Pixels, Size, UInt8Array

SIZE = Size(64, 112)
RATE = Fraction(30)


def numbered(count: int, size: Size = SIZE) -> list[UInt8Array]:
    """count pictures (H, W, 3) of the test pattern."""
    return [frame.image for frame in PatternSource(size, RATE, count)]


def write_video(
    path: Path,
    images: Iterable[UInt8Array],
    *,
    codec: str = "libx264",
    pixel_format: str = "yuv420p",
    options: dict[str, str] | None = None,
    container: dict[str, str] | None = None,
    times: Sequence[Fraction] | None = None,
    tags: dict[str, int] | None = None,
    sound: str | None = None,
) -> Path:
    """Encode (H, W, 3) or (H, W, 4) images; times in seconds, one per image, or a constant RATE."""
    images = list(images)
    height, width = images[0].shape[:2]
    with av.open(str(path), "w", options=container or {}) as output:
        stream = output.add_stream(codec, RATE, options=options or {}, width=width, height=height)
        assert isinstance(stream, VideoStream)
        stream.pix_fmt = pixel_format
        stream.codec_context.gop_size = 12
        stream.codec_context.time_base = Fraction(1, 90_000) if times else 1 / RATE
        for name, value in (tags or {}).items():
            setattr(stream.codec_context, name, value)
        tone = output.add_stream(sound, 48_000) if sound else None
        for index, image in enumerate(images):
            output.mux(stream.encode(_picture(image, pixel_format, tags or {}, index, times)))
        output.mux(stream.encode(None))
        if tone is not None:
            _add_tone(output, tone)
    return path


def _picture(
    image: UInt8Array, pixel_format: str, tags: dict[str, int], index: int, times: Sequence[Fraction] | None
) -> av.VideoFrame:
    picture = av.VideoFrame.from_ndarray(image, "rgb24" if image.shape[2] == 3 else "rgba")
    if not pixel_format.startswith(("rgb", "bgr", "gbr")):
        picture = picture.reformat(
            format=pixel_format,
            dst_colorspace="ITU709" if tags.get("colorspace", 1) == 1 else "ITU601",
            dst_color_range="JPEG" if tags.get("color_range") == 2 else "MPEG",
            interpolation=EXACT,
        )
    picture.time_base = Fraction(1, 90_000) if times else 1 / RATE
    picture.pts = round(times[index] * 90_000) if times else index
    return picture


def _add_tone(output: av.container.OutputContainer, stream: av.AudioStream) -> None:
    """Two seconds of a sine at 48 kHz."""
    samples = np.sin(np.arange(96_000) * 2 * np.pi * 440 / 48_000) * 8_000
    resampler = av.AudioResampler(stream.format, stream.layout, 48_000)
    for start in range(0, 96_000, 960):
        block = np.tile(samples[start : start + 960].astype(np.int16), (2, 1))
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(block.T.reshape(1, -1)), "s16", "stereo")
        frame.sample_rate, frame.pts, frame.time_base = 48_000, start, Fraction(1, 48_000)
        for resampled in resampler.resample(frame):
            output.mux(stream.encode(resampled))
    output.mux(stream.encode(None))


def turn(path: Path, matrix: tuple[int, int, int, int]) -> None:
    """Write a display matrix a, b, c, d into the track header of an MP4 (ISO 14496-12, 8.3.2)."""
    data = bytearray(path.read_bytes())
    a, b, c, d = (value << 16 for value in matrix)
    struct.pack_into(">9i", data, data.index(b"tkhd") + 44, a, b, 0, c, d, 0, 0, 0, 1 << 30)
    path.write_bytes(data)


def write_sound(path: Path, codec: str) -> Path:
    """A file with two seconds of sound and no picture."""
    with av.open(str(path), "w") as output:
        _add_tone(output, output.add_stream(codec, 48_000))
    return path


def read(path: Path, frames: range | None = None) -> list[Frame]:
    """All frames of a video file."""
    with FileSource(path, frames=frames) as source:
        return list(source)


def numbers(frames: Iterable[Frame]) -> list[int | None]:
    return [frame_number(frame.image) for frame in frames]


def same_pixels(one: Pixels, other: Pixels) -> bool:
    if isinstance(one, I420) and isinstance(other, I420):
        pairs = ((one.y, other.y), (one.u, other.u), (one.v, other.v))
        return all(np.array_equal(a, b) for a, b in pairs) and one.bt709 == other.bt709
    return not isinstance(one, I420) and not isinstance(other, I420) and np.array_equal(one, other)


# Far apart in every channel, and far from grey: a wrong matrix or range moves them by ten levels and more.
COLOURS = ((200, 30, 40), (30, 180, 50), (40, 50, 210), (220, 200, 30), (128, 128, 128), (250, 250, 250), (5, 5, 5))


def patches(size: Size = SIZE) -> UInt8Array:
    """COLOURS as columns sixteen pixels wide."""
    image = np.zeros((size.height, size.width, 3), np.uint8)
    for index, colour in enumerate(COLOURS):
        image[:, index * 16 : index * 16 + 16] = colour
    return image


def patch_error(image: UInt8Array) -> float:
    """Largest difference of any channel from COLOURS, in the middle of each column of `patches`."""
    middles = [image[20:40, index * 16 + 6 : index * 16 + 10].mean((0, 1)) for index in range(len(COLOURS))]
    return float(np.abs(np.array(middles) - np.array(COLOURS)).max())
