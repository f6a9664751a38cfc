from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import TypeAlias

import numpy as np
import pytest
from aiortc.codecs import depayload, h264, vpx
from aiortc.codecs.base import Encoder
from aiortc.rtcrtpparameters import RTCRtpCodecParameters
from av.codec.context import CodecContext
from av.packet import Packet
from av.video.codeccontext import VideoCodecContext
from av.video.frame import PictureType, VideoFrame
from av.video.reformatter import VideoReformatter
from hypothesis import given
from hypothesis import strategies as st

from rimlight.pixels import empty_i420, to_bt601, to_i420, to_rgb
from rimlight.realtime.serve.encoders import FALL, LADDER, H264Encoder, Vp8Encoder, as_bt601, settled, timestamp_of
from rimlight.realtime.sources.unpack import EXACT, view
from rimlight.types import I420, Size, UInt8Array

CLOCK = Fraction(1, 90000)
NOISE = np.random.default_rng(5).integers(0, 256, (240, 640, 3)).astype(np.uint8)
ENCODERS = {"VP8": Vp8Encoder, "H264": H264Encoder}

Make: TypeAlias = "Callable[[], Encoder]"
both = pytest.mark.parametrize("name", list(ENCODERS))


def patches(height: int = 256, width: int = 256) -> UInt8Array:
    """(H, W, 3) of 8 x 8 patches, strongly coloured and grey ones among them."""
    colors = np.random.default_rng(3).integers(0, 256, (8, 8, 3)).astype(np.uint8)
    colors[0] = [
        [0, 0, 0],
        [255, 255, 255],
        [255, 0, 0],
        [0, 255, 0],
        [0, 0, 255],
        [128, 128, 128],
        [255, 255, 0],
        [64, 0, 96],
    ]
    return np.ascontiguousarray(np.kron(colors, np.ones((height // 8, width // 8, 1), np.uint8)))


def frame_of(planes: I420, number: int = 0) -> VideoFrame:
    """A frame with the tags that the planes' own description asks for."""
    height, width = planes.y.shape
    frame = VideoFrame(width, height, "yuv420p")
    for plane, source in zip(frame.planes, (planes.y, planes.u, planes.v), strict=True):
        rows = np.zeros((plane.height, plane.line_size), np.uint8)
        rows[:, : plane.width] = source
        plane.update(rows)
    frame.colorspace = frame.color_primaries = frame.color_trc = 1 if planes.bt709 else 6
    frame.color_range = 2 if planes.full_range else 1
    frame.pts, frame.time_base = 3000 * number, CLOCK
    return frame


def bt601(image: UInt8Array) -> I420:
    planes = to_i420(image)
    empty = empty_i420(Size(*image.shape[:2]))
    out = I420(empty.y, empty.u, empty.v, bt709=False)
    to_bt601(planes, out)
    return out


def picture(number: int = 0, image: UInt8Array | None = None) -> VideoFrame:
    return frame_of(bt601(patches() if image is None else image), number)


def decoder(name: str) -> VideoCodecContext:
    made = CodecContext.create("vp8" if name == "VP8" else "h264", "r")
    assert isinstance(made, VideoCodecContext)
    return made


def coded(name: str, payloads: list[bytes]) -> bytes:
    codec = RTCRtpCodecParameters(mimeType=f"video/{name}", clockRate=90000)
    return b"".join(depayload(codec, one) for one in payloads)


def through(encoder: Encoder, name: str, frames: list[VideoFrame]) -> list[VideoFrame]:
    """What a receiver sees."""
    reads = decoder(name)
    return [one for frame in frames for one in reads.decode(Packet(coded(name, encoder.encode(frame)[0])))]


def read_as_bt601(frame: VideoFrame) -> UInt8Array:
    """As browsers read VP8, and H264 that is tagged so."""
    y, u, v = (np.array(view(plane)) for plane in frame.planes)
    return to_rgb(I420(y, u, v, bt709=False))


def middles(image: UInt8Array, across: int = 8) -> np.ndarray:
    """Levels in the middle of each patch, away from edges that chroma subsampling blurs: (8, 8, 3)."""
    height, width = image.shape[0] // across, image.shape[1] // across
    blocks = image.reshape(across, height, across, width, 3)[:, height // 4 : -height // 4, :, width // 4 : -width // 4]
    return blocks.mean((1, 3)).round()


@both
@pytest.mark.parametrize("given_as", ["bt601", "bt709", "full range"])
def test_colours_arrive_as_they_were(name: str, given_as: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (h264, vpx):
        monkeypatch.setattr(module, "MAX_BITRATE", 2_500_000)
        monkeypatch.setattr(module, "DEFAULT_BITRATE", 2_500_000)
    image = patches()
    frames = [picture(n) for n in range(8)]
    if given_as == "bt709":
        frames = [frame_of(to_i420(image), n) for n in range(8)]
    elif given_as == "full range":
        frames = [full_range(frame) for frame in frames]
    last = through(ENCODERS[name](), name, frames)[-1]
    assert np.abs(middles(read_as_bt601(last)) - middles(image)).max() <= 2


def full_range(frame: VideoFrame) -> VideoFrame:
    return VideoReformatter().reformat(
        frame, format="yuvj420p", src_colorspace=5, dst_colorspace=5, src_color_range=1, dst_color_range=2,
        interpolation=EXACT,
    )  # fmt: skip


def test_h264_says_which_colours_it_has() -> None:
    [frame] = through(H264Encoder(), "H264", [picture()])
    assert (frame.color_primaries, frame.color_trc, frame.colorspace, frame.color_range) == (6, 6, 6, 1)


def test_bt601_is_passed_on_without_a_copy() -> None:
    tagged, untagged = picture(), VideoFrame(64, 64, "yuv420p")
    assert as_bt601(tagged) is tagged
    assert as_bt601(untagged) is untagged
    assert as_bt601(tagged, even=True) is tagged


@both
def test_the_time_of_a_picture_survives(name: str) -> None:
    """aiortc's VP8 goes through microseconds, its H264 through thirtieths."""
    encoder = ENCODERS[name]()
    for pts, base, ticks in [(0, CLOCK, 0), (1501, CLOCK, 1501), (41, Fraction(1, 1000), 3690)]:
        frame = picture()
        frame.pts, frame.time_base = pts, base
        assert timestamp_of(frame) == ticks
        assert encoder.encode(frame)[1] == ticks


@both
def test_sizes_may_change_and_be_odd(name: str) -> None:
    encoder = ENCODERS[name]()
    sizes = []
    for n, (height, width) in enumerate([(256, 256), (120, 160), (121, 163)]):
        image = np.ascontiguousarray(patches()[:height, :width])
        [frame] = through(encoder, name, [picture(n, image)])
        sizes.append((frame.height, frame.width))
    assert sizes == [(256, 256), (120, 160), (121, 163) if name == "VP8" else (120, 162)]


@both
def test_key_pictures_come_when_asked_for_only(name: str) -> None:
    encoder, reads = ENCODERS[name](), decoder(name)
    keys = []
    for n in range(40):
        image = np.roll(NOISE, 16 * n, 1) if n < 20 else 255 - NOISE  # a change of scene in the middle
        frame = picture(n, image)
        frame.pict_type = PictureType.I  # as another encoder may have left it
        data = coded(name, encoder.encode(frame, force_keyframe=n == 30)[0])
        keys += [one.key_frame for one in reads.decode(Packet(data))]
    assert [n for n, key in enumerate(keys) if key] == [0, 30]


def test_h264_changes_its_rate_without_a_key_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(h264, "MAX_BITRATE", 2_000_000)
    encoder, reads = H264Encoder(), decoder("H264")
    encoder.target_bitrate = 5_000_000
    assert encoder.target_bitrate == 2_000_000
    sizes, keys = [], []
    for n in range(150):
        if n == 60:
            encoder.target_bitrate = 500_000
        data = coded("H264", encoder.encode(picture(n, np.roll(NOISE, 16 * n, 1)))[0])
        sizes.append(len(data))
        keys += [one.key_frame for one in reads.decode(Packet(data))]
    assert keys == [True] + [False] * 149
    assert sum(sizes[30:60]) * 8 == pytest.approx(2_000_000, rel=0.2)
    assert sum(sizes[120:150]) * 8 == pytest.approx(500_000, rel=0.2)
    assert max(sizes) * 8 < 2_000_000 / 2, "a key picture is bounded"


def test_vp8_keeps_its_encoder_while_the_estimate_wavers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vpx, "MAX_BITRATE", 2_000_000)
    monkeypatch.setattr(vpx, "DEFAULT_BITRATE", 2_000_000)
    encoder, reads = Vp8Encoder(), decoder("VP8")
    keys = []
    for n, wanted in enumerate([9e6, 2e6, 1.9e6, 1.85e6, 2e6, 1.4e6, 1.5e6, 1.4e6, 2e6]):
        encoder.target_bitrate = int(wanted)
        data = coded("VP8", encoder.encode(picture(n))[0])
        keys += [one.key_frame for one in reads.decode(Packet(data))]
    assert [n for n, key in enumerate(keys) if key] == [0, 5, 8]


RATE = st.integers(250_000, 8_000_000)


@given(RATE, RATE)
def test_a_step_is_never_far_above_the_estimate_and_never_out_of_bounds(current: int, wanted: int) -> None:
    chosen = settled(current, wanted, 250_000, 8_000_000)
    assert 250_000 <= chosen <= 8_000_000
    assert chosen <= max(wanted / FALL, 250_000)
    assert chosen >= min(wanted, current) * LADDER * LADDER


@given(RATE, RATE)
def test_a_steady_estimate_needs_one_change(current: int, wanted: int) -> None:
    first = settled(current, wanted, 250_000, 8_000_000)
    assert settled(first, wanted, 250_000, 8_000_000) == first
    for wavering in (0.97, 1.0, 1.03):
        estimate = min(max(250_000, int(first * wavering)), 8_000_000)
        assert settled(first, estimate, 250_000, 8_000_000) == first
