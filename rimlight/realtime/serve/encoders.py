"""The encoders of what is sent: aiortc's packets, with settings for one fast, sharp picture after the other.

What leaves is BT.601 limited range (SMPTE 170M; 6 for primaries, transfer and matrix in ITU-T H.273, range 1). VP8 has
no tags, and browsers take it for that; H264 is tagged with it, since browsers take it for BT.709 without. Pictures that
are tagged otherwise are converted, which costs time: hand over BT.601.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

from aiortc.codecs import h264, vpx
from aiortc.mediastreams import VIDEO_TIME_BASE, convert_timebase
from av.codec.context import CodecContext
from av.frame import Frame
from av.video.codeccontext import VideoCodecContext
from av.video.frame import PictureType, VideoFrame
from av.video.reformatter import ColorRange, VideoReformatter

from rimlight.realtime.sources.unpack import EXACT, MATRIX_BT709, RANGE_FULL

BT601 = 6  # as SMPTE 170M
SWS_BT601 = 5  # the same matrix under BT.470's number, the only one that PyAV's converter knows
NOMINAL_FPS = 30  # what an encoder expects; pictures may come at any rate
GROUP = 3000  # pictures between key pictures that nobody asked for
BUFFER_S = 0.4  # how far H264 may run ahead of its bit rate, which bounds the size of a key picture
H264_OPTIONS = {"preset": "superfast", "tune": "zerolatency", "sc_threshold": "0"}
VP8_OPTIONS = {
    "deadline": "realtime",
    "cpu-used": "-6",
    "lag-in-frames": "0",
    "noise-sensitivity": "0",  # a denoiser would soften hair, and takes a quarter of the time
    "overshoot-pct": "15",
    "undershoot-pct": "100",
    "partitions": "0",
    "static-thresh": "1",
}
LADDER = 0.75  # VP8's bit rates are the highest one times powers of it
RISE = 1.1  # a higher step is taken where the estimate exceeds it so many times
FALL = 0.9  # a step is kept while the estimate is above this part of it


class H264Encoder(h264.H264Encoder):
    """Constrained rate from the first picture on; a new bit rate needs no new encoder and no key picture.

    x264 changes the rate of a running encoder only where it began with rate and ceiling equal, and only below that
    ceiling. Odd sides become one pixel shorter: 4:2:0 H264 has none.
    """

    def encode(self, frame: Frame, force_keyframe: bool = False) -> tuple[list[bytes], int]:
        """RTP payloads of one picture, and its time in 1/90000 s."""
        assert isinstance(frame, VideoFrame)
        timestamp = timestamp_of(frame)
        picture = as_bt601(frame, even=True)
        if self.codec is None or (self.codec.height, self.codec.width) != (picture.height, picture.width):
            ceiling = h264.MAX_BITRATE
            limits = {"maxrate": str(ceiling), "bufsize": str(int(ceiling * BUFFER_S))}
            self.codec = opened("libx264", picture, ceiling, {**H264_OPTIONS, **limits})
        self.codec.bit_rate = self.target_bitrate
        return self._packetize(self._split_bitstream(coded(self.codec, picture, force_keyframe))), timestamp


class Vp8Encoder(vpx.Vp8Encoder):
    """A new bit rate needs a new encoder, and so a key picture; it is changed in steps that are far apart."""

    def __init__(self) -> None:
        super().__init__()
        self._rate_bps = self.target_bitrate

    def encode(self, frame: Frame, force_keyframe: bool = False) -> tuple[list[bytes], int]:
        """RTP payloads of one picture, and its time in 1/90000 s."""
        assert isinstance(frame, VideoFrame)
        timestamp = timestamp_of(frame)
        picture = as_bt601(frame)
        rate_bps = settled(self._rate_bps, self.target_bitrate, vpx.MIN_BITRATE, vpx.MAX_BITRATE)
        size = (picture.height, picture.width)
        if self.codec is None or rate_bps != self._rate_bps or (self.codec.height, self.codec.width) != size:
            self._rate_bps = rate_bps
            constant = dict.fromkeys(("bufsize", "minrate", "maxrate"), str(rate_bps))
            self.codec = opened("libvpx", picture, rate_bps, {**VP8_OPTIONS, **constant})
        payloads = self._packetize(coded(self.codec, picture, force_keyframe), self.picture_id)
        self.picture_id = (self.picture_id + 1) % (1 << 15)
        return payloads, timestamp


def settled(current_bps: int, wanted_bps: int, min_bps: int, max_bps: int) -> int:
    """The bit rate to use: current_bps until wanted_bps is clearly off it, then a step of the ladder not above it.

    An estimate of what a network carries moves all the time, and each step costs a key picture.
    """
    if FALL * current_bps <= wanted_bps < RISE * current_bps:
        return current_bps
    rises = wanted_bps > current_bps
    affordable = wanted_bps / RISE if rises and wanted_bps < max_bps else wanted_bps
    step = float(max_bps)
    while step > affordable and step > min_bps:
        step *= LADDER
    chosen = max(min_bps, round(step))
    return max(chosen, current_bps) if rises else chosen


def as_bt601(frame: VideoFrame, even: bool = False) -> VideoFrame:
    """The frame itself if it is yuv420p of limited range and not of BT.709, else converted. even: odd sides shrink."""
    height, width = (frame.height & ~1, frame.width & ~1) if even else (frame.height, frame.width)
    full_range = frame.color_range == RANGE_FULL or frame.format.name.startswith("yuvj")
    bt709 = frame.colorspace == MATRIX_BT709
    is_right = frame.format.name == "yuv420p" and not bt709 and not full_range
    if is_right and (height, width) == (frame.height, frame.width):
        return frame
    return VideoReformatter().reformat(
        frame,
        width=width,
        height=height,
        format="yuv420p",
        src_colorspace=MATRIX_BT709 if bt709 else SWS_BT601,
        dst_colorspace=SWS_BT601,
        src_color_range=ColorRange.JPEG if full_range else ColorRange.MPEG,
        dst_color_range=ColorRange.MPEG,
        interpolation=EXACT,
    )


def timestamp_of(frame: VideoFrame) -> int:
    """Presentation time in 1/90000 s; to be asked before encoding, which changes the frame's clock."""
    assert frame.pts is not None
    assert frame.time_base is not None
    return convert_timebase(frame.pts, frame.time_base, VIDEO_TIME_BASE)


def opened(name: str, picture: VideoFrame, rate_bps: int, options: Mapping[str, str]) -> VideoCodecContext:
    """An encoder for pictures of that size, ready to be fed. One thread: there is one for every viewer."""
    codec = CodecContext.create(name, "w")
    assert isinstance(codec, VideoCodecContext)
    codec.height, codec.width, codec.pix_fmt = picture.height, picture.width, "yuv420p"
    codec.framerate, codec.time_base = Fraction(NOMINAL_FPS), VIDEO_TIME_BASE
    codec.bit_rate, codec.gop_size, codec.thread_count = rate_bps, GROUP, 1
    codec.colorspace = codec.color_primaries = codec.color_trc = BT601
    codec.color_range = ColorRange.MPEG
    codec.options = dict(options)
    if name == "libx264":
        codec.profile = "Baseline"
    else:
        codec.qmin, codec.qmax = 2, 56
    codec.open()
    return codec


def coded(codec: VideoCodecContext, picture: VideoFrame, key: bool) -> bytes:
    """The picture as one access unit. Its type is set both ways: a frame may have been through another encoder."""
    picture.pict_type = PictureType.I if key else PictureType.NONE
    return b"".join(bytes(packet) for packet in codec.encode(picture))
