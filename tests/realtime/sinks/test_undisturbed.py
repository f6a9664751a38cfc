from __future__ import annotations

import signal
import threading

import pytest

from rimlight.realtime.sinks.undisturbed import undisturbed


def test_an_interrupt_waits_for_the_end_of_the_block() -> None:
    done = []

    def work() -> None:
        with undisturbed():
            signal.raise_signal(signal.SIGINT)
            done.append("block")
        done.append("after")

    with pytest.raises(KeyboardInterrupt):
        work()
    assert done == ["block"]


def test_afterwards_interrupts_come_at_once_again() -> None:
    before = signal.getsignal(signal.SIGINT)
    with undisturbed():
        pass
    assert signal.getsignal(signal.SIGINT) is before


def test_the_programs_own_handler_is_called() -> None:
    came: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _frame: came.append(number))
    try:
        with undisturbed():
            signal.raise_signal(signal.SIGINT)
            assert came == []
        assert came == [signal.SIGINT]
    finally:
        signal.signal(signal.SIGINT, before)


def test_an_error_in_the_block_passes() -> None:
    with pytest.raises(ValueError, match="inside"), undisturbed():
        raise ValueError("inside")


def test_in_another_thread_it_does_nothing() -> None:
    before, during = signal.getsignal(signal.SIGINT), []

    def work() -> None:
        with undisturbed():
            during.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join(10)
    assert during == [before]
