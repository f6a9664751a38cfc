from __future__ import annotations

import os
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

from rimlight.errors import BackdropError
from rimlight.realtime.backdrops import COLOURS, Backdrop, Blur, Picture, Scene, Video, open_backdrop
from rimlight.realtime.matted import Matted
from rimlight.realtime.sources.barcode import frame_number
from rimlight.realtime.sources.file import FileSource
from rimlight.types import Coefficients, Frame, Size, UInt8Array

from .sources.media import numbered, write_sound, write_video

FULL = Size(90, 160)
SMALL = Size(32, 48)
VIDEO = Size(90, 160)
FRAMES = 6


def scene(pts_s: float = 0.0, full: Size = FULL) -> Scene:
    """A bright disc of a person before a dark room."""
    small = np.full((3, SMALL.height, SMALL.width), 0.2, np.float32)
    rows, columns = np.mgrid[: SMALL.height, : SMALL.width]
    person = np.hypot(rows - 16, columns - 24) < 10
    small[:, person] = 1
    scale, offset = np.zeros((2, 4, SMALL.height, SMALL.width), np.float32)
    offset[3] = person
    frame = Frame(np.zeros((full.height, full.width, 3), np.uint8), pts_s, 0.0)
    return Scene(pts_s, full, Matted(frame, small, Coefficients(scale, offset)))


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    """Left half red, right half green, 60 wide and 20 high."""
    image = np.zeros((20, 60, 3), np.uint8)
    image[:, :30, 2], image[:, 30:, 1] = 200, 200
    path = tmp_path / "wall.png"
    path.write_bytes(cv2.imencode(".png", image)[1].tobytes())
    return path


@pytest.fixture
def video(tmp_path: Path) -> Path:
    return write_video(tmp_path / "sea.mp4", numbered(FRAMES, VIDEO))


def shown(backdrop: Backdrop, pts_s: float) -> int | None:
    return frame_number(backdrop.cover(FULL, pts_s))


@pytest.mark.parametrize("spec", ["#1e90ff", "green", "GREY"])
def test_a_colour_fills_the_frame(spec: str) -> None:
    backdrop = open_backdrop(spec)
    code = COLOURS.get(spec.lower(), spec)
    wanted = [int(code[i : i + 2], 16) for i in (1, 3, 5)]
    soft = backdrop.backing(scene())
    assert isinstance(soft, np.ndarray)
    assert soft.shape == (3, SMALL.height, SMALL.width)
    assert soft.dtype == np.float32
    assert np.allclose(soft[:, 5, 5] * 255, wanted, atol=0.01)
    assert (backdrop.cover(FULL, 0.0) == wanted).all()
    assert not backdrop.transparent


def test_a_picture_covers_the_frame_with_its_aspect_kept(picture: Path) -> None:
    backdrop = open_backdrop(str(picture))
    sharp = backdrop.backing(scene())
    assert isinstance(sharp, np.ndarray)
    assert sharp.shape == (90, 160, 3)
    assert np.abs(sharp[45, 20].astype(int) - (200, 0, 0)).max() <= 2
    assert np.abs(sharp[45, 140].astype(int) - (0, 200, 0)).max() <= 2
    tall = backdrop.backing(scene(full=Size(160, 90)))
    assert isinstance(tall, np.ndarray)
    assert tall.shape == (160, 90, 3)
    assert np.array_equal(tall, backdrop.cover(Size(160, 90), 0.0))


def test_a_picture_is_scaled_once_per_size(picture: Path) -> None:
    backdrop = open_backdrop(str(picture))
    assert backdrop.cover(FULL, 0.0) is backdrop.cover(FULL, 1.0)


def test_blur_shows_the_room_and_not_the_person() -> None:
    soft = open_backdrop("blur:0.6").backing(scene())
    assert isinstance(soft, np.ndarray)
    assert soft.shape == (3, SMALL.height, SMALL.width)
    assert np.allclose(soft, 0.2, atol=0.02)


