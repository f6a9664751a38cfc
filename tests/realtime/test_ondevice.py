"""Streams on a device path: the pictures of the host, one upload and one download a frame, and the same promises."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from fractions import Fraction
from itertools import chain, pairwise, repeat
from typing import Any

import numpy as np
import pytest

from rimlight.backends.device_path import DEVICE_PATHS
from rimlight.compose import EdgeOptions
from rimlight.errors import BackendError
from rimlight.gpu.layout import Form, room_bytes
from rimlight.realtime.governor import Budget
from rimlight.realtime.live import Live
from rimlight.realtime.matted import Seen
from rimlight.realtime.preview import Preview, Told
from rimlight.realtime.runner import run_stream
from rimlight.realtime.safety import Limits, State
from rimlight.realtime.session import MOST_OPEN, Matter, Session, Settings
from rimlight.realtime.sources.pattern import PatternSource
from rimlight.realtime.stats import Stats
from rimlight.types import Frame, Size

from ..device_paths import HostPath
from . import faults
from .faults import BACKDROP, ScanningSink, SentinelCamera, camera_faults, now_and_then
from .preview.test_preview import FakeView
from .streams import FAKE, SIZE, ListSource, Recorder, frames, play

LIMITS = Limits(late_s=0.1, stale_s=0.2)
FRAME_BYTES = SIZE.height * SIZE.width * 3


class Paths:
    """Stands in for open_device_path, unless it is off; keeps what it opens."""

    def __init__(self) -> None:
        self.on = True
        self.opened: list[HostPath] = []
        self.misbehave: Callable[[], str] = str

    def __call__(self, name: str, full: Size, small: Size, **_: Any) -> HostPath:
        assert name == "fake"
        self.opened.append(HostPath(full, small, misbehave=self.misbehave))
        return self.opened[-1]


@pytest.fixture
def paths(monkeypatch: pytest.MonkeyPatch) -> Paths:
    """From here on the fake backend has a device path."""
    paths = Paths()
    monkeypatch.setattr("rimlight.realtime.session.has_device_path", lambda name, _: paths.on and name == "fake")
    monkeypatch.setattr("rimlight.realtime.session.open_device_path", paths)
    return paths


def recorded(settings: Settings, given: list[Frame], wants: Form = "rgb") -> list[np.ndarray]:
    sink = Recorder(wants)
    play(ListSource(given), sink, settings)
    return sink.images


@pytest.mark.parametrize("backdrop", ["#102030", "blur", "transparent"])
@pytest.mark.parametrize("edges", [EdgeOptions(), EdgeOptions(2, 0.4, decontaminate=False)])
def test_a_run_on_the_device_writes_what_the_host_writes(paths: Paths, backdrop: str, edges: EdgeOptions) -> None:
    settings = replace(FAKE, backdrop=backdrop, edges=edges)
    given = [*frames(8, seed=1), *frames(7, Size(128, 112), seed=2), *frames(5, seed=3)]
    wants: Form = "rgba" if backdrop == "transparent" else "rgb"
    ours = recorded(settings, given, wants)
    paths.on = False
    hosts = recorded(settings, given, wants)
    assert len(ours) == len(hosts) == len(given)
    assert all(np.array_equal(one, other) for one, other in zip(ours, hosts, strict=True))
    assert [path.freed for path in paths.opened] == [1, 1]


@pytest.mark.parametrize(("backdrop", "extra"), [("blur", 0), ("#102030", 1)])
def test_a_frame_costs_one_upload_and_one_download(paths: Paths, backdrop: str, extra: int) -> None:
    recorded(replace(FAKE, backdrop=backdrop), frames(9))
    (path,) = paths.opened
    assert path.uploads.count(FRAME_BYTES) == 9
    assert len(path.uploads) == 9 + extra  # a backdrop goes up once
    assert path.downloads == [room_bytes(SIZE, "rgb")] * 9


def test_frames_go_one_by_one_whatever_the_batch(paths: Paths) -> None:
    given = frames(10)
    ours = recorded(replace(FAKE, batch=4), given)
    paths.on = False
    assert all(np.array_equal(a, b) for a, b in zip(ours, recorded(FAKE, given), strict=True))


def test_a_session_gives_the_mattes_and_composites_of_the_host(paths: Paths) -> None:
    def both(given: list[Frame]) -> list[np.ndarray]:
        with Session(FAKE) as session:
            mattes = [session.matte(frame) for frame in given]
            painted = [session.composite(frame).image.copy() for frame in given]
        return [*(matte.alpha for matte in mattes), *(matte.foreground for matte in mattes), *painted]

    ours = both(frames(4))
    paths.on = False
    assert all(np.array_equal(one, other) for one, other in zip(ours, both(frames(4)), strict=True))
    assert paths.opened


def test_observers_download_what_they_look_at_and_only_once(paths: Paths) -> None:
    looked: list[tuple[Size, tuple[int, ...]]] = []

    def observe(seen: Seen) -> None:
        if seen.frame.cut:
            assert seen.small is seen.small
            looked.append((seen.internal, seen.coefficients.scale.shape))

    with closing(Matter(FAKE, observe)) as matter:
        for frame in frames(3):
            matter.matte([frame])
    assert looked == [(SIZE, (4, SIZE.height, SIZE.width))]
    assert len(paths.opened[0].downloads) == 3


def test_a_preview_sees_a_stream_on_the_device(paths: Paths) -> None:
    told = Told("live", "", "a device", Stats().snapshot())
    shown = Preview(lambda: told, open_view=FakeView)  # type: ignore[arg-type]
    with closing(Matter(FAKE, shown.observe)) as matter:
        for frame in frames(3):
            matter.matte([frame])
        assert paths.opened[0].downloads == []
        shown.picture()  # asks
        matter.matte(frames(1))
    assert shown._input is not None
    assert shown._input.small.shape == (3, SIZE.height, SIZE.width)


@pytest.mark.parametrize("changed", ["size", "long side"])
def test_a_change_is_a_cut_on_the_device_too(paths: Paths, changed: str) -> None:
    large = Size(128, 224)
    given = [replace(frame, cut=False) for frame in frames(9, large)]

    def alphas(order: list[int]) -> list[np.ndarray]:
        found = []
        with Session(FAKE) as session:
            for index, frame in enumerate(given):
                if index == 3 and changed == "size":
                    session.matte(frames(1, SIZE)[0])
                session._matter.use_long_side(order[index // 3])
                found.append(session.matte(frame).alpha)
        return found

    order = [128, 128, 128] if changed == "size" else [128, 96, 128]
    ours = alphas(order)
    paths.on = False
    assert all(np.array_equal(one, other) for one, other in zip(ours, alphas(order), strict=True))
    assert len(paths.opened) == 2


def test_only_the_last_few_paths_stay_open(paths: Paths) -> None:
    with closing(Matter(FAKE)) as matter:
        for side in range(64, 64 + 16 * (MOST_OPEN + 2), 16):
            matter.use_long_side(side)
            matter.matte(frames(1, Size(256, 256)))
        assert [path.freed for path in paths.opened] == [1, 1] + [0] * MOST_OPEN
    assert {path.freed for path in paths.opened} == {1}


@pytest.mark.parametrize("kind", ["nan", "stale", "nothing"])
def test_a_frame_without_a_whole_matte_is_an_error_and_nothing_is_painted(paths: Paths, kind: str) -> None:
    kinds = chain([""] * 5, [kind], repeat(""))
    paths.misbehave = lambda: next(kinds)
    sink = Recorder()
    with pytest.raises(BackendError, match="nothing of this frame is shown"):
        play(ListSource(frames(12)), sink)
    assert len(sink.images) == 5
    assert sink.ended == "discarded"


def test_settings_reach_the_path_and_its_device_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(DEVICE_PATHS, "fake", ("tests.device_paths", "HostPath", "cp"))
    report = run_stream(PatternSource(SIZE, count=4), "null:i420", FAKE)
    assert report.device.startswith("a double of a device")
    assert report.snapshot.counts["out"] == 4
    assert "numpy" in run_stream(PatternSource(SIZE, count=1), "null", replace(FAKE, device="mps")).device


@pytest.mark.parametrize("backdrop", ["blur", "#102030"])
def test_a_real_network_paints_on_its_device_path_what_it_does_on_the_host(
    monkeypatch: pytest.MonkeyPatch, backdrop: str
) -> None:
    pytest.importorskip("torch", reason="the torch extra is not installed")
    settings = Settings("torch", backdrop, long_side=96, threads=1)
    given = [*frames(4, seed=1), *frames(3, seed=2)]
    hosts = recorded(settings, given)
    monkeypatch.setitem(DEVICE_PATHS, "torch", (*DEVICE_PATHS["torch"][:2], "cpu"))
    ours = recorded(settings, given)
    assert max(np.abs(one.astype(int) - other).max() for one, other in zip(ours, hosts, strict=True)) <= 2
    assert any(not np.array_equal(one, other) for one, other in pairwise(ours))


def test_a_budget_governs_a_stream_on_the_device(paths: Paths) -> None:
    source = ListSource(frames(8))
    source.live = True
    report = run_stream(source, "null", FAKE, budget=Budget(fps=15))
    assert report.snapshot.counts == {"in": 8, "out": 4, "skipped": 4}
    assert paths.opened[0].uploads.count(FRAME_BYTES) == 4


def stream(
    paths: Paths, misbehave: Callable[[], str], camera: Callable[[Frame], Frame] = lambda frame: frame, **more: Any
) -> Live:  # fmt: skip
    paths.misbehave = misbehave
    return Live(
        lambda: SentinelCamera(camera), Settings("fake", BACKDROP), faults.SIZE, Fraction(500), limits=LIMITS,
        retry_s=0.005, **more,
    )  # fmt: skip


def run(live: Live, enough: int, *, both: bool = False) -> ScanningSink:
    stop = threading.Event()
    sink = ScanningSink(enough, stop, both=both)
    live.run(sink, stop)
    return sink


@pytest.mark.parametrize("mirror", [False, True])
def test_without_faults_a_live_stream_shows_the_person_and_nothing_leaks(paths: Paths, mirror: bool) -> None:
    live = stream(paths, str, mirror=mirror)
    sink = run(live, 200, both=True)
    assert sink.leaked == 0
    assert sink.with_person > 0
    assert live.status().device.startswith("a double of a device")


@pytest.mark.parametrize("kind", ["error", "nan", "stale", "nothing", "hang"])
def test_no_fault_on_the_device_lets_the_room_out(paths: Paths, kind: str) -> None:
    sink = run(stream(paths, now_and_then(1, (kind,), 0.05)), 300, both=True)
    assert sink.leaked == 0
    assert 0 < sink.with_person < sink.seen


@pytest.mark.parametrize("kind", ["error", "nan", "stale", "nothing"])
def test_a_device_that_only_fails_shows_only_the_cover(paths: Paths, kind: str) -> None:
    kinds = chain([""], repeat(kind))
    live = stream(paths, lambda: next(kinds))
    sink = run(live, 100)
    assert sink.leaked == 0
    assert sink.with_person == 0
    assert live.status().state is State.COVER
    assert live.status().reason


def test_no_fault_of_the_camera_lets_the_room_out(paths: Paths) -> None:
    sink = run(stream(paths, str, camera_faults(2, 0.05)), 400, both=True)
    assert sink.leaked == 0
    assert 0 < sink.with_person < sink.seen


def test_a_device_that_hangs_is_abandoned_and_another_takes_over(paths: Paths) -> None:
    released, calls = threading.Event(), iter(range(10**6))

    def hang_once() -> str:
        if next(calls) == 20:
            released.wait(30)
        return ""

    live = stream(paths, hang_once, hang_s=0.3)
    stop = threading.Event()
    sink = ScanningSink(ScanningSink.MOST, stop)
    live.run(sink, stop, lambda _: stop.set() if sink.shown_after else None)
    released.set()
    assert sink.leaked == 0
    assert sink.shown_after > 0
