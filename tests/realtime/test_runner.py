from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest

from rimlight.errors import BackdropError, BackendError, RimlightError, SinkError, SourceError
from rimlight.realtime import runner
from rimlight.realtime.governor import Budget
from rimlight.realtime.runner import run_stream
from rimlight.realtime.sinks import ReceiverGoneError
from rimlight.realtime.sources import open_source
from rimlight.realtime.sources.pattern import PatternSource
from rimlight.realtime.stats import Stats
from rimlight.types import Frame, Size

from .sinks.outputs import packets, pictures
from .sources.media import numbered, write_video
from .streams import FAKE, ListSource, Recorder, frames


def pattern(count: int = 6) -> PatternSource:
    return PatternSource(Size(64, 112), Fraction(30), count)


def test_a_run_writes_every_frame_and_reports(tmp_path: Path) -> None:
    seen: list[Frame] = []
    path = tmp_path / "out.mp4"
    report = run_stream(pattern(), str(path), FAKE, written=seen.append)
    assert len(pictures(path)) == len(seen) == report.snapshot.counts["out"] == 6
    assert "numpy" in report.device
    assert {"read", "matte", "paint", "write", "latency"} <= set(report.snapshot.stages)


@pytest.mark.parametrize(("alpha", "width"), [(True, 112), ("side-by-side", 224)])
def test_a_transparent_run_carries_alpha_as_asked(tmp_path: Path, alpha: bool, width: int) -> None:
    path = tmp_path / ("out.mov" if alpha is True else "out.mp4")
    run_stream(pattern(), str(path), replace(FAKE, backdrop="transparent"), alpha=alpha)
    first = pictures(path)[0]
    assert first.width == width
    assert ("yuva" in first.format.name) == (alpha is True)


def test_alpha_is_not_asked_for_before_a_backdrop(tmp_path: Path) -> None:
    path = tmp_path / "out.mp4"
    run_stream(pattern(), str(path), FAKE, alpha="side-by-side")
    assert pictures(path)[0].width == 112


def test_sound_goes_along(tmp_path: Path) -> None:
    path = write_video(tmp_path / "in.mp4", numbered(30), sound="aac")
    with open_source(str(path)) as source:
        run_stream(source, str(tmp_path / "out.mp4"), FAKE, sound_from=str(path))
    assert [data for _, data in packets(tmp_path / "out.mp4")] == [data for _, data in packets(path)]


def test_a_live_run_keeps_its_budget() -> None:
    source = ListSource(frames(8))
    source.live = True
    stats = Stats()
    report = run_stream(source, "null", FAKE, budget=Budget(fps=15), stats=stats)
    assert report.snapshot.counts == {"in": 8, "out": 4, "skipped": 4}
    assert stats.snapshot().levels["every"] == 2


def test_a_live_run_without_a_budget_takes_every_frame() -> None:
    source = ListSource(frames(8))
    source.live = True
    assert run_stream(source, "null", FAKE).snapshot.counts == {"in": 8, "out": 8}


def test_a_budget_is_for_live_sources() -> None:
    with pytest.raises(RimlightError, match="live sources"):
        run_stream(pattern(), "null", FAKE, budget=Budget(fps=30))


def test_a_receiver_that_is_gone_ends_the_run_well(monkeypatch: pytest.MonkeyPatch) -> None:
    sink = Recorder(fail_at=3)
    sink.error = ReceiverGoneError("the window was closed")
    monkeypatch.setattr(runner, "open_sink", lambda *_, **__: sink)
    assert run_stream(pattern(50), "window", FAKE).snapshot.counts["out"] == 3


@pytest.mark.parametrize(
    ("sink", "changed", "error"),
    [
        ("out.mp4", {"backdrop": "nowhere.png"}, BackdropError),
        ("out.mp4", {"backend": "abacus"}, BackendError),
        ("none/out.mp4", {}, SinkError),
        ("out.gif", {}, SinkError),
        ("out.mp4", {"backdrop": "transparent"}, SinkError),
    ],
)
def test_a_run_that_cannot_be_leaves_nothing(
    tmp_path: Path, sink: str, changed: dict[str, str], error: type[Exception]
) -> None:
    with pytest.raises(error):
        run_stream(pattern(), str(tmp_path / sink), replace(FAKE, **changed))  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


def test_what_was_there_survives_a_run_that_fails(tmp_path: Path) -> None:
    path = tmp_path / "out.mp4"
    path.write_bytes(b"precious")
    with pytest.raises(SourceError):
        run_stream(ListSource(frames(3), SourceError("torn")), str(path), FAKE)
    assert path.read_bytes() == b"precious"
    assert list(tmp_path.iterdir()) == [path]


def test_backends_and_backdrop_are_closed_whatever_happens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[str] = []
    monkeypatch.setattr(runner.Matter, "close", lambda _: closed.append("matter"))
    video = write_video(tmp_path / "sea.mp4", numbered(3))
    backdrop = runner.open_backdrop(str(video))
    monkeypatch.setattr(runner, "open_backdrop", lambda _: backdrop)
    monkeypatch.setattr(backdrop, "close", lambda: closed.append("backdrop"))
    with pytest.raises(SourceError):
        run_stream(ListSource(frames(3), SourceError("torn")), "null", FAKE)
    assert closed == ["matter", "backdrop"]
