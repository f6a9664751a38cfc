"""What a run writes and says."""

from __future__ import annotations

import sys
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from click.testing import CliRunner

from rimlight import backends, commands
from rimlight import cli as module
from rimlight.realtime.sinks import ReceiverGoneError

from .commandline import FAKE, RUN, Ran, Runs, files, runner, video
from .realtime.sinks.outputs import packets, pictures
from .realtime.sources.media import turn


@pytest.fixture
def rimlight(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path) -> Runs:
    return runner(monkeypatch, capfd, tmp_path)


@pytest.mark.parametrize("size", ["1x1", "7x5", "113x63"])
@pytest.mark.parametrize("sink", ["out.mp4", "out.mkv", "out.webm", "out.png"])
def test_odd_sizes_come_out(rimlight: Runs, tmp_path: Path, size: str, sink: str) -> None:
    ran = rimlight("run", "--source", f"pattern:{size}@30:1", "--sink", sink, *FAKE)
    assert ran.code == 0, ran.err
    width, height = (int(side) for side in size.split("x"))
    (picture,) = pictures(tmp_path / sink)
    grown = 0 if sink == "out.png" else 1
    assert 0 <= picture.width - width <= grown
    assert 0 <= picture.height - height <= grown


@pytest.mark.parametrize("sink", ["in.mp4", "./in.mp4", "file:in.mp4", "link.mp4"])
@pytest.mark.parametrize("jobs", ["1", "2"])
def test_a_video_is_never_written_over_itself(rimlight: Runs, tmp_path: Path, sink: str, jobs: str) -> None:
    source = video(tmp_path / "in.mp4")
    (tmp_path / "link.mp4").symlink_to(source)
    before = source.read_bytes()
    ran = rimlight("run", "--source", "in.mp4", "--sink", sink, "--jobs", jobs, *FAKE)
    assert ran.code == 2
    assert "is the file that is read" in ran.err
    assert source.read_bytes() == before


def test_a_frame_of_8k_comes_out(rimlight: Runs, tmp_path: Path) -> None:
    ran = rimlight("run", "--source", "pattern:7680x4320@30:1", "--sink", "out.jpg", *FAKE)
    assert ran.code == 0, ran.err
    assert cv2.imread(str(tmp_path / "out.jpg")).shape == (4320, 7680, 3)


def test_a_rotated_video_comes_out_upright(rimlight: Runs, tmp_path: Path) -> None:
    turn(video(tmp_path / "in.mp4"), (0, 1, -1, 0))
    assert rimlight("run", "--source", "in.mp4", "--sink", "out.mp4", *FAKE).code == 0
    found = pictures(tmp_path / "out.mp4")
    assert [(picture.width, picture.height) for picture in found] == [(64, 112)] * 4


def test_a_backdrop_of_another_aspect_fills_the_frame(rimlight: Runs, tmp_path: Path) -> None:
    wall = np.full((30, 200, 3), (40, 160, 90), np.uint8)
    cv2.imwrite(str(tmp_path / "wall.png"), wall)
    assert (
        rimlight(*RUN, "--sink", "out.png", "--source", "pattern:64x112@30:1", "--backdrop", "wall.png", *FAKE).code
        == 0
    )
    picture = cv2.imread(str(tmp_path / "out.png"))
    assert picture.shape == (112, 64, 3)
    assert np.abs(picture[[0, 0, -1], [0, -1, 0]].astype(int) - (40, 160, 90)).max() <= 2


def test_a_run_goes_well_and_says_how(rimlight: Runs, tmp_path: Path) -> None:
    ran = rimlight(*RUN, *FAKE)
    assert ran.code == 0
    assert ran.out == ""
    assert ran.err.startswith("4 frames, ")
    assert ran.err.count("\n") == 2
    assert len(pictures(tmp_path / "out.mp4")) == 4
    assert files(tmp_path) == {"out.mp4"}


def test_quiet_is_quiet(rimlight: Runs) -> None:
    assert rimlight(*RUN, "--quiet", *FAKE) == Ran(0, "", "")