def test_a_stronger_blur_is_smoother() -> None:
    striped = scene()
    striped.small[:, :, :4] = 0.9

    def roughness(strength: float) -> float:
        soft = Blur(strength).backing(striped)
        assert isinstance(soft, np.ndarray)
        return float(np.abs(np.diff(soft, axis=2)).max())

    assert roughness(0.9) < roughness(0.1) / 2


def test_the_cover_of_a_blur_is_one_grey() -> None:
    cover = open_backdrop("blur").cover(FULL, 0.0)
    assert cover.shape == (90, 160, 3)
    assert len(np.unique(cover)) == 1


def test_blur_without_a_strength_is_half() -> None:
    assert Blur(0.5).strength == 0.5
    assert isinstance(found := open_backdrop("blur"), Blur)
    assert found.strength == 0.5


def test_transparent_has_nothing_behind() -> None:
    backdrop = open_backdrop("transparent")
    assert backdrop.transparent
    assert backdrop.backing(scene()) is None
    assert not backdrop.cover(FULL, 0.0).any()


def test_a_video_runs_at_its_own_rate(video: Path) -> None:
    backdrop = open_backdrop(str(video))
    assert [shown(backdrop, index / 60 + 0.001) for index in range(12)] == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5]


def test_a_video_skips_pictures_before_slower_frames(video: Path) -> None:
    backdrop = open_backdrop(str(video))
    assert [shown(backdrop, index / 10 + 0.001) for index in range(2)] == [0, 3]


def test_a_video_begins_again_when_it_ends(video: Path) -> None:
    backdrop = open_backdrop(str(video))
    times = [index / 30 + 0.01 for index in range(3 * FRAMES + 2)]
    assert [shown(backdrop, time_s) for time_s in times] == [*list(range(FRAMES)) * 3, 0, 1]


def test_a_video_follows_its_own_timestamps(tmp_path: Path) -> None:
    times = [Fraction(0), Fraction(1, 10), Fraction(2, 10), Fraction(9, 10)]
    path = write_video(tmp_path / "odd.mp4", numbered(4, VIDEO), times=times)
    backdrop = open_backdrop(str(path))
    assert [shown(backdrop, float(time_s)) for time_s in (0.05, 0.15, 0.25, 0.85, 0.91)] == [0, 1, 2, 2, 3]


def test_what_a_video_shows_depends_on_the_time_alone(video: Path) -> None:
    stepped, late = open_backdrop(str(video)), open_backdrop(str(video))
    time_s = 100 * FRAMES / 30 + 2 / 30 + 0.01
    for index in range(200):
        stepped.cover(FULL, time_s * index / 200)
    assert shown(stepped, time_s) == shown(late, time_s) == 2


