from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from av.video.frame import VideoFrame

from rimlight.errors import SinkError
from rimlight.realtime.sinks.base import StreamInfo
from rimlight.realtime.sinks.file import FileSink
from rimlight.realtime.sources.barcode import frame_number
from rimlight.realtime.sources.unpack import EXACT
from rimlight.types import I420, Frame, Size, UInt8Array
from tests.realtime.sources.media import numbered, patches, read

from .outputs import INFO, SIZE, leftovers, pictures, with_alpha, write_all

# decoder to name, mean and largest error of alpha, mean error of colour in levels
KINDS = {
    "a.mov": (None, 0.2, 1, 0.5),
    "a.webm": ("libvpx-vp9", 1.5, 12, 3.0),
    "a.mkv": (None, 0, 0, 0),
}


def decoded(path: Path, decoder: str | None) -> list[UInt8Array]:
    """(H, W, 4) of every picture; alpha from its own plane, which swscale would cut off to eight bits, not round."""
    return [_rgba(picture) for picture in pictures(path, decoder)]


def _rgba(picture: VideoFrame) -> UInt8Array:
    if picture.format.name == "bgra":
        return picture.to_ndarray(format="rgba")
    image = picture.reformat(format="rgba", src_colorspace="ITU709", interpolation=EXACT).to_ndarray()
    deep = picture.format.components[3].bits > 8
    rows = np.frombuffer(picture.planes[3], np.uint16 if deep else np.uint8).reshape(picture.height, -1)
    most = (1 << picture.format.components[3].bits) - 1
    image[:, :, 3] = np.rint(rows[:, : picture.width] * (255 / most))
    return image


@pytest.mark.parametrize("name", KINDS)
def test_alpha_and_colour_come_back(tmp_path: Path, name: str) -> None:
    decoder, mean_alpha, most_alpha, mean_colour = KINDS[name]
    path = tmp_path / name
    source = with_alpha(patches())
    with FileSink(path, INFO, alpha=True) as sink:
        assert (sink.wants, sink.carries_alpha) == ("rgba", True)
        for index in range(12):
            sink.write(Frame(source, index / 30, 0.0))
    found = decoded(path, decoder)
    assert len(found) == 12
    for picture in found:
        error = np.abs(picture.astype(int) - source)  # (H, W, 4)
        assert error[..., 3].mean() <= mean_alpha
        assert error[..., 3].max() <= most_alpha
        # One column of each patch, away from the edges that halved chroma blurs.
        middles = error[20:40, 6::16, :3]
        assert middles.mean() <= mean_colour


@pytest.mark.parametrize("name", KINDS)
def test_every_frame_arrives_though_its_buffer_is_used_again(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    with FileSink(path, INFO, alpha=True) as sink:
        write_all(sink, 40)
    assert [frame_number(picture[..., :3]) for picture in decoded(path, KINDS[name][0])] == list(range(40))
    assert [frame.pts_s for frame in read(path)] == pytest.approx([index / 30 for index in range(40)], abs=6e-4)
    assert leftovers(tmp_path) == []


@pytest.mark.parametrize("name", KINDS)
def test_alpha_keeps_odd_sizes(tmp_path: Path, name: str) -> None:
    size = Size(63, 111)
    with FileSink(tmp_path / name, StreamInfo(size, Fraction(30)), alpha=True) as sink:
        write_all(sink, 3, size)
    assert decoded(tmp_path / name, KINDS[name][0])[0].shape == (63, 111, 4)


def test_webm_says_that_it_has_alpha(tmp_path: Path) -> None:
    with FileSink(tmp_path / "a.webm", INFO, alpha=True) as sink:
        write_all(sink, 2)
    assert b"\x53\xc0\x81\x01" in (tmp_path / "a.webm").read_bytes()  # AlphaMode = 1, Matroska element 0x53C0


def test_pro_res_is_tagged_bt709(tmp_path: Path) -> None:
    with FileSink(tmp_path / "a.mov", INFO, alpha=True) as sink:
        write_all(sink, 2)
    picture = pictures(tmp_path / "a.mov")[0]
    assert picture.format.name.startswith("yuva444p")
    assert (picture.colorspace, picture.color_primaries, picture.color_trc) == (1, 1, 1)


@pytest.mark.parametrize("name", ["a.mp4", "a.mov", "a.mkv"])
def test_side_by_side_has_the_fill_left_and_the_matte_right(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    with FileSink(path, INFO, alpha="side-by-side", crf=4) as sink:
        assert (sink.wants, sink.carries_alpha) == ("rgba", True)
        write_all(sink, 20)
    frames = read(path)
    wanted = with_alpha(numbered(1)[0])
    assert frames[0].size == Size(SIZE.height, 2 * SIZE.width)
    for index, frame in enumerate(frames):
        assert isinstance(frame.pixels, I420)
        left, right = frame.image[:, : SIZE.width], frame.image[:, SIZE.width :]
        assert frame_number(np.ascontiguousarray(left)) == index
        assert np.abs(right.astype(int) - wanted[..., 3:]).mean() < 1.5


def test_side_by_side_takes_odd_sizes(tmp_path: Path) -> None:
    size = Size(63, 111)
    with FileSink(tmp_path / "a.mp4", StreamInfo(size, Fraction(30)), alpha="side-by-side") as sink:
        write_all(sink, 2, size)
    assert read(tmp_path / "a.mp4")[0].size == Size(64, 222)


@pytest.mark.parametrize("name", ["a.mp4", "a.m4v"])
def test_a_kind_without_alpha_names_those_with(tmp_path: Path, name: str) -> None:
    with pytest.raises(SinkError, match=r"\.mov.*\.webm.*\.mkv.*side-by-side"):
        FileSink(tmp_path / name, INFO, alpha=True)


def test_side_by_side_needs_h264(tmp_path: Path) -> None:
    with pytest.raises(SinkError, match=r"\.mp4"):
        FileSink(tmp_path / "a.webm", INFO, alpha="side-by-side")
