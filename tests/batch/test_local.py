from __future__ import annotations

import faulthandler
import multiprocessing
import os
import signal
import struct
import subprocess
import sys
from collections.abc import Callable
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import cast

import pytest

from rimlight.batch.items import Failed, Item, Outcome
from rimlight.batch.local import TELL_S, LocalPool, Teller
from rimlight.batch.memory import free_bytes, peak_bytes, resident_bytes
from rimlight.batch.on_ray import perform
from rimlight.batch.pool import News, parse_workers
from rimlight.batch.room import FIRST_BYTES, MIB, SPARE_BYTES, Room
from rimlight.errors import BackendError, RimlightError
from rimlight.realtime.session import Settings

PROBE = Item("probe", Settings("fake"))


def heard(pool: LocalPool) -> tuple[int, News]:
    while True:
        for one in pool.news(0.5):
            return one


def test_a_silent_worker_is_ended_and_another_takes_its_place() -> None:
    now = [0.0]
    with LocalPool({"cpu": 1}, stall_s=60, clock=lambda: now[0]) as pool:
        pool.give("cpu", 1, PROBE)
        assert isinstance(heard(pool)[1], Outcome)
        (worker,) = pool._all
        worker.ticket = 2  # as if it had been given something that it does not end
        now[0] = 61.0
        ticket, said = next(pool.news(0.0))
        assert (ticket, said) == (2, Failed("no frame came for 60 s, so the worker was ended", final=False))
        assert pool.takes("cpu")
        pool.give("cpu", 3, PROBE)
        assert heard(pool)[0] == 3


def test_a_worker_that_died_while_it_had_nothing_to_do_costs_no_try() -> None:
    with LocalPool({"cpu": 1}) as pool:
        pool.give("cpu", 1, PROBE)
        heard(pool)
        (pid,) = pool.pids
        os.kill(pid, signal.SIGKILL)
        assert pool._all[0].process is not None
        pool._all[0].process.join()
        pool.give("cpu", 2, PROBE)
        ticket, said = heard(pool)
        assert (ticket, type(said)) == (2, Outcome)


def test_a_worker_that_dies_in_the_middle_of_a_word_has_failed() -> None:
    with LocalPool({"cpu": 1}) as pool:
        pool.give("cpu", 1, PROBE)
        heard(pool)
        (worker,) = pool._all
        assert worker.process is not None
        assert worker.line is not None
        worker.line.close()
        worker.line, theirs = multiprocessing.Pipe()
        worker.ticket = 2
        worker.process.kill()
        os.write(theirs.fileno(), struct.pack("!i", 1000) + b"of a thousand bytes these")
        theirs.close()
        assert heard(pool) == (2, Failed("the process was ended by SIGKILL", final=False))


def test_a_process_that_cannot_be_begun_or_ended_is_no_riddle(monkeypatch: pytest.MonkeyPatch) -> None:
    class Stuck:
        """A process that waits for a disk."""

        pid = 0

        def __getattr__(self, name: str) -> Callable[..., None]:
            return lambda *_: None

        def close(self) -> None:
            raise ValueError("Cannot close a process while it is still running.")

    with LocalPool({"cpu": 1}) as pool:
        pool._all[0].process, pool._all[0].line = cast(SpawnProcess, Stuck()), multiprocessing.Pipe()[0]
    assert pool.pids == []
    monkeypatch.setattr(SpawnProcess, "start", lambda _: exec("raise BlockingIOError(11, 'no more processes')"))
    with pytest.raises(BackendError, match=r"no more processes; use fewer --workers"):
        pool.give("cpu", 1, PROBE)


def test_a_worker_takes_nothing_while_memory_is_short() -> None:
    free = [0]
    with LocalPool({"cpu": 2}, room=Room(lambda: free[0])) as pool:
        assert pool.takes("cpu")  # one is always let at work
        pool.give("cpu", 1, PROBE)
        assert not pool.takes("cpu")
        free[0] = 100 * FIRST_BYTES
        assert pool.takes("cpu")


def test_room_is_kept_for_those_at_work_to_grow() -> None:
    room = Room(lambda: SPARE_BYTES + 1100 * MIB)
    assert room.admits([0])  # 512 for each of two
    assert not room.admits([0, 0])
    assert room.admits([500 * MIB, 500 * MIB])
    room.learn(2000 * MIB)
    assert not room.admits([1500 * MIB])
    assert room.admits([1500 * MIB], has=1600 * MIB)


