"""Where trimaps come from, and which of them a frame takes."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from rimlight.studio.errors import TrimapError
from rimlight.studio.marks import (
    Thinned,
    held,
    marks_of_files,
    marks_of_place,
    reference_of,
    unmarked_shots,
)
from rimlight.studio.survey import Survey
from rimlight.types import Size

from .films import true_trimap

SURVEY = Survey(Size(96, 160), Fraction(25), 30, (0, 12))


def write(path: Path, index: int) -> Path:
    cv2.imwrite(str(path), true_trimap(index, 96, 160))
    return path


def test_named_files_are_marks(tmp_path: Path) -> None:
    files = [f"{frame}={write(tmp_path / f'{frame}.png', frame)}" for frame in (20, 3)]
    marks = marks_of_files(files, SURVEY)
    assert list(marks.frames) == [3, 20]
    assert np.array_equal(marks.trimap(20), true_trimap(20, 96, 160))


@pytest.mark.parametrize("text", ["t.png", "=t.png", "x=t.png", "-1=t.png", "3="])
def test_what_names_no_frame_and_file_is_refused(text: str) -> None:
    with pytest.raises(TrimapError, match="expected a trimap as FRAME=FILE"):
        marks_of_files([text], SURVEY)


def test_a_frame_outside_the_video_is_refused_with_the_numbers_that_are_there(tmp_path: Path) -> None:
    path = write(tmp_path / "t.png", 0)
    with pytest.raises(TrimapError, match=r"frame 30 .*t\.png.* outside the video, which has the frames 0 to 29"):
        marks_of_files([f"30={path}"], SURVEY)


def test_two_trimaps_of_one_frame_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "t.png", 0)
    with pytest.raises(TrimapError, match="frame 3 has two trimaps"):
        marks_of_files([f"3={path}", f"03={path}"], SURVEY)


def test_a_folder_is_marks_by_the_numbers_in_its_names(tmp_path: Path) -> None:
    for frame in (0, 10, 20):
        write(tmp_path / f"shot_{frame:05d}.png", frame)
    (tmp_path / "notes.txt").write_text("not a picture")
    marks = marks_of_place(tmp_path, SURVEY)
    assert list(marks.frames) == [0, 10, 20]
    assert list(Thinned(marks, 20).frames) == [0, 20]
    assert np.array_equal(Thinned(marks, 20).trimap(20), true_trimap(20, 96, 160))


@pytest.mark.parametrize(
    ("names", "error"),
    [
        ((), "no pictures"),
        (("title.png",), "does not end in a frame's number"),
        (("1.png", "001.png"), "both of frame 1"),
        (("31.png",), "outside the video"),
    ],
)
def test_folders_that_cannot_be_meant_are_refused(tmp_path: Path, names: tuple[str, ...], error: str) -> None:
    for name in names:
        write(tmp_path / name, 0)
    with pytest.raises(TrimapError, match=error):
        marks_of_place(tmp_path, SURVEY)


def test_a_video_is_a_trimap_for_every_frame_though_compression_moved_levels(tmp_path: Path) -> None:
    path = tmp_path / "trimaps.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"crf": "0"})
        stream.height, stream.width, stream.pix_fmt = 96, 160, "yuv444p"
        for index in range(30):
            trimap = true_trimap(index, 96, 160)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.dstack([trimap] * 3), format="rgb24")))
        container.mux(stream.encode(None))
    marks = marks_of_place(path, SURVEY)
    assert list(marks.frames) == list(range(30))
    for frame in (0, 7, 8, 3):
        assert np.array_equal(marks.trimap(frame), true_trimap(frame, 96, 160))


def test_the_reference_is_the_nearest_mark_of_the_same_shot() -> None:
    marked = [2, 10, 16, 29]
    wanted = {0: 2, 2: 2, 6: 2, 7: 10, 11: 10, 12: 16, 22: 16, 23: 29}
    assert {frame: reference_of(frame, marked, SURVEY) for frame in wanted} == wanted


def test_a_shot_without_a_mark_takes_the_nearest_of_others() -> None:
    assert reference_of(25, [2, 8], SURVEY) == 8
    assert unmarked_shots([2, 8], SURVEY) == [range(12, 30)]
    assert unmarked_shots([2, 12], SURVEY) == []


def test_without_a_mark_there_is_no_reference() -> None:
    with pytest.raises(TrimapError, match="no frame has a trimap"):
        reference_of(0, [], SURVEY)


def test_held_marks_take_little_memory_and_come_back_the_same() -> None:
    marks = held(SURVEY.size, {5: true_trimap(5, 96, 160)})
    assert len(marks.pictures[5]) < 96 * 160 / 10
    assert np.array_equal(marks.trimap(5), true_trimap(5, 96, 160))
