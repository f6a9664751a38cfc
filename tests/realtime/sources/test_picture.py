from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

from rimlight.errors import SourceError
from rimlight.realtime.sources.picture import PictureSource, from_spec
from rimlight.types import Size


def save(path: Path, image: np.ndarray) -> Path:
    """RGB or RGBA to a file; not by imwrite, which knows no pathlib."""
    code = cv2.COLOR_RGBA2BGRA if image.shape[2] == 4 else cv2.COLOR_RGB2BGR
    path.write_bytes(cv2.imencode(path.suffix, cv2.cvtColor(image, code))[1].tobytes())
    return path


@pytest.fixture
def image() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (12, 20, 3), np.uint8)


@pytest.mark.parametrize("name", ["a.png", "a.bmp", "a.tiff"])
def test_a_picture_is_one_frame(tmp_path: Path, image: np.ndarray, name: str) -> None:
    with PictureSource(save(tmp_path / name, image)) as source:
        assert (source.count, source.live, source.size) == (1, False, Size(12, 20))
        frames = list(source)
    assert len(frames) == 1
    assert frames[0].cut
    assert np.array_equal(frames[0].image, image)


def test_it_is_repeated_as_often_as_asked(tmp_path: Path, image: np.ndarray) -> None:
    frames = list(PictureSource(save(tmp_path / "a.png", image), count=4, rate=Fraction(10)))
    assert [frame.pts_s for frame in frames] == pytest.approx([0, 0.1, 0.2, 0.3])
    assert [frame.cut for frame in frames] == [True, False, False, False]


def test_alpha_is_dropped_and_colours_stay(tmp_path: Path, image: np.ndarray) -> None:
    alpha = np.arange(240, dtype=np.uint8).reshape(12, 20, 1)
    frame = next(iter(PictureSource(save(tmp_path / "a.png", np.dstack([image, alpha])))))
    assert np.array_equal(frame.image, image)


def test_exif_orientation_is_obeyed(tmp_path: Path) -> None:
    image = np.zeros((16, 32, 3), np.uint8)
    image[:8, :16] = 255
    data = save(tmp_path / "a.jpg", image).read_bytes()
    orientation_6 = (  # to be turned a quarter clockwise
        b"\xff\xe1\x00\x22Exif\0\0MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"
    )
    (tmp_path / "a.jpg").write_bytes(data[:2] + orientation_6 + data[2:])
    frame = next(iter(PictureSource(tmp_path / "a.jpg")))
    assert frame.size == Size(32, 16)
    assert frame.image[:16, 8:].mean() > 200
    assert frame.image[:16, :8].mean() < 20


def test_a_missing_picture(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no file"):
        PictureSource(tmp_path / "no.png")


@pytest.mark.parametrize("data", [b"", b"not a picture", b"\x89PNG\r\n\x1a\n"])
def test_no_picture(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(data)
    with pytest.raises(SourceError, match="picture"):
        PictureSource(path)


def test_a_folder(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="cannot be read"):
        PictureSource(tmp_path)


def test_a_count_of_none_is_refused(tmp_path: Path, image: np.ndarray) -> None:
    with pytest.raises(SourceError, match="above 0"):
        PictureSource(save(tmp_path / "a.png", image), count=0)


def test_a_picture_keeps_its_size(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="its own size"):
        from_spec(str(tmp_path / "a.png"), Size(2, 2))
