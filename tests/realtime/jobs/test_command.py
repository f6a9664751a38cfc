from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from rimlight.cli import cli
from rimlight.errors import RimlightError
from tests.realtime.sources.media import numbered, read, write_video

from .runs import COUNT, write_clip

FAKE = ("--backend", "fake", "--detail", "128", "--quiet")


def run(*options: object) -> None:
    CliRunner().invoke(cli, ["run", *map(str, options), *FAKE], standalone_mode=False, catch_exceptions=False)


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return write_clip(tmp_path)


def test_a_file_is_split(clip: Path, tmp_path: Path) -> None:
    run("--source", f"file:{clip}", "--sink", tmp_path / "out.mp4", "--jobs", 2)
    assert [frame.pts_s for frame in read(tmp_path / "out.mp4")] == [frame.pts_s for frame in read(clip)]


@pytest.mark.parametrize(
    ("source", "sink", "said"),
    [
        ("pattern", "out.mp4", "pattern is a pattern; leave out --jobs"),
        ("camera:99", "out.mp4", "only video files are split"),
        ("clip.mp4", "-", "not -; leave out --jobs"),
        ("none.mp4", "out.mp4", "no file none.mp4"),
        ("clip.mp4", "out.gif", "expected a file ending in"),
        ("clip.mp4", "none/out.mp4", "no folder none"),
        ("clip.mp4", "a.png", "write a number into the name"),
    ],
)
@pytest.mark.usefixtures("clip")
def test_what_cannot_be_split_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str, sink: str, said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(RimlightError, match=said):
        run("--source", source, "--sink", sink, "--jobs", 2)
    assert [path.name for path in tmp_path.iterdir()] == ["clip.mp4"]


def test_a_file_without_times_is_matted_in_one_go(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_video(tmp_path / "a.h264", numbered(COUNT))
    run("--source", "a.h264", "--sink", "out.mp4", "--jobs", 2)
    assert len(read(tmp_path / "out.mp4")) == COUNT
    assert "so it is not split" in caplog.text
