"""Processes that are killed for real: nothing is lost, nothing is doubled, and the bytes are those of a quiet run."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from .runs import HerePool, begun, digests, ended, events, left_over, run_here, states, videos, wait_for

LONG_FRAMES = 400  # so that it is killed in the middle of its work


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return videos(tmp_path_factory.mktemp("clips") / "in", long_frames=LONG_FRAMES)


@pytest.fixture(scope="module")
def wanted(clips: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What one process alone makes, one item after the other."""
    out = tmp_path_factory.mktemp("sequential") / "out"
    run_here(clips, out)
    return digests(out)


@pytest.fixture
def out(tmp_path: Path) -> Iterator[Path]:
    """A folder of outputs whose processes do not outlive the test."""
    yield tmp_path / "out"
    for pid in {event["pid"] for event in events(tmp_path / "out", "begin")}:
        if psutil.pid_exists(pid):
            psutil.Process(pid).kill()


def parts_done(out: Path) -> int:
    return sum(event["task"] == "part" for event in events(out, "done"))


def in_the_middle(out: Path) -> bool:
    """Some parts of the long video are done, others are not."""
    return parts_done(out) >= 2


def whole(out: Path, wanted: dict[str, str]) -> bool:
    return digests(out) == wanted and left_over(out) == []


def gone(processes: list[psutil.Process]) -> bool:
    return not any(one.is_running() and one.status() != psutil.STATUS_ZOMBIE for one in processes)


def worker_of(process: subprocess.Popen[str]) -> psutil.Process:
    children = [
        one for one in psutil.Process(process.pid).children() if "resource_tracker" not in " ".join(one.cmdline())
    ]
    return children[0]


def test_two_processes_give_what_one_gives(clips: Path, out: Path, wanted: dict[str, str]) -> None:
    assert ended(begun(clips, out, "--workers", 2)) == (0, "")
    assert whole(out, wanted)
    assert (out / "report.html").is_file()


@pytest.mark.slow
def test_a_real_network_gives_the_same_bytes_in_two_processes(tmp_path: Path, out: Path) -> None:
    few = videos(tmp_path / "in", short=1)
    run_here(few, tmp_path / "wanted", backend="onnx")
    assert ended(begun(few, out, "--workers", 2, "--backend", "onnx")) == (0, "")
    assert whole(out, digests(tmp_path / "wanted"))


def test_a_killed_worker_is_replaced_and_its_step_done_again(clips: Path, out: Path, wanted: dict[str, str]) -> None:
    process = begun(clips, out, "--workers", 2)
    wait_for(lambda: in_the_middle(out), process)
    worker_of(process).kill()
    assert ended(process)[0] == 0
    assert whole(out, wanted)
    assert [event["reason"] for event in events(out, "failed")] == ["the process was ended by SIGKILL"]
    assert {event["state"] for event in events(out, "failed")} == {"running"}


def test_a_killed_driver_leaves_what_the_same_command_finishes(clips: Path, out: Path, wanted: dict[str, str]) -> None:
    process = begun(clips, out, "--workers", 2)
    wait_for(lambda: in_the_middle(out), process)
    workers = psutil.Process(process.pid).children()
    process.kill()
    ended(process)
    before = parts_done(out)
    assert ended(begun(clips, out, "--workers", 1)) == (0, "")
    assert whole(out, wanted)
    done = [(event["source"], event["task"], event["number"]) for event in events(out, "done")]
    assert len(done) - len(set(done)) <= 2  # what each worker was at when the driver died
    assert before < parts_done(out)
    wait_for(lambda: gone(workers))


def test_ctrl_c_says_how_to_go_on_and_leaves_what_can(clips: Path, out: Path, wanted: dict[str, str]) -> None:
    process = begun(clips, out, "--workers", 2)
    wait_for(lambda: in_the_middle(out), process)
    workers = psutil.Process(process.pid).children()
    os.killpg(process.pid, signal.SIGINT)
    code, said = ended(process)
    assert code == 130
    assert said.strip() == f"rimlight: interrupted; what is done stays done; go on with: rimlight batch --out {out}"
    wait_for(lambda: gone(workers))
    assert events(out, "end")[-1]["how"] == "interrupted"
    again = begun("", out, "--workers", 2)
    assert ended(again)[0] == 0
    assert whole(out, wanted)


def test_an_input_that_kills_every_worker_is_quarantined_and_the_others_are_done(
    clips: Path, out: Path, wanted: dict[str, str]
) -> None:
    process = begun(clips, out, "--workers", 1, "--tries", 2)
    for times in (1, 2):
        wait_for(lambda: sum(event["source"].endswith("1.mp4") for event in events(out, "step")) >= times, process)  # noqa: B023
        worker_of(process).kill()
        wait_for(lambda: len(events(out, "failed")) >= times)  # noqa: B023
    assert ended(process)[0] == 3
    assert digests(out) == {name: digest for name, digest in wanted.items() if name != "1.mp4"}
    assert states(run_here(clips, out, HerePool()))["1.mp4"] == "quarantined"


def test_a_second_driver_is_refused(clips: Path, out: Path) -> None:
    process = begun(clips, out, "--workers", 1)
    wait_for(lambda: events(out, "begin"), process)
    other = begun(clips, out)
    code, said = ended(other)
    assert (code, said.count("\n")) == (2, 1)
    assert "another run works on" in said
    process.kill()
    ended(process)
