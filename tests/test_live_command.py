from __future__ import annotations

import io
import logging
import os
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest

from rimlight.cli import run_command
from rimlight.config import Layers, fields_of
from rimlight.errors import RimlightError
from rimlight.live_command import StatusLine, Watch, limits_of, summary
from rimlight.realtime.control.changes import Controls
from rimlight.realtime.safety import State

from .realtime.control.streams import resting

RATE = Fraction(30)


class Edited:
    """A configuration file that is edited while a stream runs."""

    def __init__(self, folder: Path, text: str) -> None:
        self.path = folder / "config.toml"
        self.path.write_text(text)
        fields = fields_of(run_command)
        defaults = {option.name: option.default for option in fields.values()}
        self.controls = Controls(resting())
        self.live = self.controls.live
        self.watch = Watch(Layers(fields, defaults, {"mirror": False}, self.path), self.controls, RATE)
        self._saves = 0

    def save(self, text: str) -> None:
        """Write it, later than before whatever the file system's clock can tell apart, and look."""
        self._saves += 1
        self.path.write_text(text)
        os.utime(self.path, (self._saves, self._saves))
        self.watch.look()


def test_a_changed_file_changes_the_stream(tmp_path: Path) -> None:
    file = Edited(tmp_path, "[run]\nbackdrop = '#000000'\n")
    file.save("[run]\nbackdrop = 'blur:0.3'\nfeather = 2\ndetail = 128\ntarget-fps = 12\ncpu-share = 0.5\n")
    status = file.live.status()
    assert (status.backdrop, status.settings.edges.feather_px, status.settings.long_side) == ("blur:0.3", 2.0, 128)
    assert status.budget is not None
    assert (status.budget.fps, status.budget.cpu_share) == (12.0, 0.5)
    file.save("[run]\n")
    status = file.live.status()
    assert (status.backdrop, status.settings.edges.feather_px) == ("blur", 0.0)
    assert status.budget is not None
    assert (status.budget.fps, status.budget.cpu_share) == (30.0, None)
    assert file.controls.note == ""


def test_what_the_command_line_said_stays(tmp_path: Path) -> None:
    file = Edited(tmp_path, "")
    file.save("[run]\nmirror = true\n")
    assert not file.live.status().mirror


def test_what_the_file_does_not_change_stays_as_it_was_set_meanwhile(tmp_path: Path) -> None:
    file = Edited(tmp_path, "[run]\nbackdrop = '#000000'\n")
    file.controls.change({"backdrop": "#ffffff"})
    file.save("[run]\nbackdrop = '#000000'\nshift = 0.5\n")
    assert file.live.status().backdrop == "#ffffff"
    assert file.live.status().settings.edges.shift == 0.5


BAD = {
    "[run": "is no TOML",
    "[run]\nshift = 9\nbackdrop = 'blur'": "edge shift",
    "[run]\nbackdrop = 'missing.jpg'\nshift = 0.5": "no backdrop",
    "[run]\ntarget-fps = 'fast'": "frame rate",
    "[run]\nbakdrop = 'blur'": "did you mean backdrop",
}


@pytest.mark.parametrize("text", BAD)
def test_a_bad_file_changes_nothing_and_says_why_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, text: str
) -> None:
    file = Edited(tmp_path, "[run]\nbackdrop = '#000000'\n")
    before = file.live.status().settings
    with caplog.at_level(logging.WARNING):
        file.save(text)
        file.save(text)
        file.watch.look()
    assert file.live.status().settings == before
    assert len(caplog.records) == 1
    assert BAD[text] in caplog.text
    assert BAD[text] in file.controls.note
    file.save("[run]\nbackdrop = '#ffffff'\n")
    assert file.live.status().backdrop == "#ffffff"
    assert file.controls.note == ""


def test_a_file_that_is_gone_changes_nothing(tmp_path: Path) -> None:
    file = Edited(tmp_path, "[run]\nbackdrop = '#000000'\n")
    before = file.live.status().settings
    file.path.unlink()
    file.watch.look()
    assert file.live.status().settings == before
    assert "is gone" in file.controls.note


def test_what_needs_a_new_start_is_said(tmp_path: Path) -> None:
    file = Edited(tmp_path, "")
    file.save("[run]\nbackend = 'fake'\nshift = 0.5\n")
    assert file.live.status().settings.edges.shift == 0.5
    assert file.controls.note == "takes effect at the next start: backend"


def test_a_change_under_way_is_waited_for_until_the_next_look(tmp_path: Path) -> None:
    file = Edited(tmp_path, "")
    with file.controls._one:
        file.save("[run]\nshift = 0.5\n")
        assert file.live.status().settings.edges.shift == 0
    file.watch.look()
    assert file.live.status().settings.edges.shift == 0.5


def test_elsewhere_than_on_a_terminal_only_changes_are_told() -> None:
    stream = io.StringIO()
    line, status = StatusLine(stream), resting().status()
    for state, reason in [
        (State.COVER, "starting"), (State.COVER, "starting"), (State.LIVE, ""), (State.LIVE, ""),
        (State.COVER, "the camera is gone"),
    ]:  # fmt: skip
        line.show(replace(status, state=state, reason=reason))
    line.end()
    told = stream.getvalue().splitlines()
    assert [text.split()[1] for text in told] == ["COVER", "LIVE", "COVER"]
    assert "the camera is gone" in told[2]


def test_on_a_terminal_the_line_is_written_over() -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    stream = Terminal()
    line, status = StatusLine(stream), resting().status()
    line.show(replace(status, reason="a long reason"))
    line.show(replace(status, reason="short"))
    line.end()
    first, second = stream.getvalue().removesuffix("\n").split("\r")[1:]
    assert len(second) >= len(first)
    assert "\n" not in stream.getvalue()[:-1]


def test_limits_that_do_not_go_together_are_said() -> None:
    with pytest.raises(RimlightError, match=r"--late-after and --cover-after .* 2.0 and 1.0"):
        limits_of({"late_after": 2.0, "cover_after": 1.0})


def test_a_stream_that_wrote_nothing_has_a_summary() -> None:
    assert summary(resting().status()) == "0 frames, 0.0 fps, 0 of them covered, 0 faults"
