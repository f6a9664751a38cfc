"""A picture that somebody sends to stand behind them: bounded in bytes, pixels and work, decoded beside the event loop.

Whatever the bytes are, the outcome is a picture or a BackdropError, whose status is that of HTTP.
Letters: H, W height and width of a picture.
"""

from __future__ import annotations

import asyncio
import io
import struct
import warnings
import zlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from aiohttp import web
from PIL import Image, ImageCms

from rimlight.errors import BackdropError
from rimlight.realtime.serve.bodies import read_body
from rimlight.types import UInt8Array

FORMATS = ("PNG", "JPEG", "WEBP")
COVERED = (1080, 1920)  # a picture stays large enough to cover this height and width
LONGEST = 2560  # and no side is longer
MOST_WAITING = 4  # pictures that are being read or decoded; more are turned away
MOST_SCANS = 100  # of a JPEG; a progressive one has about ten, each of which costs a pass over all pixels
MOST_PROFILE_BYTES = 1024 * 1024
BEHIND = (96, 96, 96)  # what shows through a transparent picture
ORIENTATION = 0x0112  # the EXIF tag; its values 2 to 8 say how to turn (EXIF 2.32, section 4.6.4)
TURNS = dict(enumerate((
    Image.Transpose.FLIP_LEFT_RIGHT, Image.Transpose.ROTATE_180, Image.Transpose.FLIP_TOP_BOTTOM,
    Image.Transpose.TRANSPOSE, Image.Transpose.ROTATE_270, Image.Transpose.TRANSVERSE, Image.Transpose.ROTATE_90,
), start=2))  # fmt: skip
SIDEWAYS = tuple(TURNS[value] for value in (5, 6, 7, 8))
# What Pillow raises for bytes that are damaged.
DAMAGED = (OSError, SyntaxError, ValueError, TypeError, LookupError, EOFError, OverflowError, struct.error, zlib.error)
SRGB = ImageCms.createProfile("sRGB")

# The library warns of a bomb and goes on; here it is an error. What else it has to say of a file is of no use.
warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")
warnings.simplefilter("error", Image.DecompressionBombWarning)


class NoPictureError(BackdropError):
    """Bytes that are no picture of a kind that is taken."""

    status = 415


class LargePictureError(BackdropError):
    """A picture of too many bytes or pixels, or of too much work."""

    status = 413


@dataclass(frozen=True, slots=True)
class Limits:
    """How large a picture may be, encoded and decoded."""

    most_bytes: int = 10 * 1024 * 1024
    most_pixels: int = 24_000_000


