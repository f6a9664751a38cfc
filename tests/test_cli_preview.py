"""`rimlight run --preview`, started as a program."""

from __future__ import annotations

from pathlib import Path

import pytest

from .commandline import FAKE, finished, started
from .realtime.sinks.outputs import pictures
from .realtime.windows.xvfb import display, press, titles, until

__all__ = ["display"]
PREVIEW = "rimlight preview: only on this screen, shows the raw camera"


def test_a_file_is_matted_with_a_preview_beside_it(
    display: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DISPLAY", display)
    run = ("run", "--source", "in.mp4", "--sink", "out.mp4", "--preview", *FAKE)
    with started(*run, folder=make(tmp_path)) as process:
        ran = finished(process)
    assert ran.code == 0, ran.err
    assert len(pictures(tmp_path / "out.mp4")) == 40
    until(lambda: not titles(display), "the preview went with the run")


def test_a_live_stream_goes_on_when_its_preview_is_closed(
    display: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DISPLAY", display)
    run = ("run", "--source", "pattern-live:320x180@30", "--sink", "null", "--preview", *FAKE)
    with started(*run, folder=tmp_path) as process:
        until(lambda: PREVIEW in titles(display), "the preview")
        press(display, PREVIEW, "q")
        until(lambda: PREVIEW not in titles(display), "the preview is closed")
        assert process.poll() is None
        process.terminate()
        ran = finished(process)
    assert ran.code == 0, ran.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [(("--preview",), "cannot open a window"), (("--preview", "--jobs", "2"), "leave --preview out, or --jobs")],
)
def test_what_cannot_be_is_one_line_and_leaves_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], said: str
) -> None:
    monkeypatch.setenv("DISPLAY", ":99999")
    with started("run", "--source", "in.mp4", "--sink", "out.mp4", *arguments, *FAKE, folder=make(tmp_path)) as process:
        ran = finished(process)
    assert ran.code == 2
    assert ran.err.count("\n") == 1
    assert said in ran.err
    assert [path.name for path in tmp_path.iterdir()] == ["in.mp4"]


def make(folder: Path) -> Path:
    """A folder with a video of 40 frames."""
    from .realtime.sources.media import numbered, write_video

    write_video(folder / "in.mp4", numbered(40))
    return folder
