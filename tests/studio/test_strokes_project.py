"""Strokes and the project that keeps them: every step at once, whole or not at all, for one video alone."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest

from rimlight.errors import SinkError
from rimlight.studio import project as project_module
from rimlight.studio.errors import ProjectError, TrimapError
from rimlight.studio.project import Project, project_path
from rimlight.studio.strokes import Base, Step, Stroke, Unmark, as_json, base_of, from_json, paint, replay, stroke_of
from rimlight.studio.survey import survey
from rimlight.studio.trimaps import BACKDROP, FOREGROUND, UNKNOWN
from rimlight.types import Size, UInt8Array

from .films import true_trimap, write_film

SIZE = Size(96, 160)
DOT = Stroke("foreground", 10.0, ((40.0, 50.0),))
LINE = Stroke("backdrop", 4.0, ((10.0, 10.0), (10.0, 100.0)))


@pytest.fixture
def video(tmp_path: Path) -> Path:
    return write_film(tmp_path / "in.mp4", 12)


@pytest.fixture
def project(video: Path) -> Project:
    return Project.begin(project_path(video), video, survey(video))


def test_a_dot_covers_its_circle_and_a_line_its_length() -> None:
    trimap = np.full((96, 160), UNKNOWN, np.uint8)
    paint(trimap, DOT)
    paint(trimap, LINE)
    assert set(np.unique(trimap)) == {BACKDROP, UNKNOWN, FOREGROUND}
    assert (trimap == FOREGROUND).sum() == pytest.approx(np.pi * 100, rel=0.1)
    assert (trimap[7:13, 10:100] == BACKDROP).all()
    assert (trimap[15:, 10:39] == UNKNOWN).all()


def test_a_stroke_beyond_the_frame_paints_what_is_inside() -> None:
    trimap = np.full((96, 160), UNKNOWN, np.uint8)
    paint(trimap, Stroke("foreground", 20.0, ((-5.0, -5.0), (-50.0, 300.0))))
    assert trimap[0, 0] == FOREGROUND
    assert trimap[95, 159] == UNKNOWN


@pytest.mark.parametrize("step", [DOT, LINE, Unmark(), Base(b"png", "automatic")])
def test_steps_come_back_from_json(step: Stroke | Base | Unmark) -> None:
    assert from_json(json.loads(json.dumps(as_json(step)))) == step


@pytest.mark.parametrize(
    "value",
    [
        None, {}, {"class": "foreground"}, {"class": "hair", "radius": 3, "points": [[1, 2]]},
        {"class": "unknown", "radius": 0, "points": [[1, 2]]}, {"class": "unknown", "radius": True, "points": [[1, 2]]},
        {"class": "unknown", "radius": 3, "points": []}, {"class": "unknown", "radius": 3, "points": [[1]]},
        {"class": "unknown", "radius": 3, "points": [[1, 1e9]]},
        {"class": "unknown", "radius": 10**400, "points": [[1, 2]]},
        {"class": "unknown", "radius": 3, "points": [[1, -(10**400)]]},
        {"class": "unknown", "radius": 3, "points": "1,2"},
    ],
)  # fmt: skip
def test_what_is_no_stroke_is_refused(value: object) -> None:
    with pytest.raises(TrimapError, match="expected"):
        stroke_of(value)


def test_steps_replay_from_the_last_whole_trimap() -> None:
    whole = true_trimap(0, 96, 160)
    found = replay([DOT, base_of(whole, "automatic"), LINE], SIZE)
    wanted = whole.copy()
    paint(wanted, LINE)
    assert found is not None
    assert np.array_equal(found, wanted)
    assert replay([DOT, Unmark()], SIZE) is None
    assert replay([], SIZE) is None


def test_every_stroke_is_on_the_disk_when_it_is_drawn(project: Project) -> None:
    for index in range(5):
        project.add(3, Stroke("foreground", 3.0 + index, ((20.0, 30.0),)))
        again = Project.load(project.path, project.video)
        assert np.array_equal(again.trimap(3), project.trimap(3))
        assert len(again.history(3).steps) == index + 1


def test_undo_and_redo_lead_back_and_forth_through_all_steps(project: Project) -> None:
    states = []
    for radius in (3.0, 6.0, 9.0):
        project.add(3, Stroke("foreground", radius, ((40.0, 40.0),)))
        states.append(project.trimap(3).copy())
    assert project.undo(3)
    assert np.array_equal(project.trimap(3), states[1])
    assert project.redo(3)
    assert np.array_equal(project.trimap(3), states[2])
    assert not project.redo(3)
    assert [project.undo(3) for _ in range(4)] == [True, True, True, False]
    assert list(project.frames) == []
    again = Project.load(project.path, project.video)
    assert again.redo(3)
    assert np.array_equal(again.trimap(3), states[0])


def test_a_mark_that_is_taken_away_can_be_had_back(project: Project) -> None:
    project.add(3, DOT)
    drawn = project.trimap(3).copy()
    project.add(3, Unmark())
    assert list(project.frames) == []
    with pytest.raises(TrimapError, match="frame 3 has no trimap"):
        project.trimap(3)
    project.undo(3)
    assert np.array_equal(project.trimap(3), drawn)


def test_a_frame_outside_the_video_is_refused(project: Project) -> None:
    with pytest.raises(TrimapError, match="frame 12 is outside the video"):
        project.add(12, DOT)


def test_another_video_is_refused_and_the_project_stays_as_it_is(project: Project) -> None:
    project.add(3, DOT)
    before = project.path.read_bytes()
    write_film(project.video, 12, cuts=(4,))
    with pytest.raises(ProjectError, match=r"in\.mp4 has changed since .* was saved"):
        Project.load(project.path, project.video)
    with pytest.raises(ProjectError, match="has changed"):
        project.check_video()
    assert project.path.read_bytes() == before


def test_the_same_video_copied_anew_is_taken(project: Project) -> None:
    project.add(3, DOT)
    data = project.video.read_bytes()
    project.video.unlink()
    project.video.write_bytes(data)
    os.utime(project.video, ns=(1, 1))
    assert list(Project.load(project.path, project.video).frames) == [3]


def test_a_video_of_the_same_length_with_other_bytes_is_refused(project: Project) -> None:
    data = bytearray(project.video.read_bytes())
    data[-1] ^= 1
    project.video.write_bytes(data)
    os.utime(project.video, ns=(1, 1))
    with pytest.raises(ProjectError, match="has changed"):
        Project.load(project.path, project.video)


def test_a_project_with_a_rate_that_is_none_is_refused(project: Project) -> None:
    text = project.path.read_text().replace('"rate": "25"', '"rate": "1/0"')
    assert "1/0" in text
    project.path.write_text(text)
    with pytest.raises(ProjectError, match="not touched"):
        Project.load(project.path, project.video)


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"format": 1}', '{"format": 99}'])
def test_a_damaged_project_is_refused_and_not_touched(project: Project, text: str) -> None:
    project.path.write_text(text)
    with pytest.raises(ProjectError, match="not touched"):
        Project.load(project.path, project.video)
    assert project.path.read_text() == text


def test_a_stroke_that_cannot_be_saved_does_not_happen(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    project.add(3, DOT)
    before = project.path.read_bytes()

    def full(path: Path, _: bytes) -> None:
        raise SinkError(f"no room for {path.name}")

    monkeypatch.setattr(project_module, "write_whole", full)
    with pytest.raises(SinkError):
        project.add(3, LINE)
    assert project.path.read_bytes() == before
    assert project.history(3).steps == (DOT,)


def test_two_editors_do_not_write_over_each_other(project: Project) -> None:
    other = Project.load(project.path, project.video)
    other.add(5, DOT)
    with pytest.raises(ProjectError, match="changed by another program"):
        project.add(3, DOT)
    assert list(Project.load(project.path, project.video).frames) == [5]


def test_a_project_is_not_begun_over_another(project: Project) -> None:
    with pytest.raises(ProjectError, match="exists"):
        Project.begin(project.path, project.video, project.survey)


def test_strokes_are_added_to_what_was_drawn_before_and_come_out_as_if_all_were_drawn_anew(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    painted: list[Stroke] = []
    whole = replay((DOT, LINE, DOT, LINE), SIZE)

    def counted(trimap: UInt8Array, stroke: Stroke) -> None:
        painted.append(stroke)
        paint(trimap, stroke)

    monkeypatch.setattr(project_module, "paint", counted)
    for index, step in enumerate((DOT, LINE, DOT, LINE)):
        project.add(3, step)
        before = project.trimap(3)
        assert len(painted) == index
    assert whole is not None
    assert np.array_equal(before, whole)
    project.undo(3)
    project.add(5, DOT)
    assert np.array_equal(project.trimap(3), replay((DOT, LINE, DOT), SIZE))
    project.add(3, Unmark(), LINE)
    assert np.array_equal(project.trimap(3), replay((LINE,), SIZE))


def test_a_save_puts_only_the_new_step_into_words(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    strokes = [Stroke("unknown", 2.0 + index, ((0.3, 0.7),)) for index in range(6)]
    worded: list[Step] = []
    monkeypatch.setattr(project_module, "as_json", lambda step: (worded.append(step), as_json(step))[1])
    for stroke in strokes:
        project.add(2, stroke)
    assert worded == strokes
    assert Project.load(project.path, project.video).history(2).steps == tuple(strokes)