class Uploads:
    """Takes pictures from requests; decodes one at a time, in a thread of its own."""

    def __init__(self, limits: Limits | None = None) -> None:
        self.limits = limits or Limits()
        self._thread = ThreadPoolExecutor(1, "rimlight-uploads")
        self._inside = 0

    async def receive(self, request: web.Request) -> UInt8Array:
        """(H, W, 3) uint8 RGB of a request's body.

        Raises BackdropError as `decode` does, NoPictureError for a Content-Type other than image/*, as read_body does,
        and HTTPServiceUnavailable (503) while too many others are at it.
        """
        if not request.content_type.startswith("image/"):
            raise NoPictureError(f"expected Content-Type image/png, image/jpeg or image/webp, got {_type_of(request)}")
        if self._inside >= MOST_WAITING:
            raise web.HTTPServiceUnavailable(text="too many pictures at once; try again", headers={"Retry-After": "2"})
        self._inside += 1
        try:
            return await self.decode(await read_body(request, self.limits.most_bytes))
        finally:
            self._inside -= 1

    async def decode(self, data: bytes) -> UInt8Array:
        """As the function of that name, beside the event loop."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, decode, data, self.limits)

    def close(self) -> None:
        """Give up what waits and wait for the one that is decoded."""
        self._thread.shutdown(cancel_futures=True)


def decode(data: bytes, limits: Limits | None = None) -> UInt8Array:
    """(H, W, 3) uint8 RGB of a PNG, JPEG or WebP file: turned by its EXIF orientation, in sRGB, over grey where it is
    transparent, the first picture of an animation, scaled down to what a full-HD frame can show.

    Raises NoPictureError or LargePictureError, the latter before anything is decoded.
    """
    limits = limits or Limits()
    if len(data) > limits.most_bytes:
        raise LargePictureError(f"expected a picture of at most {limits.most_bytes} bytes, got {len(data)}")
    _check_outline(data, limits)
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            _check_pixels(image.height, image.width, limits)
            turn = TURNS.get(_orientation(image))
            size = _scaled(image.height, image.width, on_its_side=turn in SIDEWAYS)
            image.draft(image.mode, (size[1], size[0]))  # a JPEG decodes to a half or less of its size at less cost
            image.load()
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise LargePictureError(f"expected at most {limits.most_pixels} pixels, got far more") from error
    except (*DAMAGED, Warning) as error:
        raise NoPictureError(f"expected a PNG, JPEG or WebP picture, got {len(data)} bytes that are none") from error
    upright = _flat(image, size)
    return np.array(upright if turn is None else upright.transpose(turn), np.uint8)


def _check_outline(data: bytes, limits: Limits) -> None:
    """Raise LargePictureError for what would cost much before or without many pixels being declared."""
    if data[:4] == b"RIFF":  # the decoder of WebP reserves its canvas as soon as it is opened
        _check_pixels(*_webp_size(data), limits)
    scans = data.count(b"\xff\xda") if data[:2] == b"\xff\xd8" else 0
    if scans > MOST_SCANS:
        raise LargePictureError(f"expected a JPEG of at most {MOST_SCANS} scans, got {scans}; save it as baseline")


def _webp_size(data: bytes) -> tuple[int, int]:
    """Height and width as the first chunk has them (RFC 9649, section 2.5 to 2.7), (0, 0) where it cannot be read."""
    kind, body = data[12:16], data[20:30]
    if len(body) < 10:
        return 0, 0
    if kind == b"VP8X":
        return 1 + int.from_bytes(body[7:10], "little"), 1 + int.from_bytes(body[4:7], "little")
    if kind == b"VP8L":
        bits = int.from_bytes(body[1:5], "little")
        return 1 + (bits >> 14 & 0x3FFF), 1 + (bits & 0x3FFF)
    width, height = struct.unpack("<HH", body[6:10])
    return height & 0x3FFF, width & 0x3FFF


def _check_pixels(height: int, width: int, limits: Limits) -> None:
    if height * width > limits.most_pixels:
        raise LargePictureError(f"expected at most {limits.most_pixels} pixels, got {width}x{height}; scale it down")


def _flat(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    """The picture in RGB at a height and width, without transparency."""
    plain = _plain(image)
    if (plain.height, plain.width) != size:
        plain = plain.resize((size[1], size[0]), Image.Resampling.LANCZOS, reducing_gap=3.0)
    if plain.mode == "RGBA":
        behind = Image.new("RGBA", plain.size, (*BEHIND, 255))
        plain = Image.alpha_composite(behind, plain).convert("RGB")
    return _in_srgb(plain, image.info.get("icc_profile"))


def _scaled(height: int, width: int, *, on_its_side: bool) -> tuple[int, int]:
    """Height and width to which a picture is scaled down: it still covers COVERED, no side is above LONGEST."""
    covered = COVERED[::-1] if on_its_side else COVERED
    scale = min(1.0, max(covered[0] / height, covered[1] / width), LONGEST / max(height, width))
    return max(1, round(height * scale)), max(1, round(width * scale))


def _plain(image: Image.Image) -> Image.Image:
    """The picture with 8 bits in mode L, RGB, CMYK, or RGBA if anything of it is transparent."""
    if image.mode.startswith("I"):  # 16 bits of grey
        return Image.fromarray((np.asarray(image).astype(np.int64) >> 8).clip(0, 255).astype(np.uint8))
    if image.mode.endswith(("A", "a")) or "transparency" in image.info:
        return image.convert("RGBA")
    return image.convert({"1": "L", "L": "L", "CMYK": "CMYK"}.get(image.mode, "RGB"))


def _in_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """The picture as RGB in sRGB; a profile that cannot be used is left aside."""
    if profile and len(profile) <= MOST_PROFILE_BYTES:
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            converted = ImageCms.profileToProfile(image, source, SRGB, outputMode="RGB")
        except (ImageCms.PyCMSError, *DAMAGED):
            return image.convert("RGB")
        if converted is not None:
            return converted
    return image.convert("RGB")


def _orientation(image: Image.Image) -> int:
    """The EXIF orientation 1 to 8; 1 where there is none or it cannot be read."""
    try:
        value = image.getexif().get(ORIENTATION, 1)
    except (*DAMAGED, Warning):
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def _type_of(request: web.Request) -> str:
    return request.content_type[:60] if "Content-Type" in request.headers else "none"
