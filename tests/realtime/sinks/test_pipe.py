from __future__ import annotations

import io
import os
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from rimlight.errors import FrameError, SinkError
from rimlight.pixels import to_i420
from rimlight.realtime.sinks.base import ReceiverGoneError, StreamInfo
from rimlight.realtime.sinks.options import Options
from rimlight.realtime.sinks.pipe import FORMATS, PipeFormat, PipeSink, from_spec
from rimlight.realtime.sources.barcode import frame_number
from rimlight.types import Frame, Size
from tests.realtime.sources.media import numbered, patch_error, patches

from .outputs import INFO, with_alpha, write_all


def written(form: PipeFormat, count: int, info: StreamInfo = INFO) -> bytes:
    stream = io.BytesIO()
    with PipeSink(form, info, stream) as sink:
        write_all(sink, count, info.size)
    return stream.getvalue()


def test_y4m_says_size_rate_and_range() -> None:
    info = StreamInfo(Size(64, 112), Fraction(30000, 1001))
    head = written("y4m", 1, info).split(b"\n")[0].decode()
    assert head.split() == [
        *("YUV4MPEG2", "W112", "H64", "F30000:1001", "Ip", "A1:1", "C420jpeg", "XYSCSS=420JPEG", "XCOLORRANGE=LIMITED")
    ]


@pytest.mark.parametrize("size", [Size(64, 112), Size(63, 111)], ids=str)
def test_y4m_is_read_by_ffmpeg(size: Size) -> None:
    data = written("y4m", 5, StreamInfo(size, Fraction(25)))
    with av.open(io.BytesIO(data), format="yuv4mpegpipe") as container:
        stream = container.streams.video[0]
        assert (stream.height, stream.width, stream.average_rate) == (size.height, size.width, 25)
        assert stream.codec_context.color_range == 1
        found = list(container.decode(video=0))
    images = [picture.reformat(format="rgb24", src_colorspace="ITU709").to_ndarray() for picture in found]
    assert [frame_number(image) for image in images] == list(range(5))


def test_y4m_holds_the_planes_unchanged() -> None:
    planes = to_i420(numbered(1)[0])
    body = written("y4m", 1).split(b"\nFRAME\n", 1)[1]
    assert body == planes.y.tobytes() + planes.u.tobytes() + planes.v.tobytes()


def test_bare_formats_hold_nothing_but_frames() -> None:
    images = numbered(3)
    assert written("rgb24", 3) == b"".join(image.tobytes() for image in images)
    assert written("rgba", 3) == b"".join(with_alpha(image).tobytes() for image in images)
    planes = [to_i420(image) for image in images]
    assert written("i420", 3) == b"".join(p.y.tobytes() + p.u.tobytes() + p.v.tobytes() for p in planes)


def test_colours_are_bt709() -> None:
    stream = io.BytesIO()
    PipeSink("y4m", INFO, stream).write(Frame(patches(), 0.0, 0.0))
    with av.open(io.BytesIO(stream.getvalue()), format="yuv4mpegpipe") as container:
        picture = next(container.decode(video=0))
    assert patch_error(picture.reformat(format="rgb24", src_colorspace="ITU709").to_ndarray()) < 3


def test_planes_with_padded_rows_are_packed() -> None:
    planes = to_i420(numbered(1)[0])
    padded = np.zeros((64, 128), np.uint8)
    padded[:, :112] = planes.y
    stream = io.BytesIO()
    PipeSink("i420", INFO, stream).write(
        Frame(type(planes)(padded[:, :112], planes.u, planes.v), 0.0, 0.0)
    )  # fmt: skip
    assert stream.getvalue() == written("i420", 1)


class Dribble(io.BytesIO):
    """Takes a little at a time, as a pipe does."""

    def write(self, data: memoryview, /) -> int:  # type: ignore[override]
        return super().write(data[:1000])


def test_writes_that_are_taken_in_part_go_on() -> None:
    stream = Dribble()
    with PipeSink("rgb24", INFO, stream) as sink:
        write_all(sink, 2)
    assert stream.getvalue() == written("rgb24", 2)


def test_a_reader_that_ends_is_told_apart_from_other_errors() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with (
        io.FileIO(writing, "w") as stream,
        pytest.raises(ReceiverGoneError, match="ended after 0 frames"),
        PipeSink("rgb24", INFO, stream) as sink,
    ):
        write_all(sink, 1)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_another_error_of_the_stream_is_told() -> None:
    with (
        io.FileIO("/dev/full", "w") as stream,
        pytest.raises(SinkError, match="cannot be written") as caught,
        PipeSink("rgb24", INFO, stream) as sink,
    ):
        write_all(sink, 1)
    assert not isinstance(caught.value, ReceiverGoneError)


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
def test_a_terminal_is_refused() -> None:
    main, terminal = os.openpty()
    try:
        with io.FileIO(terminal, "w") as stream, pytest.raises(SinkError, match="terminal"):
            PipeSink("y4m", INFO, stream)
    finally:
        os.close(main)


def test_standard_output_is_the_default_and_a_reader_that_ends_makes_no_noise() -> None:
    code = (
        "import numpy as np\n"
        "from fractions import Fraction\n"
        "from rimlight.realtime.sinks import ReceiverGoneError, StreamInfo, open_sink\n"
        "from rimlight.types import Frame, Size\n"
        "sink = open_sink('-', StreamInfo(Size(360, 640), Fraction(30)))\n"
        "try:\n"
        "    while True: sink.write(Frame(np.zeros((360, 640, 3), np.uint8), 0.0, 0.0))\n"
        "except ReceiverGoneError: raise SystemExit(7)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stderr is not None
        assert child.stdout.read(10) == b"YUV4MPEG2 "
        child.stdout.close()
        assert child.wait(60) == 7
        assert child.stderr.read() == b""


def test_another_size_is_refused() -> None:
    with PipeSink("rgb24", INFO, io.BytesIO()) as sink, pytest.raises(SinkError, match="scale the frames"):
        write_all(sink, 1, Size(32, 64))


def test_wrong_pixels_are_refused() -> None:
    with PipeSink("rgba", INFO, io.BytesIO()) as sink, pytest.raises(FrameError, match=r"\(H, W, 4\)"):
        sink.write(Frame(numbered(1)[0], 0.0, 0.0))


@pytest.mark.parametrize("form", FORMATS)
def test_only_rgba_carries_alpha(form: PipeFormat) -> None:
    assert PipeSink(form, INFO, io.BytesIO()).carries_alpha == (form == "rgba")
    if form != "rgba":
        with pytest.raises(SinkError, match="pipe:rgba"):
            from_spec(form, INFO, Options(alpha=True))


def test_an_unknown_format_names_the_known() -> None:
    with pytest.raises(SinkError, match="pipe:y4m, pipe:rgb24, pipe:rgba, pipe:i420"):
        from_spec("yuv", INFO, Options())
