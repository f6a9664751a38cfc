"""Who looks at a virtual camera, and what follows from it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from threading import Event

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rimlight.realtime import demand, loopback
from rimlight.realtime.demand import EVENT_BYTES, USAGE, Demand, Watcher, decide, readers, usage_of
from tests.conftest import need

from .sinks.cameras import Kernel

LINUX_ONLY = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


def test_the_camera_opens_at_once() -> None:
    assert decide(Demand(), 1, 0.0).open


def test_it_stays_closed_while_nobody_looks() -> None:
    assert decide(Demand(), 0, 0.0) == Demand()


def test_it_closes_only_after_a_while_without_readers() -> None:
    state = decide(Demand(), 1, 0.0, 10.0)
    for now_s, is_open in [(1.0, True), (10.9, True), (11.0, False), (12.0, False)]:
        state = decide(state, 0, now_s, 10.0)
        assert state.open == is_open, now_s


def test_a_reader_that_comes_back_begins_the_wait_anew() -> None:
    state = Demand(True)
    for now_s, count in [(0.0, 0), (9.0, 1), (10.0, 0), (19.9, 0)]:
        state = decide(state, count, now_s, 10.0)
    assert state.open
    assert not decide(state, 0, 20.0, 10.0).open


def test_where_it_cannot_be_known_the_camera_is_on() -> None:
    assert decide(Demand(), None, 0.0).open
    assert decide(Demand(True, 0.0), None, 100.0) == Demand(True)


@given(st.lists(st.tuples(st.sampled_from([None, 0, 1, 3]), st.floats(0, 5)), max_size=40))
def test_it_is_open_exactly_if_somebody_looked_within_the_wait(steps: list[tuple[int | None, float]]) -> None:
    state, now_s, idle_since_s = Demand(), 0.0, -1e9
    for count, later_s in steps:
        now_s += later_s
        state = decide(state, count, now_s, 4.0)
        if count != 0:
            idle_since_s = -1.0
        elif idle_since_s == -1.0:
            idle_since_s = now_s
        expected = count != 0 or now_s - idle_since_s < 4.0
        assert state.open == expected


def held_open(path: Path, mode: str) -> subprocess.Popen[str]:
    """A real process that has the file open once this returns; it ends when its input does."""
    code = f"f = open({str(path)!r}, {mode!r}); print('open', flush=True); input()"
    process = subprocess.Popen([sys.executable, "-c", code], stdin=-1, stdout=-1, stderr=subprocess.DEVNULL, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "open\n"
    return process


@LINUX_ONLY
@pytest.mark.parametrize(("mode", "count"), [("r", 1), ("r+", 1), ("a", 0)])
def test_a_real_process_that_reads_is_found_and_one_that_only_writes_is_not(
    tmp_path: Path, mode: str, count: int
) -> None:
    path = tmp_path / "video10"
    path.touch()
    assert readers(str(path)) == 0
    with held_open(path, mode) as process:
        assert [holder.pid for holder in loopback.holders(str(path))] == [process.pid]
        assert readers(str(path)) == count
        process.communicate("")
    assert readers(str(path)) == 0


@LINUX_ONLY
def test_a_link_to_the_device_counts_as_the_device(tmp_path: Path) -> None:
    path, link = tmp_path / "video10", tmp_path / "by-id"
    path.touch()
    link.symlink_to(path)
    with held_open(link, "r") as process:
        assert readers(str(link)) == readers(str(path)) == 1
        process.communicate("")


def test_this_process_does_not_count(tmp_path: Path) -> None:
    path = tmp_path / "video10"
    path.touch()
    with path.open():
        assert loopback.holders(str(path)) == []


def test_processes_that_cannot_be_seen_are_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kernel = Kernel(tmp_path, monkeypatch)
    device = kernel.add(10)
    kernel.holder(7, device, os.O_RDONLY, "zoom")
    (kernel.proc / "8").mkdir()  # as another user's: no fd to be listed
    (kernel.proc / "self").mkdir()
    assert loopback.holders(device) == [loopback.Holder(7, "zoom", False)]


def test_elsewhere_it_is_not_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demand, "ON_LINUX", False)
    assert readers("OBS Virtual Camera") is None


def event(kind: int, count: int) -> bytes:
    """struct v4l2_event of a 64-bit kernel: type, padding, and a union that begins with the number."""
    return b"".join(number.to_bytes(4, sys.byteorder) for number in (kind, 0, count)).ljust(EVENT_BYTES, b"\0")


def test_the_modules_event_gives_the_number_of_readers() -> None:
    assert usage_of(event(USAGE, 2)) == 2
    assert usage_of(event(1, 2)) is None


def test_what_the_module_tells_comes_before_what_proc_shows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    need("fcntl", sys.platform != "win32", "Windows has no ioctl")
    asked = []

    def ioctl(_descriptor: int, request: int, _argument: bytes) -> bytes:
        asked.append(request)
        return event(USAGE, 3)

    monkeypatch.setattr(demand, "ON_LINUX", True)
    monkeypatch.setattr("fcntl.ioctl", ioctl)
    path = tmp_path / "video10"
    path.touch()
    assert readers(str(path)) == 3
    assert asked == [demand.SUBSCRIBE, demand.DEQUEUE]


class Audience:
    """Numbers of readers in order, and what was told to watch; the last number stays."""

    def __init__(self, *counts: int | OSError | None) -> None:
        self.counts = list(counts)
        self.told: list[bool] = []
        self.used_up = Event()

    def count(self, device: str) -> int | None:
        assert device == "/dev/video10"
        found = self.counts.pop(0) if len(self.counts) > 1 else self.counts[0]
        if len(self.counts) == 1:
            self.used_up.set()
        if isinstance(found, OSError):
            raise found
        return found

    def watched(self) -> list[bool]:
        with Watcher("/dev/video10", self.told.append, close_after_s=0.0, every_s=0.001, count=self.count):
            assert self.used_up.wait(10)
        return self.told


def test_the_watcher_tells_each_change_and_nothing_else() -> None:
    assert Audience(0, 0, 1, 2, 1, 0, 0, 1, 1).watched() == [False, True, False, True]


def test_the_watcher_leaves_the_camera_on_where_nothing_is_known() -> None:
    assert Audience(None, None, None).watched() == [True]


def test_an_error_while_asking_leaves_the_camera_on() -> None:
    assert Audience(OSError("no such device"), 1).watched() == [True]
