"""Whole videos matted: each frame once, true to the trimaps, the same after a kill, nothing left behind."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from rimlight.errors import SinkError
from rimlight.studio.errors import ProjectError, TrimapError
from rimlight.studio.marks import FileMarks, held
from rimlight.studio.matte import Detail, Film, Mattes, Output, matte_film
from rimlight.studio.segments import LENGTH

from .films import centre, film_of, read_film, true_trimap, write_film
from .runs import marks_of, run
from .standin import networks

FRAMES = 2 * LENGTH + 11
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Film:
    return film_of(write_film(tmp_path_factory.mktemp("film") / "in.mp4", FRAMES))


def left(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_the_person_is_cut_out_of_every_frame(film: Film, tmp_path: Path) -> None:
    run(film, tmp_path / "out.mkv")
    pictures = read_film(tmp_path / "out.mkv", "rgba")
    assert len(pictures) == FRAMES
    for index, picture in enumerate(pictures):
        x, y = centre(index, 96, 160)
        assert picture[y, x, 3] == 255
        assert picture[2, 2, 3] == 0
        person = (picture[:, :, 3] > 127).sum()
        assert person == pytest.approx(np.pi * (96 // 5) ** 2, rel=0.2)
    assert left(tmp_path) == ["out.mkv"]


def test_every_frame_is_decoded_once_and_looked_at_once(film: Film) -> None:
    used = networks()
    mattes = Mattes(film, used, marks_of(film))
    for number in range(FRAMES):
        mattes.matte(number)
    assert mattes.decoded == FRAMES
    assert mattes.looks == FRAMES
    assert used.propagator.remembered == 2
    mattes.close()


def test_marked_frames_keep_their_own_trimap(film: Film) -> None:
    mattes = Mattes(film, networks(), held(film.survey.size, {4: np.full((96, 160), 255, np.uint8)}))
    _, alpha = mattes.matte(4)
    assert (alpha == 1).all()
    mattes.close()


@pytest.mark.parametrize("name", ["out.mov", "out.webm", "out.mkv", "frames/%05d.png", "frames/"])
def test_alpha_goes_where_other_sinks_put_it(film: Film, tmp_path: Path, name: str) -> None:
    run(film, f"{tmp_path}/{name}")
    if name.startswith("frames"):
        assert left(tmp_path / "frames") == [f"{index:05d}.png" for index in range(FRAMES)]
    else:
        assert left(tmp_path) == [name]
        assert len(read_film(tmp_path / name)) == FRAMES


def test_a_backdrop_stands_behind(film: Film, tmp_path: Path) -> None:
    list(matte_film(film, networks(), marks_of(film), Output(str(tmp_path / "out.mp4"), "#00b140")))
    picture = read_film(tmp_path / "out.mp4")[5]
    x, y = centre(5, 96, 160)
    np.testing.assert_allclose(picture[3, 3], (0, 177, 64), atol=6)
    np.testing.assert_allclose(picture[y, x], (230, 200 + x % 32, 60), atol=40)


def test_fill_and_matte_lie_side_by_side_where_asked(film: Film, tmp_path: Path) -> None:
    list(matte_film(film, networks(), marks_of(film), Output(str(tmp_path / "out.mp4"), beside=True)))
    assert read_film(tmp_path / "out.mp4")[0].shape == (96, 320, 3)


def test_alpha_in_a_file_that_has_none_is_refused_at_once(film: Film, tmp_path: Path) -> None:
    with pytest.raises(SinkError, match=r"\.mp4 cannot hold alpha"):
        run(film, tmp_path / "out.mp4")
    assert left(tmp_path) == []


@pytest.mark.parametrize("sink", ["window", "pipe:y4m", "-"])
def test_sinks_that_cannot_be_taken_up_are_refused(film: Film, sink: str) -> None:
    with pytest.raises(SinkError, match="video files and numbered pictures"):
        run(film, sink)


def test_tiles_give_the_same_video_as_whole_frames(film: Film, tmp_path: Path) -> None:
    run(film, tmp_path / "whole.mkv")
    run(film, tmp_path / "tiled.mkv", detail=Detail(whole=1, tile=80, overlap=32))
    pairs = zip(read_film(tmp_path / "whole.mkv", "rgba"), read_film(tmp_path / "tiled.mkv", "rgba"), strict=True)
    for whole, tiled in pairs:
        assert np.abs(whole[:, :, 3].astype(int) - tiled[:, :, 3]).max() <= 8


def test_windows_do_not_look_over_a_cut(tmp_path: Path) -> None:
    whole = film_of(write_film(tmp_path / "in.mp4", 24, cuts=(12,)))
    assert whole.survey.shots == (0, 12)
    used = networks()
    joined = Mattes(whole, used, marks_of(whole, 0, 12))
    alphas = [joined.matte(number)[1] for number in range(24)]
    part = Mattes(whole, networks(), marks_of(whole, 12))
    for number in range(12, 24):
        assert np.array_equal(part.matte(number)[1], alphas[number])
    joined.close()
    part.close()


@pytest.mark.parametrize("name", ["out.mov", "frames/%05d.png"])
@pytest.mark.parametrize("dies_at", [LENGTH - 3, LENGTH + 5])
def test_a_killed_run_goes_on_and_comes_out_byte_for_byte_the_same(
    film: Film, tmp_path: Path, name: str, dies_at: int
) -> None:
    whole, broken = (tmp_path / kind / name for kind in ("whole", "broken"))
    for folder in {path.parent if name.startswith("out") else path.parent.parent for path in (whole, broken)}:
        folder.mkdir()
    run(film, whole)
    killed = subprocess.run(
        [sys.executable, "-m", "tests.studio.matte_process", str(film.path), str(broken), str(dies_at)],
        cwd=ROOT, check=False,
    )  # fmt: skip
    assert killed.returncode == -signal.SIGKILL
    steps = list(matte_film(film, networks(), marks_of(film), Output(str(broken))))
    assert steps[0] == dies_at // LENGTH * LENGTH
    assert steps[-1] == FRAMES
    assert contents(tmp_path / "whole") == contents(tmp_path / "broken")


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_run_that_was_killed_while_joining_is_joined_again(
    film: Film, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from rimlight.realtime.jobs import outputs

    join = outputs.join

    def dies(parts: list[tuple[Path, float]], *_: object) -> None:
        parts[0][0].unlink()
        raise KeyboardInterrupt

    monkeypatch.setattr(outputs, "join", dies)
    with pytest.raises(KeyboardInterrupt):
        run(film, tmp_path / "out.mkv")
    monkeypatch.setattr(outputs, "join", join)
    assert list(matte_film(film, networks(), marks_of(film), Output(str(tmp_path / "out.mkv")))) == [FRAMES]
    assert len(read_film(tmp_path / "out.mkv")) == FRAMES
    assert left(tmp_path) == ["out.mkv"]


def test_parts_of_another_run_are_not_mixed_in_and_not_lost(film: Film, tmp_path: Path) -> None:
    frames = matte_film(film, networks(), marks_of(film), Output(str(tmp_path / "out.mkv")), marks_digest="a")
    while next(frames) <= LENGTH:
        pass
    frames.close()
    parts = contents(tmp_path)
    again = matte_film(film, networks(), marks_of(film), Output(str(tmp_path / "out.mkv")), marks_digest="b")
    with pytest.raises(ProjectError, match=r"another trimaps; .*--restart"):
        next(again)
    assert contents(tmp_path) == parts
    anew = Output(str(tmp_path / "out.mkv"), restart=True)
    assert next(matte_film(film, networks(), marks_of(film), anew, marks_digest="b")) == 0


def test_a_bad_trimap_in_the_middle_ends_the_run_and_mending_it_goes_on(film: Film, tmp_path: Path) -> None:
    folder = tmp_path / "trimaps"
    folder.mkdir()
    good = held(film.survey.size, {number: true_trimap(number, 96, 160) for number in range(FRAMES)})
    for number, data in good.pictures.items():
        (folder / f"{number}.png").write_bytes(data)
    bad = folder / f"{LENGTH + 8}.png"
    whole = bad.read_bytes()
    bad.write_bytes(b"gone")
    marks = FileMarks(film.survey.size, {number: folder / f"{number}.png" for number in range(FRAMES)})
    with pytest.raises(TrimapError, match=rf"{LENGTH + 8}\.png is no picture"):
        run(film, tmp_path / "out.mkv", marks)
    bad.write_bytes(whole)
    done = list(matte_film(film, networks(), marks, Output(str(tmp_path / "out.mkv"))))
    assert done[0] == LENGTH
    assert done[-1] == len(read_film(tmp_path / "out.mkv")) == FRAMES


def test_a_film_is_never_written_over_itself(tmp_path: Path) -> None:
    path = write_film(tmp_path / "in.mov", 3)
    before = path.read_bytes()
    film = film_of(path)
    with pytest.raises(SinkError, match="is the file that is read"):
        list(matte_film(film, networks(), marks_of(film, 1), Output(str(path))))
    assert path.read_bytes() == before
