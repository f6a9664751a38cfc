"""`rimlight studio matte` from its options to its file, and what bad input gets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import cv2
import numpy as np
import pytest
from click.testing import CliRunner, Result

from rimlight.errors import ConfigError, RimlightError, SinkError, SourceError, WeightsError
from rimlight.studio import work
from rimlight.studio.errors import ProjectError, TrimapError
from rimlight.studio.live import LiveMattes
from rimlight.studio.project import Project, project_path
from rimlight.studio.strokes import base_of
from rimlight.studio.survey import survey
from rimlight.studio_commands import studio
from rimlight.types import FloatArray, Frame

from .films import read_film, true_trimap, write_film
from .standin import networks

FRAMES = 20


@pytest.fixture
def video(tmp_path: Path) -> Path:
    return write_film(tmp_path / "in.mp4", FRAMES)


@pytest.fixture(autouse=True)
def standin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(work, "open_both", lambda *_: networks())


def matte(video: Path, *arguments: object) -> Result:
    out = () if "--out" in arguments else ("--out", str(video.with_name("out.mkv")))
    return CliRunner().invoke(studio, ["matte", str(video), *out, *map(str, arguments)])


def trimap(folder: Path, frame: int, name: str = "") -> Path:
    path = folder / (name or f"t{frame}.png")
    cv2.imwrite(str(path), true_trimap(frame, 96, 160))
    return path


def refused(result: Result, kind: type[RimlightError]) -> str:
    assert isinstance(result.exception, kind), (result.exception, result.output)
    return str(result.exception)


def test_named_trimaps_make_a_matte(video: Path, tmp_path: Path) -> None:
    result = matte(video, "--trimap", f"0={trimap(tmp_path, 0)}", "--trimap", f"12={trimap(tmp_path, 12)}")
    assert result.exit_code == 0, result.exception
    assert f"{FRAMES} frames from 2 marked ones" in result.output
    assert len(read_film(tmp_path / "out.mkv", "rgba")) == FRAMES


@pytest.mark.parametrize(("every", "marked"), [((), FRAMES), (("--every", "5"), 4), (("--every", "20"), 1)])
def test_a_folder_of_trimaps_is_taken_whole_or_thinned(
    video: Path, tmp_path: Path, every: tuple[str, ...], marked: int
) -> None:
    folder = tmp_path / "trimaps"
    folder.mkdir()
    for frame in range(FRAMES):
        trimap(folder, frame, f"{frame:05d}.png")
    result = matte(video, "--trimaps", folder, *every)
    assert result.exit_code == 0, result.exception
    assert f"from {marked} marked ones" in result.output


def test_automatic_trimaps_need_nothing_drawn(video: Path, tmp_path: Path) -> None:
    result = matte(video, "--auto-trimaps", 2, "--live-backend", "fake")
    assert result.exit_code == 0, result.exception
    assert len(read_film(tmp_path / "out.mkv", "rgba")) == FRAMES


def test_carried_trimaps_are_doubted_by_the_live_network(
    video: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = set()

    def alpha(live: LiveMattes, number: int, frame: Frame) -> FloatArray:
        asked.add((live.settings.backend, number))
        return np.zeros((frame.size.height, frame.size.width), np.float32)

    monkeypatch.setattr(LiveMattes, "alpha", alpha)
    result = matte(video, "--trimap", f"3={trimap(tmp_path, 3)}", "--live-backend", "fake")
    assert result.exit_code == 0, result.exception
    assert asked == {("fake", number) for number in range(FRAMES)}


def test_what_the_editor_saved_is_taken(video: Path) -> None:
    project = Project.begin(project_path(video), video, survey(video))
    project.add(3, base_of(true_trimap(3, 96, 160), "drawn"))
    result = matte(video, "--project", project.path)
    assert "from 1 marked ones" in result.output
    write_film(video, FRAMES, cuts=(3,))
    assert "in.mp4 has changed" in refused(matte(video, "--project", project.path), ProjectError)


def test_a_backdrop_and_quiet_are_heard(video: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.mp4"
    result = matte(video, "--trimap", f"0={trimap(tmp_path, 0)}", "--backdrop", "green", "--quiet", "--out", str(out))
    assert result.output == ""
    np.testing.assert_allclose(read_film(out)[0][2, 2], (0, 177, 64), atol=6)


@pytest.mark.parametrize("options", [(), ("--auto-trimaps", "1", "--trimap", "0=x.png"), ("--every", "2")])
def test_trimaps_come_from_exactly_one_place(video: Path, options: tuple[str, ...]) -> None:
    assert "from one of" in refused(matte(video, *options), ConfigError)


def bad(video: Path, tmp_path: Path, *options: object) -> Any:
    before = sorted(path.name for path in tmp_path.iterdir())
    result = matte(video, *options)
    assert sorted(path.name for path in tmp_path.iterdir()) == before, "something was left behind"
    return result


def test_bad_trimaps_are_named_before_anything_is_made(video: Path, tmp_path: Path) -> None:
    good, wrong = trimap(tmp_path, 0), tmp_path / "wrong.png"
    cv2.imwrite(str(wrong), np.full((96, 160), 77, np.uint8))
    said = refused(bad(video, tmp_path, "--trimap", f"0={good}", "--trimap", f"3={wrong}"), TrimapError)
    assert "wrong.png has grey levels 77" in said
    cv2.imwrite(str(wrong), np.zeros((90, 160), np.uint8))
    assert "160x90, but the video is 160x96" in refused(bad(video, tmp_path, "--trimap", f"3={wrong}"), TrimapError)
    assert "frame 20" in refused(bad(video, tmp_path, "--trimap", f"20={good}"), TrimapError)


def test_other_bad_input_is_refused(video: Path, tmp_path: Path) -> None:
    good = trimap(tmp_path, 0)
    for options, kind in (
        (("--trimap", f"0={good}", "--out", str(tmp_path / "out.mp4")), SinkError),
        (("--trimap", f"0={good}", "--out", str(tmp_path / "out.gif")), SinkError),
        (("--trimap", f"0={good}", "--out", str(tmp_path / "no" / "out.mov")), SinkError),
        (("--trimaps", tmp_path / "nothing"), SourceError),
        (("--auto-trimaps", "0"), TrimapError),
        (("--auto-trimaps", "21"), TrimapError),
    ):
        refused(bad(video, tmp_path, *options), kind)
    refused(matte(tmp_path / "missing.mp4", "--auto-trimaps", 1), SourceError)


def test_without_weights_it_is_said_how_to_train_them(
    video: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    weights = pytest.importorskip("rimlight.model.studio.weights")
    if weights.ships("propagation"):
        pytest.skip("weights ship with this version")
    said = refused(matte(video, "--trimap", f"0={trimap(tmp_path, 0)}"), WeightsError)
    assert "rimlight train --recipe studio-propagation" in said


def test_weights_files_that_are_named_are_used(video: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    pytest.importorskip("torch")
    from .weights import untrained

    propagation, matting = untrained(tmp_path)
    result = matte(
        write_film(video, 3, height=64, width=96), "--auto-trimaps", 1, "--live-backend", "fake", "--device", "cpu",
        "--weights-propagation", propagation, "--weights-matting", matting,
    )  # fmt: skip
    assert result.exit_code == 0, result.exception
    assert len(read_film(tmp_path / "out.mkv", "rgba")) == 3


def test_edit_hands_its_options_on(video: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = pytest.importorskip("rimlight.studio.edit.run")
    heard: list[Any] = []
    monkeypatch.setattr(run, "edit", lambda *arguments, **_: heard.extend(arguments))
    options = ["--project", str(video.with_name("p.json")), "--port", "8123", "--no-browser", "--detail", "256"]
    result = CliRunner().invoke(studio, ["edit", str(video), *options, "--live-backend", "fake"])
    assert result.exit_code == 0, result.exception
    path, _, live, place, detail, *_ = heard
    assert (path, live.backend, detail) == (video, "fake", 256)
    assert place == run.Place(8123, video.with_name("p.json"), browser=False)


def test_a_run_that_is_broken_off_says_how_to_go_on(
    video: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from rimlight.studio import matte as module

    def broken(*_: object) -> Any:
        yield 0
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "matte_film", broken)
    arguments = ["matte", str(video), "--trimap", f"0={trimap(tmp_path, 0)}", "--out", str(tmp_path / "out.mkv")]
    with pytest.raises(click.Abort) as ended:
        studio(arguments, standalone_mode=False)
    assert "the same command goes on" in str(ended.value.__cause__)
