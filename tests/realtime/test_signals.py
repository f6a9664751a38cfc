from __future__ import annotations

import signal
import threading

import pytest

from rimlight.realtime.signals import ended_by_signals

BOTH = pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])


@BOTH
def test_a_signal_asks_and_things_are_as_before_afterwards(number: signal.Signals) -> None:
    before = signal.getsignal(number), signal.getsignal(signal.SIGALRM)
    stop = threading.Event()
    with ended_by_signals(stop) as ending:
        signal.raise_signal(number)
        assert stop.is_set()
        assert ending.by == number
    assert (signal.getsignal(number), signal.getsignal(signal.SIGALRM)) == before
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


@BOTH
def test_a_second_signal_breaks_off(number: signal.Signals) -> None:
    reached = []

    def twice() -> None:
        with ended_by_signals(threading.Event()):
            signal.raise_signal(number)
            signal.raise_signal(number)
            reached.append("the end")

    if number == signal.SIGTERM:
        twice()  # a good end
    else:
        with pytest.raises(KeyboardInterrupt):
            twice()
    assert not reached


def test_a_stream_that_does_not_stop_is_broken_off() -> None:
    reached = []
    with ended_by_signals(threading.Event(), 0.01):
        signal.raise_signal(signal.SIGTERM)
        threading.Event().wait(60)
        reached.append("the end")
    assert not reached


def test_a_stream_that_stopped_may_take_its_time_to_close() -> None:
    with ended_by_signals(threading.Event(), 60) as ending:
        signal.raise_signal(signal.SIGTERM)
        ending.stopped()
        assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def test_signals_are_left_alone_outside_of_the_main_thread() -> None:
    before, during = signal.getsignal(signal.SIGTERM), []

    def look() -> None:
        with ended_by_signals(threading.Event()) as ending:
            during.append((signal.getsignal(signal.SIGTERM), ending.by))

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert during == [(before, None)]