def test_nothing_is_held_back_where_memory_cannot_be_told() -> None:
    assert Room(lambda: None).admits([0] * 99)


def test_free_memory_is_the_lesser_of_machine_and_container(tmp_path: Path) -> None:
    meminfo = tmp_path / "meminfo"
    assert free_bytes(meminfo, tmp_path) is None
    meminfo.write_text("MemTotal: 9000 kB\nMemAvailable:    5000 kB\n")
    assert free_bytes(meminfo, tmp_path) == 5000 * 1024
    (tmp_path / "memory.max").write_text("max\n")
    (tmp_path / "memory.current").write_text("1000\n")
    assert free_bytes(meminfo, tmp_path) == 5000 * 1024
    (tmp_path / "memory.max").write_text("3000\n")
    (tmp_path / "memory.stat").write_text("anon 5\ninactive_file 500\n")
    assert free_bytes(meminfo, tmp_path) == 2500


def test_this_process_has_taken_memory() -> None:
    assert resident_bytes(os.getpid()) > 10 * MIB
    assert peak_bytes() > 10 * MIB


def test_frames_are_told_of_now_and_then() -> None:
    now, told = [0.0], list[tuple[int, int]]()
    teller = Teller(lambda *frames: told.append(frames), lambda: now[0])
    for _ in range(5):
        teller(90)
    now[0] = TELL_S
    teller(90)
    assert told == [(6, 90)]


@pytest.mark.parametrize(
    ("text", "found"),
    [("", {"cuda": 3}), ("4", {"cuda": 4}), ("cpu=2,cuda=1", {"cpu": 2, "cuda": 1}), ("cuda:1=1", {"cuda:1": 1})],
)
def test_workers_are_read(text: str, found: dict[str, int]) -> None:
    assert parse_workers(text, "cuda", 3) == found


@pytest.mark.parametrize("text", ["0", "cpu", "cpu=0", "cpu=1,cpu=2", "cpu=1;cuda=1", "99999"])
def test_workers_that_cannot_be_meant_are_said(text: str) -> None:
    with pytest.raises(RimlightError, match="expected workers as 4 or cpu=4,cuda=1"):
        parse_workers(text, "cpu", 1)


@pytest.mark.parametrize(("seconds", "best"), [([1, 2, 4, 8], 1), ([1, 1, 1, 1], 8), ([1, 1.2, 2.4, 4.8], 2)])
def test_the_batch_with_most_frames_a_second_is_taken(
    monkeypatch: pytest.MonkeyPatch, seconds: list[float], best: int
) -> None:
    from rimlight.batch import probe

    speeds = {batch: batch / took for batch, took in zip(probe.TRIED, seconds, strict=True)}
    monkeypatch.setattr(probe, "_speed", lambda _settings, batch, _clock: speeds[batch])
    assert probe.probe_batch(Settings("fake", device="gpu")) == best
    assert probe.probe_batch(Settings("fake", device="cpu")) == 1


def test_a_batch_is_timed_by_the_clock() -> None:
    from rimlight.batch.probe import CALLS, _speed

    ticks = iter([10.0, 12.0])
    clock: Callable[[], float] = lambda: next(ticks)  # noqa: E731
    assert _speed(Settings("fake", long_side=64), 4, clock) == 4 * CALLS / 2


@pytest.mark.parametrize("hangs", ["time.sleep(60)", "ctypes.PyDLL(None).sleep(60)"], ids=["free", "lock held"])
def test_a_task_on_ray_without_a_frame_ends_its_process(hangs: str) -> None:
    """Also where what hangs keeps the interpreter to itself."""
    code = f"""
import ctypes, time
from rimlight.batch import on_ray

def attempt(item, wrote):
    for _ in range(5):
        time.sleep(0.1)
        wrote(0)
    print("five frames", flush=True)
    {hangs}

on_ray.attempt = attempt
on_ray.perform(None, 1, 0.3)
"""
    found = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True, timeout=50)
    assert (found.returncode, found.stdout) == (1, "five frames\n")
    assert "Timeout" in found.stderr
    assert "in attempt" in found.stderr


def test_a_task_on_ray_that_has_ended_is_not_watched_any_more(monkeypatch: pytest.MonkeyPatch) -> None:
    watched = [0]
    monkeypatch.setattr(faulthandler, "dump_traceback_later", lambda *_, **__: watched.append(1))
    monkeypatch.setattr(faulthandler, "cancel_dump_traceback_later", watched.clear)
    assert isinstance(perform(PROBE, 1, 60.0), Outcome)
    assert watched == []
