from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from rimlight.backends import installed
from rimlight.errors import JobError
from rimlight.realtime.jobs import NOTHING_KEPT, Plan, plan_jobs, run_jobs
from rimlight.realtime.session import Settings
from rimlight.realtime.stats import Stats
from tests.realtime.sinks.outputs import packets
from tests.realtime.sources.media import numbered, write_video

from .runs import CLEAR, COUNT, left_over, same_images, whole, write_clip

DUE_S = 60.0  # by when what is waited for has happened


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return write_clip(tmp_path)


@pytest.fixture
def plan(clip: Path) -> Plan:
    return plan_jobs(str(clip), "out.mkv", 3)


def run(plan: Plan, sink: Path, settings: Settings = CLEAR, written: Callable[[], None] = lambda: None) -> Stats:
    stats = Stats()
    run_jobs(plan, str(sink), settings, sound_from=str(plan.path), stats=stats, written=written)
    return stats


def nothing_left(folder: Path) -> bool:
    return multiprocessing.active_children() == [] and [path.name for path in folder.iterdir()] == ["clip.mp4"]


def test_processes_give_the_same_bits(clip: Path, plan: Plan, tmp_path: Path) -> None:
    written: list[int] = []
    stats = run(plan, tmp_path / "out.mkv", written=lambda: written.append(1))
    assert len(written) == stats.snapshot().counts["out"] == COUNT
    assert stats.snapshot().stages["write"].count == COUNT + 4  # two frames before each share but the first
    assert left_over(tmp_path) == []
    assert multiprocessing.active_children() == []
    one = whole(clip, tmp_path / "one.mkv", CLEAR)
    assert same_images(one, tmp_path / "out.mkv")
    assert packets(one) == packets(tmp_path / "out.mkv")


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["onnx", "openvino"])
@pytest.mark.parametrize("batch", [1, 4])
def test_processes_with_real_backends_give_the_same_bits(clip: Path, tmp_path: Path, backend: str, batch: int) -> None:
    if not installed(backend):
        pytest.skip(f"the {backend} runtime is not installed")
    settings = replace(CLEAR, backend=backend, batch=batch)
    run(plan_jobs(str(clip), "out.mkv", 3, batch), tmp_path / "out.mkv", settings)
    assert same_images(whole(clip, tmp_path / "one.mkv", settings), tmp_path / "out.mkv")


def test_an_error_names_the_frames_and_leaves_nothing(plan: Plan, tmp_path: Path) -> None:
    with pytest.raises(JobError, match=r"frames \d+ to \d+ of .*clip\.mp4: .* has no device 'cuda'"):
        run(plan, tmp_path / "out.mkv", replace(CLEAR, backend="onnx", device="cuda"))
    assert nothing_left(tmp_path)


def test_a_killed_process_ends_all_and_leaves_nothing(plan: Plan, tmp_path: Path) -> None:
    def kill() -> None:
        pid = multiprocessing.active_children()[0].pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)

    with pytest.raises(JobError, match=r"frames \d+ to \d+ .* was ended by SIGKILL"):
        run(plan, tmp_path / "out.mkv", written=kill)
    assert nothing_left(tmp_path)


def test_an_interrupt_ends_all_and_says_that_nothing_is_kept(plan: Plan, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt, match=NOTHING_KEPT):
        run(plan, tmp_path / "out.mkv", written=lambda: signal.raise_signal(signal.SIGINT))
    assert nothing_left(tmp_path)


# The command, in a process group of its own, as a terminal starts it


def wait_for(happened: Callable[[], bool]) -> None:
    due_s = time.monotonic() + DUE_S
    while not happened():
        assert time.monotonic() < due_s
        time.sleep(0.02)


@pytest.fixture
def command(tmp_path: Path) -> subprocess.Popen[str]:
    """`rimlight run --jobs 2` of a long clip, in the middle of its work."""
    write_video(tmp_path / "clip.mp4", numbered(COUNT) * 20)
    options = ["--source", "clip.mp4", "--sink", "out.mkv", "--backend", "fake", "--jobs", "2"]
    begun = subprocess.Popen(
        [sys.executable, "-m", "rimlight.cli", "run", *options],
        cwd=tmp_path, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    wait_for(lambda: any(tmp_path.glob(".out.*.parts/*")))
    return begun


def test_ctrl_c_leaves_one_line_and_nothing_else(command: subprocess.Popen[str], tmp_path: Path) -> None:
    children = psutil.Process(command.pid).children()
    os.killpg(command.pid, signal.SIGINT)
    _, said = command.communicate(timeout=DUE_S)
    assert command.returncode == 130
    assert said.strip() == f"rimlight: interrupted; {NOTHING_KEPT}"
    wait_for(lambda: not any(child.is_running() for child in children))
    assert nothing_left(tmp_path)


@pytest.mark.slow
def test_jobs_end_when_their_parent_is_killed(command: subprocess.Popen[str], tmp_path: Path) -> None:
    children = psutil.Process(command.pid).children()
    command.kill()
    command.communicate(timeout=DUE_S)
    wait_for(lambda: not any(child.is_running() for child in children))
    assert nothing_left(tmp_path)
