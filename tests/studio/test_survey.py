"""Videos looked through: their length, their cuts; and frames taken out of them by number."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from rimlight.errors import SourceError
from rimlight.realtime.sources.file import FileSource
from rimlight.studio import reel as reel_module
from rimlight.studio.reel import Reel
from rimlight.studio.survey import Changes, checksum, survey
from rimlight.types import Size

from .films import write_film


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_film(tmp_path_factory.mktemp("film") / "in.mp4", 50, cuts=(20, 33))


def test_a_survey_finds_length_size_and_cuts(film: Path) -> None:
    seen: list[float] = []
    found = survey(film, lambda frame: seen.append(frame.pts_s))
    assert (found.size, found.count, found.shots) == (Size(96, 160), 50, (0, 20, 33))
    assert len(seen) == 50
    assert [found.shot(frame) for frame in (0, 19, 20, 49)] == [range(20), range(20), range(20, 33), range(33, 50)]


@pytest.mark.parametrize("name", ["desk.mp4", "talking.mp4", "webcam.mp4"])
def test_clips_of_one_shot_have_no_cut(shared: Path, name: str) -> None:
    assert survey(shared / "clips" / name).shots == (0,)


def test_a_file_that_is_no_video_is_refused(tmp_path: Path) -> None:
    (tmp_path / "in.mp4").write_bytes(b"nothing of the kind")
    with pytest.raises(SourceError, match=r"in\.mp4"):
        survey(tmp_path / "in.mp4")


def test_a_checksum_is_of_the_content(film: Path, tmp_path: Path) -> None:
    (tmp_path / "same.mp4").write_bytes(film.read_bytes())
    (tmp_path / "other.mp4").write_bytes(film.read_bytes() + b"x")
    assert checksum(film) == checksum(tmp_path / "same.mp4") != checksum(tmp_path / "other.mp4")


def test_a_reel_gives_the_frames_of_the_file_in_any_order(film: Path) -> None:
    with FileSource(film) as source:
        frames = [(frame.image, frame.pts_s) for frame in source]
    with Reel(film, 50) as reel:
        for number in (0, 1, 2, 30, 31, 4, 49, 48, 0):
            frame = reel.frame(number)
            assert np.array_equal(frame.image, frames[number][0])
            assert frame.pts_s == pytest.approx(frames[number][1])


def test_a_reel_decodes_no_frame_twice_on_the_way(film: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[range | None] = []

    def open_counted(path: Path, *, frames: range | None = None) -> FileSource:
        opened.append(frames)
        return FileSource(path, frames=frames)

    monkeypatch.setattr(reel_module, "FileSource", open_counted)
    with Reel(film, 50, kept=3) as reel:
        for number in range(50):
            reel.frame(number)
            reel.frame(max(0, number - 1))
        assert reel.decoded == 50
    assert opened == [range(50)]


@pytest.mark.parametrize("number", [-1, 50])
def test_a_reel_refuses_frames_that_are_not_there(film: Path, number: int) -> None:
    with Reel(film, 50) as reel, pytest.raises(SourceError, match="has the frames 0 to 49"):
        reel.frame(number)


def test_a_quick_pan_is_no_cut_and_a_sudden_change_in_quiet_is() -> None:
    changes = Changes()
    wide = np.random.default_rng(0).integers(0, 256, (20, 400), dtype=np.uint8)
    scene = np.ascontiguousarray(np.dstack([cv2.resize(wide, (4000, 200))] * 3))
    panned = [changes.sudden(np.ascontiguousarray(scene[:, 60 * step : 60 * step + 360])) for step in range(30)]
    assert not any(panned)
    still = [changes.sudden(np.ascontiguousarray(scene[:, 2000:2360])) for _ in range(8)]
    assert not any(still[1:])
    assert changes.sudden(np.full((200, 360, 3), 30, np.uint8))
