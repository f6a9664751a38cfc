"""The service as people see it: cases in turn, figures of each client, a browser that reads its own counter back."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from typing import Any

import pytest

from rimlight.errors import BackendError, ConfigError, FrameError
from rimlight.types import Size
from tests.conftest import need

pytest.importorskip("psutil", reason="psutil (extra bench) is not installed")
pytest.importorskip("playwright", reason="playwright (extra bench) is not installed")

from rimlight.benchmarks import captions, serve_browser, serve_child
from rimlight.benchmarks.serve import Case, Plan, case_of, measure, render
from rimlight.benchmarks.serve_browser import Seen, Visit, visit
from rimlight.benchmarks.serve_child import Child, Work

SMALL, LARGE = Size(360, 640), Size(720, 1280)


def person(latencies: list[float], **more: Any) -> dict[str, Any]:
    """What the page says of one client."""
    server = {"state": "live", "reason": "", "latency_ms": {"p50": 9.0, "p95": 12.0}, "fps_in": 30, "fps_out": 30}
    return {
        "latenciesMs": latencies, "seen": 100, "unreadable": 1, "repeated": 0, "sentFps": 30.0, "receivedFps": 29.5,
        "seenFps": 29.0, "size": "640x360", "sentSize": "640x360", "limited": "none", "codec": "VP8", "server": server,
    } | more  # fmt: skip


def seen(*people: dict[str, Any]) -> Seen:
    return Seen(list(people), 0.5, 0.25, 0.02)


def test_cases_go_in_turn_and_latencies_are_medians_of_all() -> None:
    asked: list[Case] = []
    answers = iter([[40.0] * 9, [90.0] * 9, [60.0] * 9, [110.0] * 9])

    def run(_: Plan, case: Case) -> Seen:
        asked.append(case)
        return seen(person(next(answers)))

    cases = (Case(SMALL, 1, True), Case(LARGE, 1, False))
    record = measure(Plan(cases, rounds=2, backend="fake"), lambda _: None, run)
    assert asked == [*cases, *cases]
    small, large = record.figures["cases"]
    assert (small["latency_ms"]["p50"], large["latency_ms"]["p50"]) == (50.0, 100.0)
    assert [small["latency_ms"][name] for name in ("least", "most", "spread")] == [40.0, 60.0, 0.4]
    assert small["unreadable"] == 0.01
    assert [len(run["sessions"]) for run in small["runs"]] == [1, 1]
    assert record.figures["peace"]["others"] == 0.02
    assert record.settings["rounds"] == 2


def test_every_client_of_a_run_counts() -> None:
    record = measure(
        Plan((Case(SMALL, 2, True),), backend="fake"), lambda _: None,
        lambda *_: seen(person([10.0, 20.0, 30.0]), person([50.0] * 3, codec="H264", size="320x180")),
    )  # fmt: skip
    (case,) = record.figures["cases"]
    assert case["latency_ms"]["p50"] == 35.0
    assert (case["codec"], case["size_shown"]) == ("H264 VP8", "320x180 640x360")


def test_a_table_and_a_caption_say_how_it_was_measured() -> None:
    plan = Plan((Case(SMALL, 2, False),), backend="fake", seconds=4)
    record = measure(plan, lambda _: None, lambda *_: seen(person([40.0] * 5)))
    table = render(record)
    assert "| 640x360, 30 fps |" in table
    assert "service p50 ms" in table
    assert "backend fake, quality medium" in captions.serve(record)


def test_a_video_that_does_not_come_back_is_an_error() -> None:
    lost = person([], seen=12, unreadable=12)
    lost["server"] |= {"state": "cover", "reason": "the network failed"}
    with pytest.raises(FrameError, match=r"12 pictures, 12 of them unreadable.*the network failed"):
        measure(Plan((Case(SMALL, 1, True),), backend="fake"), lambda _: None, lambda *_: seen(lost))


@pytest.mark.parametrize(
    ("text", "found"), [("640x360", (SMALL, 1)), ("640x360x2", (SMALL, 2)), ("1280x720x16", (LARGE, 16))]
)
def test_a_case_is_a_size_and_people(text: str, found: tuple[Size, int]) -> None:
    assert case_of(text) == found


@pytest.mark.parametrize("text", ["", "640", "640x360x", "640x360x0", "640x360x17", "640x360x2x2", "axb"])
def test_another_case_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="expected a case"):
        case_of(text)


def test_a_service_that_does_not_start_says_why() -> None:
    with pytest.raises(BackendError, match="no backend 'nobody'"), Child(["--backend", "nobody"]):
        pass


def test_a_child_that_will_not_end_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    stubborn = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
    stubborn += "import sys; print('open http://localhost:9', file=sys.stderr, flush=True); time.sleep(60)"
    monkeypatch.setattr(serve_child, "PROGRAM", (serve_child.PROGRAM[0], "-c", stubborn))
    monkeypatch.setattr(serve_child, "STOP_S", 0.3)
    child = Child([])
    with child:
        assert child.address == "http://127.0.0.1:9"
    assert not child.running
    assert child.stop() == -signal.SIGKILL


def test_work_counts_children_and_forgets_who_has_ended() -> None:
    work = Work([os.getpid()])
    busy = subprocess.Popen(["sh", "-c", "while :; do :; done"])
    try:
        while work.seconds() < 0.1:
            assert busy.poll() is None
        alone = Work([busy.pid])
    finally:
        busy.kill()
        busy.wait()
    assert alone.seconds() == 0


@pytest.mark.browser
def test_a_browser_reads_its_counter_back() -> None:
    need("chromium", shutil.which("chromium") is not None, "there is no chromium on the path")
    with Child(["--backend", "fake", "--max-sessions", "2", "--drain", "0"]) as child:
        found = visit(child, Visit(SMALL, 2, codec="vp8", warm_up_s=2, seconds=2))
    assert len(found.people) == 2
    for one in found.people:
        assert one["codec"] == "VP8"
        assert len(one["latenciesMs"]) > 5
        assert all(0 < latency < serve_browser.STEP_S * 1e3 for latency in one["latenciesMs"])
        assert one["unreadable"] < 0.5 * one["seen"]
    assert found.server_load > 0
    assert found.browser_load > 0


@pytest.mark.browser
def test_a_browser_without_the_codec_is_an_error_of_one_line() -> None:
    need("chromium", shutil.which("chromium") is not None, "there is no chromium on the path")
    with (
        Child(["--backend", "fake", "--max-sessions", "1", "--drain", "0"]) as child,
        pytest.raises(BackendError, match="this browser has no video/none"),
    ):
        visit(child, Visit(SMALL, 1, codec="none", warm_up_s=0, seconds=1))
