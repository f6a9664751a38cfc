"""The command line as a program: exit codes, one line on stderr, Ctrl-C, a pipe whose reader ends."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from .commandline import FAKE, RUN, TIMEOUT_S, files, finished, refused, run_apart, started, video
from .realtime.sinks.outputs import pictures


def test_in_a_process_of_its_own_a_bad_source_is_one_line(tmp_path: Path) -> None:
    refused(run_apart("run", "--source", "none.mp4", "--sink", "out.mp4", folder=tmp_path), "no file none.mp4")


def test_in_a_process_of_its_own_a_damaged_picture_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "in.png").write_bytes(b"\x89PNG\r\n\x1a\n and no more")
    ran = run_apart("run", "--source", "in.png", "--sink", "out.png", *FAKE, folder=tmp_path)
    refused(ran, "bytes that are none in in.png")


def test_in_a_process_of_its_own_a_device_that_is_absent_is_one_line(tmp_path: Path) -> None:
    refused(run_apart(*RUN, "--backend", "onnx", "--device", "cuda:9", folder=tmp_path), "no device 'cuda:9'")
    assert files(tmp_path) == set()


def test_what_is_left_of_a_damaged_file_is_matted_with_a_word_about_it(tmp_path: Path) -> None:
    path = video(tmp_path / "in.mkv", 60)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    ran = run_apart("run", "--source", "in.mkv", "--sink", "out.mp4", *FAKE, folder=tmp_path)
    assert ran.code == 0
    assert ran.err.startswith("rimlight: in.mkv is damaged or cut off")
    assert 10 < len(pictures(tmp_path / "out.mp4")) < 60


def test_a_reader_that_has_enough_ends_the_pipe(tmp_path: Path) -> None:
    source = ("run", "--source", "pattern:112x64@30", "--sink", "pipe:rgb24")
    with started(*source, *FAKE, folder=tmp_path, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert len(process.stdout.buffer.read(112 * 64 * 3)) == 112 * 64 * 3
        process.stdout.close()
        said = process.stderr.read()
        assert process.wait(TIMEOUT_S) == 0, said
    assert "Traceback" not in said


@pytest.mark.skipif(sys.platform == "win32", reason="there Ctrl-C goes to every program of the console")
@pytest.mark.parametrize("backend", ["fake", "onnx"])
def test_ctrl_c_leaves_a_file_that_plays(tmp_path: Path, backend: str) -> None:
    """What the encoder has written tells when it is time."""
    source = ("run", "--source", "pattern:640x360@30", "--sink", "out.mp4", "--backend", backend, "--detail", "128")
    with started(*source, folder=tmp_path) as process:
        await_bytes(process, tmp_path)
        process.send_signal(signal.SIGINT)
        ran = finished(process)
    assert ran.code == 130, ran.err
    assert ran.err.splitlines()[-1].startswith("rimlight: interrupted")
    assert "Traceback" not in ran.err
    assert files(tmp_path) == {"out.mp4"}
    times = [picture.time for picture in pictures(tmp_path / "out.mp4")]
    assert len(times) > 10
    assert times == pytest.approx([index / 30 for index in range(len(times))], abs=1e-4)


def await_bytes(process: subprocess.Popen[str], folder: Path) -> None:
    """Return once something of the video is in the temporary file."""
    due = threading.Event()
    for _ in range(TIMEOUT_S * 50):
        parts = list(folder.glob(".*.part*"))
        if parts and parts[0].stat().st_size > 10_000:
            return
        assert process.poll() is None, "it ended by itself"
        due.wait(0.02)
    pytest.fail("nothing was written")
