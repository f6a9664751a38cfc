"""A video file, with sound passed through and alpha where its kind can hold it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from fractions import Fraction
from pathlib import Path

import av
from av.container import OutputContainer
from av.error import FFmpegError
from av.packet import Packet
from av.video.stream import VideoStream

from rimlight.errors import SinkError
from rimlight.realtime.sinks.base import Ends, PixelFormat, StreamInfo, same_size
from rimlight.realtime.sinks.formats import Format, choose, codec_options
from rimlight.realtime.sinks.options import Alpha, Options
from rimlight.realtime.sinks.packing import BT709
from rimlight.realtime.sinks.sound import Sound
from rimlight.realtime.sinks.undisturbed import undisturbed
from rimlight.types import Frame

TICKS_HZ = 90_000  # the least fineness of timestamps; the customary clock of video
FINEST_HZ = 1_000_000
LIMITED_RANGE = 1  # as FFmpeg counts


class FileSink(Ends):
    """Writes a video under a temporary name beside the target and renames it when all is there.

    The ending of the path chooses the kind (see formats). Frames keep their times, so a variable rate stays one. Planes
    are copied once into the encoder's picture; an odd side of H.264 or VP9 without alpha grows by one repeated row or
    column. The sound of info.sound_from is copied whole and bit for bit; broken off, it ends with the last picture.
    With alpha "side-by-side" the picture is twice as wide: fill on the left, matte on the right.

    close finishes the file, as does leaving the context by KeyboardInterrupt; any other error removes it. Without a
    single frame no file appears. Raises SinkError for a kind that cannot hold what is asked, a folder that is missing
    or cannot be written, a full disk, a file that may not be replaced, or a frame of another size.
    """

    def __init__(
        self,
        path: str | Path,
        info: StreamInfo,
        *,
        alpha: Alpha = False,
        overwrite: bool = True,
        preset: str | None = None,
        crf: int | None = None,
        threads: int | None = None,
    ) -> None:
        options = Options(alpha, overwrite, preset, crf, threads)
        self._target = Path(path)
        self._info = info
        container, form = choose(self._target, options)
        self.wants: PixelFormat = form.wants
        self.carries_alpha = form.alpha
        self.frames = 0
        try:
            self._pack = form.packer(info.size)
        except FFmpegError as error:
            raise SinkError(f"no video of {info.size} can be made; scale it down, 8192x8192 is safe") from error
        self._time_base = time_base(info.rate)
        self._interval = max(1, round(1 / (info.rate * self._time_base)))  # ticks
        self._last: int | None = None  # ticks
        _check(self._target, overwrite)
        self._part = self._target.with_name(f".{self._target.stem}.{os.getpid()}.part{self._target.suffix}")
        self._container: OutputContainer | None = None
        self._sound: Sound | None = None
        try:
            with self._said():
                self._container = av.open(f"file:{self._part}", "w", format=container)
                self._stream = self._video(self._container, form, options)
                if info.sound_from is not None:
                    self._sound = Sound(info.sound_from, self._container, self._target)
                self._container.start_encoding()
        except BaseException:
            self.discard()
            raise

    @property
    def start_s(self) -> float:
        """What is added to every frame's time: when the first picture is shown, on the clock of the sound."""
        return 0.0 if self._sound is None else self._sound.start_s

    def write(self, frame: Frame) -> None:
        same_size(frame, self._info.size, str(self._target))
        if self._container is None:
            raise SinkError(f"{self._target} is finished; open another sink")
        with undisturbed(), self._said():
            picture = self._pack(frame.pixels)
            picture.pts, picture.time_base = self._ticks(frame.pts_s), self._time_base
            self._mux(self._container, self._stream.encode(picture))
            self.frames += 1
            if self._sound is not None:
                self._sound.copy(self._end_s())

    def close(self) -> None:
        self._finish(sound_until_s=None)

    def interrupt(self) -> None:
        self._finish(sound_until_s=self._end_s())

    def discard(self) -> None:
        container, self._container = self._container, None
        if self._sound is not None:
            self._sound.close()
        if container is not None:
            with suppress(FFmpegError, OSError):
                container.close()
        self._part.unlink(missing_ok=True)

    def _video(self, container: OutputContainer, form: Format, options: Options) -> VideoStream:
        size = self._pack.size
        rate = self._info.rate.limit_denominator(FINEST_HZ)
        stream = container.add_stream(
            form.codec, rate, codec_options(form, options), width=size.width, height=size.height
        )  # fmt: skip
        assert isinstance(stream, VideoStream), "every format here is of pictures"
        stream.pix_fmt = form.pixel_format
        context = stream.codec_context
        context.time_base = self._time_base
        if form.yuv:
            context.colorspace = context.color_primaries = context.color_trc = BT709
            context.color_range = LIMITED_RANGE
        if form.alpha and form.codec == "libvpx-vp9":
            stream.metadata["alpha_mode"] = "1"  # without it browsers do not look for alpha
        return stream

    def _ticks(self, pts_s: float) -> int:
        ticks = round((pts_s + self.start_s) / self._time_base)
        self._last = ticks if self._last is None else max(ticks, self._last + 1)
        return self._last

    def _end_s(self) -> float:
        """When the last frame ends, on the file's clock."""
        return 0.0 if self._last is None else float((self._last + self._interval) * self._time_base)

    def _mux(self, container: OutputContainer, packets: list[Packet[VideoStream]]) -> None:
        for packet in packets:
            packet.duration = packet.duration or self._interval  # else the last frame would be shown for no time
            container.mux(packet)

    def _finish(self, sound_until_s: float | None) -> None:
        if self._container is None or not self.frames:
            self.discard()
            return
        try:
            with undisturbed(), self._said():
                self._mux(self._container, self._stream.encode(None))
                if self._sound is not None:
                    self._sound.copy(sound_until_s)
                    self._sound.close()
                self._container.close()
                self._container = None
                self._part.replace(self._target)
        except BaseException:
            self.discard()
            raise

    @contextmanager
    def _said(self) -> Iterator[None]:
        """Turn an error of FFmpeg or the system into one of this project, and remove the file."""
        try:
            yield
        except (FFmpegError, OSError) as error:
            self.discard()
            reason = error.strerror or error
            raise SinkError(
                f"{self._target} cannot be written: {reason}; make room, or choose another folder or kind"
            ) from error


