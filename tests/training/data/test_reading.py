"""Pixels come back from wherever they lie, in full or not at all."""

from __future__ import annotations

import struct
import subprocess
import sys
import zlib
from contextlib import suppress
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rimlight.errors import DataError
from rimlight.training.data.items import Ref
from rimlight.training.data.pictures import decode_alpha, decode_image, header_size
from rimlight.training.data.reading import read_alpha, read_alphas, read_image, read_images
from rimlight.types import UInt8Array

from ...realtime.sources.media import numbered, numbers, turn, write_video
from ...realtime.sources.media import read as read_video
from . import made


def encoded(suffix: str, array: UInt8Array) -> bytes:
    return bytes(cv2.imencode(suffix, array)[1])


def test_png_comes_back_exactly(tmp_path: Path) -> None:
    image = made.picture(1)
    assert np.array_equal(read_image(Ref(made.write(tmp_path / "x.png", image))), image)


@pytest.mark.parametrize("suffix", [".jpg", ".webp", ".bmp", ".tif"])
def test_other_formats_are_read_as_rgb(suffix: str, tmp_path: Path) -> None:
    image = np.zeros((16, 16, 3), np.uint8)
    image[:] = (250, 20, 60)
    assert np.abs(read_image(Ref(made.write(tmp_path / f"x{suffix}", image))).astype(int) - image).max() <= 6


def test_the_alpha_channel_is_taken(tmp_path: Path) -> None:
    path = made.write(tmp_path / "x.png", made.rgba(3))
    assert np.array_equal(read_alpha(Ref(path)), made.alpha(3))
    assert np.array_equal(read_image(Ref(path)), made.picture(3))


def test_an_opaque_alpha_channel_is_none(tmp_path: Path) -> None:
    grey = np.dstack([made.grey(made.alpha(3)), np.full((made.HEIGHT, made.WIDTH), 255, np.uint8)])
    assert np.array_equal(read_alpha(Ref(made.write(tmp_path / "x.png", grey))), made.alpha(3))


def test_alphas_of_16_bits_are_rounded(tmp_path: Path) -> None:
    path = tmp_path / "x.png"
    cv2.imwrite(str(path), np.array([[0, 128, 129, 65535, 65407, 257 * 77]], np.uint16))
    assert read_alpha(Ref(path)).tolist() == [[0, 0, 1, 255, 255, 77]]


def test_pictures_of_16_bits_are_read(tmp_path: Path) -> None:
    path = tmp_path / "x.png"
    cv2.imwrite(str(path), np.full((4, 4, 3), 257 * 90, np.uint16))
    assert read_image(Ref(path)).tolist() == np.full((4, 4, 3), 90).tolist()


def test_snapping_makes_the_last_levels_exact_and_keeps_the_rest() -> None:
    levels = np.arange(256, dtype=np.uint8)[None]
    snapped = decode_alpha(encoded(".png", levels), "x", snap=True)[0]
    assert snapped[:6].tolist() == [0] * 6
    assert snapped[250:].tolist() == [255] * 6
    assert snapped[6:250].tolist() == list(range(6, 250))
    assert np.array_equal(decode_alpha(encoded(".png", levels), "x")[0], levels[0])


def test_a_coloured_alpha_is_an_error() -> None:
    with pytest.raises(DataError, match=r"x\.png: expected a grey alpha"):
        decode_alpha(encoded(".png", made.picture(1)), "x.png")


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
@settings(max_examples=30, deadline=None)
@given(share=st.floats(0, 0.99), filled=st.booleans())
def test_cut_off_pictures_are_errors(suffix: str, share: float, filled: bool) -> None:
    """Whether the file is short, or full length with nothing behind the point reached."""
    data = encoded(suffix, made.picture(1, 64, 64))
    kept = data[: int(len(data) * share)]
    with pytest.raises(DataError, match=r"here\.img: (the picture is cut off|the file is empty|expected a picture)"):
        decode_image(kept + bytes(len(data) - len(kept) if filled else 0), "here.img")


@pytest.mark.parametrize("data", [b"", b"\0" * 100, b"<html>404</html>", b"\xff\xd8\xff\xd9", b"\x89PNG\r\n\x1a\nIEND"])
def test_what_is_no_picture_is_an_error(data: bytes) -> None:
    for decode in (decode_image, decode_alpha):
        with pytest.raises(DataError, match=r"page\.jpg"):
            decode(data, "page.jpg")


