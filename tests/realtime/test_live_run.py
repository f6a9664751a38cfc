from __future__ import annotations

from rimlight.realtime.live_run import Pulse, Reopening
from rimlight.realtime.stats import Stats

from .faults import SentinelCamera
from .streams import frames


def test_a_source_that_is_open_is_taken_first_and_only_once() -> None:
    first = SentinelCamera()
    opener = Reopening(first, SentinelCamera)
    assert opener() is first
    assert opener() is not first


def test_a_source_that_nobody_took_is_closed() -> None:
    closed: list[SentinelCamera] = []

    class Counted(SentinelCamera):
        def close(self) -> None:
            closed.append(self)

    opener = Reopening(first := Counted(), SentinelCamera)
    opener.close()
    opener.close()
    assert closed == [first]
    assert opener() is not first


def test_about_once_a_second_the_rate_is_noted() -> None:
    now_s, stats, calls = [0.0], Stats(), []
    (frame,) = frames(1)
    pulse = Pulse(stats, lambda: calls.append(now_s[0]), lambda: now_s[0])
    for step in range(1, 31):
        now_s[0] = step * 0.125
        pulse(frame)
    assert calls == [1.0, 2.0, 3.0]
    assert stats.snapshot().levels["fps"] == 8.0