def time_base(rate: Fraction) -> Fraction:
    """A unit of time of at most 1 / TICKS_HZ seconds in which frames of a constant rate fall on whole numbers."""
    if not 1 / 3600 <= rate <= FINEST_HZ:
        raise SinkError(f"expected a rate of 1 frame an hour to {FINEST_HZ} a second, got {float(rate):.6g}")
    if rate.numerator > FINEST_HZ:
        return Fraction(1, TICKS_HZ)
    return Fraction(1, rate.numerator * -(-TICKS_HZ // rate.numerator))


def from_spec(path: str, info: StreamInfo, options: Options) -> FileSink:
    """Open a file for the registry."""
    return FileSink(
        path, info, alpha=options.alpha, overwrite=options.overwrite, preset=options.preset, crf=options.crf,
        threads=options.threads,
    )  # fmt: skip


def _check(target: Path, overwrite: bool) -> None:
    if not target.parent.is_dir():
        raise SinkError(f"no folder {target.parent} to write {target.name} to; make it or choose another")
    if target.is_dir():
        raise SinkError(f"{target} is a folder; choose another name")
    if target.exists() and not overwrite:
        raise SinkError(f"{target} exists; choose another name or allow overwriting")
    if not os.access(target.parent, os.W_OK):
        raise SinkError(f"the folder {target.parent} may not be written; choose another")
