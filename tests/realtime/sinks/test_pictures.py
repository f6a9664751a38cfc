from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from rimlight.errors import SinkError
from rimlight.pixels import to_i420
from rimlight.realtime.sinks import pictures
from rimlight.realtime.sinks.options import Options
from rimlight.realtime.sinks.pictures import PicturesSink, from_spec
from rimlight.types import Frame, Size
from tests.realtime.sources.media import numbered

from .outputs import INFO, frames_for, leftovers, with_alpha, write_all


def load(path: Path) -> np.ndarray:
    """RGB or RGBA of a file."""
    image = cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), cv2.IMREAD_UNCHANGED)
    return cv2.cvtColor(image, cv2.COLOR_BGRA2RGBA if image.shape[2] == 4 else cv2.COLOR_BGR2RGB)


def test_a_folder_gets_numbered_png(tmp_path: Path) -> None:
    with PicturesSink(f"{tmp_path}/new/") as sink:
        write_all(sink, 3)
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == ["00000.png", "00001.png", "00002.png"]
    for index, image in enumerate(numbered(3)):
        assert np.array_equal(load(tmp_path / "new" / f"{index:05d}.png"), image)


def test_a_pattern_names_the_pictures(tmp_path: Path) -> None:
    with PicturesSink(tmp_path / "take-%03d.png") as sink:
        write_all(sink, 2)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["take-000.png", "take-001.png"]


def test_png_keeps_straight_alpha_exactly(tmp_path: Path) -> None:
    with PicturesSink(tmp_path, alpha=True) as sink:
        assert (sink.wants, sink.carries_alpha) == ("rgba", True)
        write_all(sink, 2)
    for index, image in enumerate(numbered(2)):
        assert np.array_equal(load(tmp_path / f"{index:05d}.png"), with_alpha(image))


def test_jpeg_is_close(tmp_path: Path) -> None:
    smooth = cv2.GaussianBlur(numbered(1)[0], (0, 0), 4)
    with PicturesSink(tmp_path / "%d.jpg") as sink:
        sink.write(Frame(smooth, 0.0, 0.0))
    assert np.abs(load(tmp_path / "0.jpg").astype(int) - smooth).mean() < 2


def test_planes_are_taken_too(tmp_path: Path) -> None:
    with PicturesSink(tmp_path / "a.png") as sink:
        sink.write(Frame(to_i420(np.full((8, 8, 3), 200, np.uint8)), 0.0, 0.0))
    assert np.abs(load(tmp_path / "a.png").astype(int) - 200).max() <= 2


def test_sizes_may_change(tmp_path: Path) -> None:
    with PicturesSink(tmp_path) as sink:
        write_all(sink, 1)
        write_all(sink, 1, Size(32, 64))
    assert [load(tmp_path / f"0000{index}.png").shape for index in (0, 1)] == [(64, 112, 3), (32, 64, 3)]


def test_a_name_without_a_number_takes_one_frame(tmp_path: Path) -> None:
    with PicturesSink(tmp_path / "me.png") as sink:
        frames = list(frames_for(sink, 2))
        sink.write(frames[0])
        with pytest.raises(SinkError, match=r"%05d"):
            sink.write(frames[1])
    assert (tmp_path / "me.png").exists()


def test_pictures_written_before_an_error_stay_and_are_whole(tmp_path: Path) -> None:
    def work() -> None:
        with PicturesSink(tmp_path) as sink:
            write_all(sink, 2)
            raise RuntimeError("elsewhere")

    with pytest.raises(RuntimeError):
        work()
    assert np.array_equal(load(tmp_path / "00001.png"), numbered(2)[1])
    assert leftovers(tmp_path) == []


def test_a_write_that_fails_leaves_no_part(tmp_path: Path) -> None:
    (tmp_path / "00001.png").mkdir()  # cannot be replaced by a file
    with PicturesSink(tmp_path) as sink, pytest.raises(SinkError, match=r"00001\.png cannot be written"):
        write_all(sink, 2)
    assert leftovers(tmp_path) == []


def test_existing_pictures_are_kept_if_asked(tmp_path: Path) -> None:
    (tmp_path / "00000.png").write_bytes(b"mine")
    with pytest.raises(SinkError, match="exists"):
        PicturesSink(tmp_path, overwrite=False)
    (tmp_path / "00000.png").rename(tmp_path / "00001.png")
    with PicturesSink(tmp_path, overwrite=False) as sink, pytest.raises(SinkError, match="exists"):
        write_all(sink, 2)
    assert (tmp_path / "00001.png").read_bytes() == b"mine"


@pytest.mark.parametrize(
    ("name", "alpha", "words"),
    [
        ("no folder/deep/%d.png", False, "cannot be made"),
        ("%d.gif", False, "expected pictures as .png"),
        ("%d.jpg", True, "JPEG has no alpha"),
    ],
)
def test_what_cannot_be_is_told(tmp_path: Path, name: str, alpha: bool, words: str) -> None:
    with pytest.raises(SinkError, match=words):
        PicturesSink(tmp_path / name, alpha=alpha)


def test_a_file_in_the_folders_place_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SinkError, match="cannot be made"):
        PicturesSink(tmp_path / "file" / "%d.png")


def test_a_picture_that_cannot_be_encoded_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures.cv2, "imencode", lambda *_: (False, None))
    with PicturesSink(tmp_path) as sink, pytest.raises(SinkError, match=r"cannot be written as \.png"):
        write_all(sink, 1)


def test_side_by_side_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SinkError, match="side-by-side"):
        from_spec(str(tmp_path), replace(INFO), Options(alpha="side-by-side"))