@pytest.mark.parametrize("source", ["in.mp4", "file:in.mp4"])
@pytest.mark.parametrize(("option", "heard"), [("--sound", True), ("--no-sound", False)])
def test_sound_goes_along_unless_it_shall_not(
    rimlight: Runs, tmp_path: Path, source: str, option: str, heard: bool
) -> None:
    video(tmp_path / "in.mp4", 30, sound="aac")
    assert rimlight("run", "--source", source, "--sink", "out.mkv", option, *FAKE).code == 0
    if heard:
        assert packets(tmp_path / "out.mkv")
    else:
        with pytest.raises(IndexError):
            packets(tmp_path / "out.mkv")


@pytest.mark.parametrize(("option", "width"), [((), 112), (("--side-by-side",), 224)])
def test_side_by_side_is_as_asked(rimlight: Runs, tmp_path: Path, option: tuple[str, ...], width: int) -> None:
    sink = "out.mp4" if option else "out.mov"
    assert rimlight(*RUN, "--sink", sink, "--backdrop", "transparent", *option, *FAKE).code == 0
    assert {picture.width for picture in pictures(tmp_path / sink)} == {width}


@pytest.mark.parametrize(
    ("asked", "live", "fps"),
    [
        ({}, True, 30.0),
        ({}, False, None),
        ({"target_fps": "15"}, True, 15.0),
        ({"target_fps": "30000/1001"}, True, 30000 / 1001),
        ({"target_fps": "off"}, True, None),
        ({"target_fps": "off"}, False, None),
    ],
)
def test_live_sources_have_a_target_by_default(asked: dict[str, str], live: bool, fps: float | None) -> None:
    source = SimpleNamespace(live=live, rate=Fraction(30))
    budget = commands.budget_from({"target_fps": None, "cpu_share": None} | asked, source)  # type: ignore[arg-type]
    assert (budget.fps if budget else None) == fps


def test_a_share_of_the_processors_can_be_all_that_counts() -> None:
    source = SimpleNamespace(live=True, rate=Fraction(30))
    budget = commands.budget_from({"target_fps": "off", "cpu_share": 0.3}, source)  # type: ignore[arg-type]
    assert budget is not None
    assert (budget.fps, budget.cpu_share) == (None, 0.3)


class Terminal:
    """A stderr that says it is one."""

    def __init__(self) -> None:
        self.text = ""

    def write(self, text: str) -> int:
        self.text += text
        return len(text)

    def flush(self) -> None: ...

    def isatty(self) -> bool:
        return True


def test_a_terminal_sees_a_bar_that_an_error_takes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    with pytest.raises(ValueError, match="no"), commands.Progress(5, False):
        raise ValueError("no")
    assert "0/5" in terminal.text
    assert terminal.text.endswith("\r")
    with commands.Progress(5, False) as progress:
        for _ in range(5):
            progress(None)  # type: ignore[arg-type]
    assert "5/5" in terminal.text
    assert terminal.text.endswith("\n")


def test_a_closed_window_is_a_good_end(rimlight: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    from rimlight.realtime.sinks import null

    def gone(*_: object) -> None:
        raise ReceiverGoneError("the window was closed")

    monkeypatch.setattr(null.NullSink, "write", gone)
    ran = rimlight(*RUN, "--sink", "null", *FAKE)
    assert ran.code == 0
    assert ran.err.startswith("0 frames")


def test_help_and_version_are_on_stdout() -> None:
    for arguments, said in ((["--help"], "Usage"), ([], "Usage"), (["--version"], "0."), (["run", "-h"], "--backdrop")):
        found = CliRunner().invoke(module.cli, arguments)
        assert found.exit_code == 0
        assert said in found.output


def test_devices_are_listed(rimlight: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backends, "installed", lambda name: name != "torch")
    ran = rimlight("devices")
    assert ran.code == 0
    assert "backend  onnx       installed" in ran.out
    assert "not installed: pip install 'rimlight[torch]'" in ran.out
    assert "camera" in ran.out


def test_an_interrupt_is_told_and_has_its_code(rimlight: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(commands, "run_from_options", interrupted)
    ran = rimlight(*RUN)
    assert ran.code == 130
    assert ran.err.splitlines()[-1].startswith("rimlight: interrupted")