def test_a_jump_of_hours_does_not_decode_hours(video: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr(
        "rimlight.realtime.backdrops.FileSource", lambda path: opened.append(str(path)) or FileSource(path)
    )
    backdrop = open_backdrop(str(video))
    assert shown(backdrop, 36_000 * FRAMES / 30 + 3 / 30 + 0.01) == 3
    assert len(opened) <= 3


def test_a_clock_that_begins_again_begins_the_video_again(video: Path) -> None:
    backdrop = open_backdrop(str(video))
    assert shown(backdrop, 40.0 + 4 / 30 + 0.001) is not None
    assert [shown(backdrop, time_s) for time_s in (0.001, 0.034)] == [0, 1]


def test_a_clock_that_trembles_keeps_the_picture(video: Path) -> None:
    backdrop = open_backdrop(str(video))
    assert [shown(backdrop, time_s) for time_s in (0.101, 0.09, 0.101)] == [3, 3, 3]


def test_a_video_of_one_picture_stays(tmp_path: Path) -> None:
    backdrop = open_backdrop(str(write_video(tmp_path / "one.mp4", numbered(1, VIDEO))))
    assert [shown(backdrop, time_s) for time_s in (0.0, 0.1, 5.0)] == [0, 0, 0]


def test_a_video_of_another_aspect_covers_the_frame(video: Path) -> None:
    backdrop = open_backdrop(str(video))
    for size in (Size(200, 100), Size(1, 1), Size(31, 333)):
        assert backdrop.cover(size, 0.0).shape == (size.height, size.width, 3)


def test_a_picture_of_a_video_is_scaled_once(video: Path) -> None:
    backdrop = open_backdrop(str(video))
    assert backdrop.cover(FULL, 0.001) is backdrop.cover(FULL, 0.002)
    first: UInt8Array = backdrop.cover(FULL, 0.001).copy()
    assert not np.array_equal(first, backdrop.cover(FULL, 0.1))


def test_a_video_that_vanishes_stands_still_and_says_so_once(video: Path, caplog: pytest.LogCaptureFixture) -> None:
    backdrop = open_backdrop(str(video), freeze=True)
    video.unlink()
    assert shown(backdrop, 0.1) == 3
    last = backdrop.cover(FULL, 10.0)
    assert last.any()
    assert backdrop.cover(FULL, 20.0) is last
    assert [record.message for record in caplog.records if "stands still" in record.message] == [
        record.message for record in caplog.records
    ]
    assert len(caplog.records) == 1


def test_a_video_that_vanishes_from_under_a_file_says_so(video: Path) -> None:
    backdrop = open_backdrop(str(video))
    video.unlink()
    with pytest.raises(BackdropError, match=r"sea\.mp4.*no file"):
        backdrop.cover(FULL, 10.0)


def test_a_picture_that_vanishes_was_read_already(picture: Path) -> None:
    backdrop = open_backdrop(str(picture))
    picture.unlink()
    assert backdrop.cover(FULL, 0.0).any()


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="needs Linux's list of open files")
def test_a_video_keeps_one_file_open_and_none_once_closed(video: Path) -> None:
    def handles() -> int:
        links = (f"/proc/self/fd/{name}" for name in os.listdir("/proc/self/fd"))
        return sum(os.path.exists(link) and os.path.samefile(link, video) for link in links)

    backdrop = Video(video)
    for index in range(5 * FRAMES):
        backdrop.cover(FULL, index / 30 + 0.001)
        assert handles() <= 1
    backdrop.close()
    assert handles() == 0


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("blur:1.5", "blur of 0 to 1"),
        ("blur:-0.1", "blur of 0 to 1"),
        ("blur:nan", "blur of 0 to 1"),
        ("blur:much", "blur of 0 to 1"),
        ("transparent:0.5", "no backdrop"),
        ("#12345", "no backdrop"),
        ("#12345g", "no backdrop"),
        ("greenish", "no backdrop"),
        ("", "no backdrop ''"),
        ("beach.jpg", "no backdrop"),
        ("x" * 5000, "no backdrop"),
    ],
)
def test_a_bad_spec_says_what_can_be_named(spec: str, said: str) -> None:
    with pytest.raises(BackdropError, match=said) as caught:
        open_backdrop(spec)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["bad.png", "bad.jpg", "bad.mp4", "bad"])
@pytest.mark.parametrize("content", [b"", b"this is neither a picture nor a video\n" * 20], ids=["empty", "text"])
def test_a_file_that_is_no_picture_is_named(tmp_path: Path, name: str, content: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(BackdropError, match=f"cannot use {name} as a backdrop") as caught:
        open_backdrop(str(path))
    assert "\n" not in str(caught.value)


def test_sound_is_no_backdrop(tmp_path: Path) -> None:
    with pytest.raises(BackdropError, match=r"song\.m4a.*no moving pictures"):
        open_backdrop(str(write_sound(tmp_path / "song.m4a", "aac")))


def test_a_folder_is_no_backdrop(tmp_path: Path) -> None:
    with pytest.raises(BackdropError, match="no backdrop"):
        open_backdrop(str(tmp_path))


def test_a_file_may_be_called_like_anything(tmp_path: Path, picture: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    picture.rename("blurred:0.6.png")
    assert isinstance(open_backdrop("blurred:0.6.png"), Picture)
