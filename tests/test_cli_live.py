"""`rimlight run` with a live source, `rimlight ctl` and `rimlight config`, mostly in processes of their own."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import numpy as np
import pytest

from rimlight.errors import ControlError
from rimlight.realtime.control.client import ask, running
from rimlight.realtime.sources import camera as cameras

from .commandline import FAKE, RUN, Runs, files, finished, refused, runner, started
from .realtime.sinks.outputs import pictures
from .realtime.sources.test_camera import MISS, FakeCapture, shot

LIVE = ("run", "--source", "pattern-live:112x64@30", *FAKE)
PATIENCE_S = 120  # until a test that hangs fails
SCRIPT = Path(__file__).with_name("stopped_stream.py")


@pytest.fixture(autouse=True)
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))


@pytest.fixture
def rimlight(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path) -> Runs:
    return runner(monkeypatch, capfd, tmp_path)


def until(process: subprocess.Popen[str], good: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """The first status of the process that is good."""
    due_s = time.monotonic() + PATIENCE_S
    while time.monotonic() < due_s and process.poll() is None:
        try:
            status = ask(running(process.pid))
        except ControlError:
            status = {}
        if status and good(status):
            return status
        threading.Event().wait(0.05)
    raise AssertionError(f"never came to it: {status if process.poll() is None else process.communicate()}")


def _bytes(process: subprocess.Popen[str]) -> IO[bytes]:
    """Standard output below its decoding."""
    binary: IO[bytes] = process.stdout.buffer  # type: ignore[union-attr]
    return binary


def is_live(status: dict[str, Any]) -> bool:
    return bool(status["state"] == "live")


def test_a_running_stream_is_changed_and_ends_by_sigterm(rimlight: Runs, tmp_path: Path) -> None:
    with started(*LIVE, "--sink", "null", folder=tmp_path) as process:
        until(process, is_live)
        before = ask(running())
        refused(rimlight("ctl", "backdrop", "missing.jpg"), "no backdrop 'missing.jpg'")
        refused(rimlight("ctl", "quality", "130"), "multiples of 16")
        refused(rimlight("ctl", "blur", "2"), "blur of 0 to 1")
        refused(rimlight("ctl", "edges", "--shift", "7"), "edge shift")
        refused(rimlight("ctl", "edges"), "--feather")
        refused(rimlight("ctl", "fps", "many"), "frame rate")
        refused(rimlight("ctl", "backdrop", "transparent"), "no alpha")
        kept = ("backdrop", "quality", "edges", "target_fps")
        assert [ask(running())[name] for name in kept] == [before[name] for name in kept]
        for command in ("blur 0.7", "mirror on", "quality 96", "edges --feather 2 --no-decontaminate", "fps 15"):
            assert rimlight("ctl", *command.split()).code == 0
        ran = rimlight("ctl", "status", "--json")
        status = json.loads(ran.out)
        assert (status["backdrop"], status["mirror"], status["quality"]) == ("blur:0.7", True, 96)
        assert (status["edges"]["feather"], status["edges"]["decontaminate"], status["target_fps"]) == (2.0, False, 15)
        assert rimlight("ctl", "pause").out.startswith("state     cover: paused")
        assert not is_live(ask(running()))
        assert rimlight("ctl", "resume").code == 0
        until(process, lambda status: is_live(status) and status["detail"] == 96)
        process.terminate()
        ran = finished(process)
    assert ran.code == 0
    assert "0 faults on numpy" in ran.err
    refused(rimlight("ctl", "status"), "no live stream runs")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_a_signal_closes_the_file(tmp_path: Path, number: signal.Signals, code: int) -> None:
    with started(*LIVE, "--sink", "out.mp4", folder=tmp_path) as process:
        until(process, is_live)
        process.send_signal(number)
        ran = finished(process)
    assert ran.code == code, ran.err
    assert "Traceback" not in ran.err
    assert pictures(tmp_path / "out.mp4")
    assert files(tmp_path) == {"out.mp4", "rimlight"}


def test_a_reader_that_wants_no_more_ends_the_stream_well(tmp_path: Path) -> None:
    with started(*LIVE, "--sink", "pipe:y4m", folder=tmp_path, stdout=subprocess.PIPE) as process:
        assert _bytes(process).read(9) == b"YUV4MPEG2"
        _bytes(process).close()
        process.stdout = None
        ran = finished(process)
    assert ran.code == 0, ran.err


@pytest.mark.slow
def test_a_reader_that_does_not_read_keeps_nobody_from_ending(tmp_path: Path) -> None:
    with started(*LIVE, "--sink", "pipe:y4m", folder=tmp_path, stdout=subprocess.PIPE) as process:
        until(process, lambda status: status["frames"]["out"] > 4)  # a pipe holds six
        process.terminate()
        assert process.wait(PATIENCE_S) == 0


def test_a_camera_that_is_missing_is_an_error_unless_it_is_waited_for(rimlight: Runs, tmp_path: Path) -> None:
    options = ("run", "--source", "/dev/video99", "--sink", "null", *FAKE)
    refused(rimlight(*options), "no camera at /dev/video99")
    with started(*options, "--wait", "--size", "64x48", folder=tmp_path) as process:
        status = until(process, lambda status: status["faults"] > 0 and status["frames"]["out"] > 0)
        process.terminate()
        assert finished(process).code == 0
    assert status["state"] == "cover"
    assert "no camera at /dev/video99" in status["reason"]
    assert status["frames"]["out"] == status["frames"]["covered"] > 0


def test_a_camera_that_is_unplugged_is_covered_and_opened_again(
    rimlight: Runs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[FakeCapture] = []

    def open_device(_: object) -> FakeCapture:
        opened.append(FakeCapture(*(shot(index) for index in range(6)), *[MISS] * cameras.MISSES))
        if len(opened) == 3:
            os.kill(os.getpid(), signal.SIGTERM)
        return opened[-1]

    monkeypatch.setattr(cameras, "MISS_PAUSE_S", 0.0)
    monkeypatch.setattr(cameras, "open_device", open_device)
    ran = rimlight("run", "--source", "camera:0", "--sink", "out.mp4", *FAKE)
    assert ran.code == 0, ran.err
    assert re.search("[23] faults", ran.err)
    assert pictures(tmp_path / "out.mp4")


def test_the_file_is_read_again_while_the_stream_runs(tmp_path: Path) -> None:
    path = tmp_path / "config" / "rimlight" / "config.toml"
    path.parent.mkdir(parents=True)
    path.write_text("[run]\nbackdrop = '#000000'\n[profile.talk]\nfeather = 3\n")
    with started(*LIVE, "--sink", "null", "--profile", "talk", folder=tmp_path) as process:
        status = until(process, is_live)
        assert (status["backdrop"], status["edges"]["feather"]) == ("#000000", 3.0)
        path.write_text("[run]\nbackdrop = 'no such picture.jpg'\n[profile.talk]\nfeather = 3\n")
        status = until(process, lambda status: status["config"])
        assert (status["backdrop"], status["edges"]["feather"]) == ("#000000", 3.0)
        path.write_text("[run]\nbackdrop = '#ffffff'\n[profile.talk]\n")
        status = until(process, lambda status: not status["config"])
        assert (status["backdrop"], status["edges"]["feather"]) == ("#ffffff", 0.0)
        assert is_live(status)
        process.terminate()
        ran = finished(process)
    assert ran.code == 0
    assert ran.err.count("no such picture.jpg") == 1


def test_without_control_nothing_listens(tmp_path: Path) -> None:
    with started(*LIVE, "--sink", "pipe:rgb24", "--no-control", folder=tmp_path, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert len(_bytes(process).read(112 * 64 * 3)) == 112 * 64 * 3
        assert files(tmp_path) == set()
        process.terminate()
        assert finished(process).code == 0


def test_after_a_stop_longer_than_the_limit_the_first_picture_is_the_cover() -> None:
    """The process stops itself at a known frame, so that the next it writes is known too."""
    with subprocess.Popen([sys.executable, SCRIPT], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            shown = _people(process.stdout)
            _, ended = os.waitpid(process.pid, os.WUNTRACED)
            assert os.WIFSTOPPED(ended), process.communicate()[1]
            stopped_s = time.perf_counter()
            while time.perf_counter() - stopped_s < 0.5:  # longer than the script's limit
                time.sleep(0.05)
            os.kill(process.pid, signal.SIGCONT)
            process.wait(PATIENCE_S)
        finally:
            if process.returncode is None:
                process.kill()
        assert process.stderr is not None
        last = int(process.stderr.read())
    people = shown()
    assert people[last]  # what was written before the stop
    assert not people[last + 1]  # the first after it
    assert any(people[last + 2 :])  # and the camera is shown again


def _people(stream: IO[bytes]) -> Callable[[], list[bool]]:
    """Reads frames in a thread until their end; gives whether each is anything but the cover."""
    found: list[bool] = []

    def read() -> None:
        while len(data := stream.read(112 * 64 * 3)) == 112 * 64 * 3:
            found.append(bool((np.frombuffer(data, np.uint8).reshape(-1, 3) != (16, 32, 48)).any()))

    thread = threading.Thread(target=read, daemon=True)
    thread.start()

    def wait() -> list[bool]:
        thread.join(PATIENCE_S)
        return found

    return wait


@pytest.mark.parametrize("missing", ["--source", "--sink"])
def test_source_and_sink_are_needed_from_somewhere(rimlight: Runs, missing: str) -> None:
    given = [text for name in ("--source", "--sink") if name != missing for text in (name, "x")]
    refused(rimlight("run", *given), f"Missing option '{missing}'")


def test_source_and_sink_may_come_from_the_file(rimlight: Runs, tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text('[run]\nsource = "pattern:112x64@30:4"\nsink = "out.mp4"\nbackend = "fake"\n')
    assert rimlight("run", "--config", "mine.toml", "--detail", "128").code == 0
    assert len(pictures(tmp_path / "out.mp4")) == 4


def test_a_bad_file_is_one_line(rimlight: Runs, tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text("[run]\nmiror = true\n")
    refused(rimlight(*RUN, "--config", "mine.toml"), "mine.toml: there is no run.miror; did you mean mirror?")
    refused(rimlight(*RUN, "--config", "other.toml"), "other.toml cannot be read")
    refused(rimlight(*RUN, "--profile", "talk"), "no profile 'talk'", "rimlight config init")


@pytest.mark.parametrize("option", [("--mirror",), ("--wait",), ("--metrics-port", "0"), ("--no-control",)])
def test_options_of_live_sources_are_refused_for_files(rimlight: Runs, option: tuple[str, ...]) -> None:
    refused(rimlight(*RUN, *option, *FAKE), "for live sources")


def test_limits_that_make_no_sense_are_one_line(rimlight: Runs) -> None:
    refused(rimlight(*LIVE, "--sink", "null", "--late-after", "2"), "--late-after")


def test_a_first_file_is_written_shown_and_kept(rimlight: Runs) -> None:
    path = rimlight("config", "path").out.strip()
    assert "defaults only" in rimlight("config", "show").out
    assert rimlight("config", "init").out.strip() == path
    refused(rimlight("config", "init"), "is there already and stays")
    Path(path).write_text("[run]\ndetail = 256\n[profile.talk]\nmirror = true\n")
    assert "\ndetail = 256\n" in rimlight("config", "show").out
    shown = rimlight("config", "show", "--profile", "talk").out
    assert "\nmirror = true\n" in shown
    assert "\n# feather = 0.0\n" in shown
    refused(rimlight("config", "show", "--config", "other.toml"), "cannot be read")