@given(st.binary(max_size=300), st.sampled_from([b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"]))
@settings(max_examples=200, deadline=None)
def test_random_bytes_never_crash(data: bytes, start: bytes) -> None:
    with pytest.raises(DataError):
        decode_image(start + data, "x")


def test_a_small_file_of_a_huge_picture_is_not_decoded() -> None:
    """30,000 x 30,000 in a kilobyte: the header is believed before the pixels are asked for."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", 30_000, 30_000, 8, 2, 0, 0, 0)
    bomb = (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(99))) + chunk(b"IEND", b"")
    )
    with pytest.raises(DataError, match="at most 128 million pixels, got 30000x30000"):
        decode_image(bomb, "bomb.png")


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
def test_headers_state_height_before_width(suffix: str) -> None:
    assert header_size(encoded(suffix, made.picture(1, 20, 50))) == (20, 50)


def test_a_picture_inside_a_larger_file(tmp_path: Path) -> None:
    data, path = encoded(".png", made.picture(5)[:, :, ::-1]), tmp_path / "many"
    path.write_bytes(b"before" + data + b"after")
    ref = Ref(path, "x.png", offset=6, length=len(data))
    assert np.array_equal(read_image(ref), made.picture(5))
    path.write_bytes(b"before" + data[:-1])
    with pytest.raises(DataError, match=r"many:x\.png: expected \d+ bytes"):
        read_image(ref)


def test_a_file_that_is_gone_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none\.png: cannot be read"):
        read_image(Ref(tmp_path / "none.png"))


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Forty numbered frames with keyframes every twelve and B frames between."""
    path = tmp_path_factory.mktemp("video") / "numbered.mp4"
    return write_video(path, numbered(40), options={"bf": "2", "crf": "12"})


class TestVideo:
    """Frames of videos by index."""

    @pytest.mark.parametrize("wanted", [[0], [39], [11], [12], [13], [30, 31, 32], [5, 20, 38], [20, 10, 10, 11], []])
    def test_each_frame_is_the_one_asked_for(self, video: Path, wanted: list[int]) -> None:
        images = list(read_images([Ref(video, frame=index) for index in wanted]))
        every = read_video(video)
        assert len(images) == len(wanted)
        for image, index in zip(images, wanted, strict=True):
            assert np.abs(image.astype(int) - every[index].image).mean() < 2.5
        assert numbers(every) == list(range(40))

    def test_stills_and_frames_may_mix(self, video: Path, tmp_path: Path) -> None:
        still = Ref(made.write(tmp_path / "x.png", made.picture(1)))
        images = list(read_images([Ref(video, frame=1), still, Ref(video, frame=2)]))
        assert [image.shape[:2] for image in images] == [(64, 112), (made.HEIGHT, made.WIDTH), (64, 112)]

    def test_a_frame_behind_the_end_is_an_error(self, video: Path) -> None:
        with pytest.raises(DataError, match="below 40"):
            read_image(Ref(video, frame=40))

    def test_an_alpha_video_has_exact_ends(self, tmp_path: Path) -> None:
        path = made.movie(tmp_path / "pha.mp4", [made.grey(made.alpha(seed)) for seed in range(3)])
        for alpha, seed in zip(read_alphas([Ref(path, frame=index) for index in range(3)]), range(3), strict=True):
            assert np.abs(alpha.astype(int) - made.alpha(seed)).max() <= 1
            assert (alpha.min(), alpha.max()) == (0, 255)

    def test_a_video_that_breaks_off_says_where(self, tmp_path: Path) -> None:
        path = write_video(tmp_path / "cut.ts", numbered(40), options={"crf": "12"})
        frames = list(range(40))
        assert len(list(read_images([Ref(path, frame=index) for index in frames]))) == 40
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        with pytest.raises(DataError, match=r"cut\.ts"):
            list(read_images([Ref(path, frame=index) for index in frames]))

    def test_damage_in_the_middle_is_an_error(self, tmp_path: Path) -> None:
        """Scratches, most of which a decoder conceals by a smear over the frames that follow unless told otherwise."""
        whole = write_video(tmp_path / "whole.mp4", numbered(40), options={"crf": "12", "bf": "2"}).read_bytes()
        random = np.random.default_rng(0)
        places = random.integers(whole.index(b"mdat") + 700, whole.index(b"moov") - 50, 20)
        found = 0
        for number, place in enumerate(places):
            scratched = bytearray(whole)
            scratched[place : place + 40] = random.integers(0, 256, 40, np.uint8).tobytes()
            path = tmp_path / f"scratched{number}.mp4"
            path.write_bytes(scratched)
            with suppress(DataError):
                list(read_images([Ref(path, frame=index) for index in range(40)]))
                continue
            found += 1
        assert found >= 14

    @pytest.mark.parametrize("suffix", ["mp4", "mkv", "ts"])
    def test_frames_that_lean_on_the_group_before_are_exact(self, suffix: str, tmp_path: Path) -> None:
        """Open groups of pictures: after a seek, the first frames shown cannot be decoded."""
        options = {"bf": "3", "crf": "12", "x264-params": "open-gop=1:b-adapt=0:keyint=10:scenecut=0"}
        path = write_video(tmp_path / f"open.{suffix}", numbered(40), options=options)
        in_order = list(read_images([Ref(path, frame=index) for index in range(40)]))
        for index in range(40):
            assert np.array_equal(read_image(Ref(path, frame=index)), in_order[index]), index

    @pytest.mark.parametrize("height", [32, 720])
    def test_untagged_colours_are_those_that_players_show(self, height: int, tmp_path: Path) -> None:
        colour = np.zeros((height, 32, 3), np.uint8)
        colour[:] = (20, 180, 60)
        path = write_video(
            tmp_path / "x.mp4", [colour], options={"qp": "0"}, tags={} if height == 720 else {"colorspace": 5}
        )
        assert np.abs(read_image(Ref(path, frame=0)).astype(int) - colour).max() <= 3

    def test_a_turned_video_is_refused(self, tmp_path: Path) -> None:
        path = write_video(tmp_path / "phone.mp4", numbered(2))
        turn(path, (0, 1, -1, 0))
        with pytest.raises(DataError, match="turned by"):
            read_image(Ref(path, frame=0))

    @pytest.mark.parametrize("data", [b"", b"no video", bytes(5000)])
    def test_what_is_no_video_is_an_error(self, data: bytes, tmp_path: Path) -> None:
        (tmp_path / "x.mp4").write_bytes(data)
        with pytest.raises(DataError, match=r"x\.mp4: cannot be decoded"):
            read_image(Ref(tmp_path / "x.mp4", frame=0))


def test_packed_data_needs_neither_a_video_decoder_nor_compiled_kernels(tmp_path: Path) -> None:
    made.packed(tmp_path)
    code = (
        "import sys; from pathlib import Path\n"
        "from rimlight.training.data import registry, reading, check, pack, manifest\n"
        f"items = registry.find('packed', Path({str(tmp_path)!r})); check.check(items, threads=1)\n"
        "assert not {'av', 'numba', 'onnxruntime'} & sys.modules.keys(), sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
