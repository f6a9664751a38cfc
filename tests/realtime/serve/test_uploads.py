from __future__ import annotations

import struct
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms, ImageFile

from rimlight.errors import BackdropError
from rimlight.realtime.serve import uploads
from rimlight.realtime.serve.uploads import LargePictureError, Limits, NoPictureError, decode
from rimlight.types import UInt8Array

from .pictures import BLUE, GREEN, RED, WHITE, png, quarters, saved


def corners(picture: UInt8Array) -> list[list[int]]:
    """Colours in the middles of the four quarters: above left, above right, below left, below right."""
    height, width = picture.shape[:2]
    return [picture[height * y // 4, width * x // 4].tolist() for y in (1, 3) for x in (1, 3)]


@pytest.mark.parametrize(("kind", "options"), [("PNG", {}), ("JPEG", {"quality": 95}), ("WEBP", {"lossless": True})])
def test_pictures_of_all_kinds_are_read(kind: str, options: dict[str, Any]) -> None:
    picture = decode(saved(quarters(), kind, **options))
    assert picture.dtype == np.uint8
    assert picture.shape == (32, 48, 3)
    assert np.abs(np.array(corners(picture)) - [RED, GREEN, BLUE, WHITE]).max() <= 4


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
def test_every_mode_of_png_comes_out_in_its_colours(mode: str) -> None:
    grey = Image.fromarray(np.full((8, 8), 255, np.uint8))
    image = Image.fromarray(np.full((8, 8), 65535, np.uint16)) if mode == "I;16" else grey.convert(mode)
    assert image.mode == mode
    assert (decode(saved(image, "PNG")) == 255).all()
    half = Image.fromarray(np.full((8, 8), 128 << 8, np.uint16))
    assert (decode(saved(half, "PNG")) == 128).all()


def test_print_colours_are_turned_to_rgb() -> None:
    picture = decode(saved(quarters().convert("CMYK"), "JPEG", quality=95))
    assert np.abs(np.array(corners(picture)) - [RED, GREEN, BLUE, WHITE]).max() <= 4


def test_what_is_transparent_shows_grey() -> None:
    image = quarters().convert("RGBA")
    image.putalpha(Image.fromarray(np.repeat(np.array([[0], [255]], np.uint8), 16, 0).repeat(48, 1)))
    behind = list(uploads.BEHIND)
    assert corners(decode(saved(image, "PNG"))) == [behind, behind, list(BLUE), list(WHITE)]
    indexed = quarters().convert("P", palette=Image.Palette.ADAPTIVE, colors=4)
    index = indexed.getpixel((1, 1))
    assert corners(decode(saved(indexed, "PNG", transparency=index)))[0] == behind


@pytest.mark.parametrize("orientation", range(10))
def test_a_picture_is_turned_as_its_exif_says(orientation: int) -> None:
    seen = np.array([[RED, GREEN], [BLUE, WHITE]], np.uint8)  # what people see, and what the file stores for it
    stored = {
        2: seen[:, ::-1], 3: seen[::-1, ::-1], 4: seen[::-1], 5: seen.transpose(1, 0, 2),
        6: np.rot90(seen, 1), 7: np.rot90(seen, 2).transpose(1, 0, 2), 8: np.rot90(seen, -1),
    }.get(orientation, seen)  # fmt: skip
    exif = Image.Exif()
    exif[uploads.ORIENTATION] = orientation
    sides = (24, 16) if orientation in (5, 6, 7, 8) else (16, 24)
    image = Image.fromarray(np.ascontiguousarray(stored.repeat(sides[0], 0).repeat(sides[1], 1)))
    for kind in ("PNG", "WEBP"):
        picture = decode(saved(image, kind, exif=exif.tobytes(), **({"lossless": True} if kind == "WEBP" else {})))
        assert picture.shape == (32, 48, 3)
        assert corners(picture) == [list(colour) for colour in (RED, GREEN, BLUE, WHITE)]


def test_an_orientation_that_is_none_is_left_aside() -> None:
    broken = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\xff\xff\xff\xff\0\0\0\0"
    assert decode(saved(quarters(), "PNG", exif=broken)).shape == (32, 48, 3)


def test_a_wide_gamut_is_converted_and_a_broken_profile_left_aside() -> None:
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    same = decode(saved(quarters(), "PNG", icc_profile=lab))
    assert np.abs(np.array(corners(same)) - [RED, GREEN, BLUE, WHITE]).max() <= 1
    red, green = lab.index(b"rXYZ", 128), lab.index(b"gXYZ", 128)  # entries of its table: a name, an offset, a size
    swapped = bytearray(lab)
    swapped[red : red + 4], swapped[green : green + 4] = b"gXYZ", b"rXYZ"
    assert corners(decode(saved(quarters(), "PNG", icc_profile=bytes(swapped))))[0] == list(GREEN)
    huge = bytes(swapped) + bytes(uploads.MOST_PROFILE_BYTES)
    for profile in (b"no profile", lab[:200], huge):
        picture = decode(saved(quarters(), "WEBP", lossless=True, icc_profile=profile))
        assert corners(picture)[0] == list(RED)


def test_an_animation_shows_its_first_picture() -> None:
    others = [Image.new("RGB", (48, 32), colour) for colour in (RED, BLUE)]
    for kind in ("PNG", "WEBP"):
        data = saved(quarters(), kind, save_all=True, append_images=others, duration=50, lossless=True)
        assert np.abs(np.array(corners(decode(data))) - [RED, GREEN, BLUE, WHITE]).max() <= 2


@pytest.mark.parametrize(
    ("height", "width", "expected"),
    [(2400, 3600, (1280, 1920)), (600, 6000, (256, 2560)), (1000, 1000, (1000, 1000)), (5000, 500, (2560, 256))],
)
def test_a_large_picture_is_scaled_down_to_what_a_frame_can_show(
    height: int, width: int, expected: tuple[int, int]
) -> None:
    picture = decode(saved(quarters(height, width), "JPEG"))
    assert picture.shape == (*expected, 3)
    assert np.abs(np.array(corners(picture)) - [RED, GREEN, BLUE, WHITE]).max() <= 4


def test_a_picture_on_its_side_covers_a_frame_when_it_is_turned() -> None:
    exif = Image.Exif()
    exif[uploads.ORIENTATION] = 6
    assert decode(saved(quarters(3600, 2400), "JPEG", exif=exif.tobytes())).shape == (1280, 1920, 3)


def webp(kind: bytes, body: bytes) -> bytes:
    chunk = kind + struct.pack("<I", len(body)) + body
    return b"RIFF" + struct.pack("<I", 4 + len(chunk)) + b"WEBP" + chunk


HUGE = [
    png(50_000, 50_000),
    png(12_000, 12_000),
    png(5000, 5000),
    png(2**31 - 1, 1),
    webp(b"VP8X", struct.pack("<I", 2) + b"\xff\x3f\0\xff\x3f\0"),
    webp(b"VP8L", b"\x2f" + struct.pack("<I", 0x0FFFFFFF) + bytes(20)),
    webp(b"VP8 ", b"\0\0\0\x9d\x01\x2a" + struct.pack("<HH", 16383, 16383) + bytes(20)),
]


@pytest.mark.parametrize("data", HUGE, ids=range(len(HUGE)))
def test_a_bomb_is_refused_before_anything_is_decoded(data: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("it was decoded")

    monkeypatch.setattr(ImageFile.ImageFile, "load", refuse)
    monkeypatch.setattr(Image, "new", refuse)
    if data[:4] == b"RIFF":
        monkeypatch.setattr(Image, "open", refuse)  # which reserves the canvas
    with pytest.raises(LargePictureError, match="pixels, got"):
        decode(data)


def test_a_jpeg_of_very_many_scans_is_refused() -> None:
    data = saved(quarters(), "JPEG", progressive=True)
    scan = data[data.rindex(b"\xff\xda") : -2]
    assert decode(data[:-2] + scan * 50 + b"\xff\xd9").shape == (32, 48, 3)
    with pytest.raises(LargePictureError, match="scans"):
        decode(data[:-2] + scan * 200 + b"\xff\xd9")


def test_too_many_bytes_are_refused() -> None:
    data = saved(quarters(), "PNG")
    assert decode(data, Limits(most_bytes=len(data))).shape == (32, 48, 3)
    with pytest.raises(LargePictureError, match=f"at most {len(data) - 1} bytes, got {len(data)}"):
        decode(data, Limits(most_bytes=len(data) - 1))
    with pytest.raises(LargePictureError, match="at most 1535 pixels, got 48x32"):
        decode(data, Limits(most_pixels=1535))


OTHERS = [
    b"", b"x", b"RIFF", b"\xff\xd8", b"\x89PNG\r\n\x1a\n", b"<svg xmlns='http://www.w3.org/2000/svg'/>",
    b"RIFF\0\0\0\0WEBPVP8 ", b"GIF89a", b"%PDF-1.4", saved(quarters(), "GIF"), saved(quarters(), "BMP"),
    saved(quarters(), "TIFF"), saved(quarters(), "ICO"), saved(quarters(), "PPM"), b"%!PS-Adobe-3.0 EPSF-3.0\n",
]  # fmt: skip


@pytest.mark.parametrize("data", OTHERS, ids=range(len(OTHERS)))
def test_what_is_none_of_the_three_kinds_is_refused(data: bytes) -> None:
    with pytest.raises(NoPictureError, match="expected a PNG, JPEG or WebP picture"):
        decode(data)


def holds(data: bytes) -> None:
    """Whatever the bytes: a picture or a BackdropError."""
    try:
        picture = decode(data, Limits(most_pixels=1_000_000))
    except BackdropError:
        return
    assert picture.dtype == np.uint8
    assert picture.ndim == 3
    assert picture.shape[2] == 3
    assert max(picture.shape) <= uploads.LONGEST


REAL = [
    saved(quarters(), "PNG"),
    saved(quarters().convert("P"), "PNG", transparency=0),
    saved(quarters().convert("LA"), "PNG"),
    saved(quarters(), "JPEG", icc_profile=ImageCms.ImageCmsProfile(uploads.SRGB).tobytes()),
    saved(
        quarters(), "JPEG", progressive=True, exif=b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0"
    ),
    saved(quarters(), "WEBP"),
    saved(quarters().convert("RGBA"), "WEBP", lossless=True),
]


@given(st.sampled_from([b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"RIFF\0\0\0\0WEBPVP8L"]), st.binary(max_size=300))
@settings(max_examples=150, deadline=None)
def test_any_bytes_are_a_picture_or_an_error(begin: bytes, data: bytes) -> None:
    holds(begin + data)


@given(st.sampled_from(REAL), st.data())
@settings(max_examples=300, deadline=None)
def test_damaged_pictures_are_a_picture_or_an_error(real: bytes, data: st.DataObject) -> None:
    damaged = bytearray(real)
    for _ in range(data.draw(st.integers(0, 4))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    holds(bytes(damaged[: data.draw(st.integers(1, len(damaged)))]))
