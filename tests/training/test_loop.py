"""How a leg ends, and what it leaves."""

from __future__ import annotations

import signal
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from rimlight.training import checkpoint, loop
from rimlight.training.shapes import Shapes
from rimlight.training.stopping import ECHO_S, stopped_by_signals
from rimlight.training.trainer import Trainer

from .runs import ALONE, TINY, VIDEO, curve, trained


class Clock:
    """A clock on which every look takes a second."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        self.now_s += 1
        return self.now_s


def leg(out: Path, how: loop.Leg, stop: threading.Event | None = None, leader: bool = True) -> Trainer:
    clock = Clock()
    trainer = Trainer(TINY, ALONE, clock=clock)
    loop.run(trainer, Shapes(TINY, ALONE.device), out, how, stop=stop, leader=leader, clock=clock)
    return trainer


def test_a_leg_ends_with_the_step_in_which_its_time_is_over(tmp_path: Path) -> None:
    """Looks are at 101, 102 and 103 in the first step, which begins a stage, and at 104 and 105 in the second."""
    trainer = leg(tmp_path, loop.Leg(until_s=106.0))
    assert trainer.position.total == 3
    assert checkpoint.latest(tmp_path).name == "00000003"


def test_a_wish_to_stop_is_heard_after_the_step(tmp_path: Path) -> None:
    stop = threading.Event()
    stop.set()
    assert leg(tmp_path, loop.Leg(), stop).position.total == 1


def test_checkpoints_are_written_on_the_way(tmp_path: Path) -> None:
    leg(tmp_path, loop.Leg(steps=5, save_every_s=2.0, kept=9))
    assert [folder.name for folder in checkpoint.found(tmp_path)] == ["00000002", "00000004", "00000005"]


def test_a_follower_writes_nothing(tmp_path: Path) -> None:
    leg(tmp_path / "out", loop.Leg(steps=1), leader=False)
    assert not (tmp_path / "out").exists()


def test_rows_after_the_checkpoint_are_made_again_not_kept_twice(tmp_path: Path) -> None:
    """As after a kill: the log is ahead of the checkpoint."""
    trained(tmp_path, legs=(2,))
    with (tmp_path / loop.LOG).open("a") as file:
        file.write("3,video,1")
    trained_again = checkpoint.read(checkpoint.latest(tmp_path))
    loop.run(
        Trainer(TINY, ALONE, trained_again), Shapes(TINY, ALONE.device), tmp_path, loop.Leg(steps=2),
        trained_again.log_bytes,
    )  # fmt: skip
    assert curve(tmp_path, "step") == [1, 2, 3, 4]


def test_seconds_of_stages_are_of_training_over_all_legs(tmp_path: Path) -> None:
    """Every step takes a second here, and every leg makes one."""
    timed = replace(TINY, stages=(replace(VIDEO, steps=None, seconds=3.0),))
    state, legs = None, 0
    while state is None or state.position.stage == 0:
        clock = Clock()
        trainer = Trainer(timed, ALONE, state, clock)
        kept = state.log_bytes if state else 0
        loop.run(trainer, Shapes(timed, ALONE.device), tmp_path, loop.Leg(steps=1), kept, clock=clock)
        state, legs = checkpoint.read(checkpoint.latest(tmp_path)), legs + 1
    assert legs == state.position.total == 3
    assert state.position.trained_s == 3.0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_is_a_wish_its_echo_nothing_and_a_later_one_an_order(number: signal.Signals) -> None:
    now_s = 50.0
    with stopped_by_signals(lambda: now_s) as stop:
        assert not stop.is_set()
        signal.raise_signal(number)
        signal.raise_signal(number)
        assert stop.is_set()
        now_s += ECHO_S + 0.1
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(number)


def test_signals_are_given_back() -> None:
    before = signal.getsignal(signal.SIGINT)
    with stopped_by_signals():
        assert signal.getsignal(signal.SIGINT) is not before
    assert signal.getsignal(signal.SIGINT) is before


class Slow(Shapes):
    """A source that reads for a hundred seconds of a clock."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(TINY, ALONE.device)
        self._clock = clock

    def prepare(self, stage: int) -> None:
        self._clock.now_s += 100 * (stage + 1)


def test_reading_data_is_no_training(tmp_path: Path) -> None:
    clock = Clock()
    trainer = Trainer(TINY, ALONE, clock=clock)
    loop.run(trainer, Slow(clock), tmp_path, loop.Leg(steps=3), clock=clock)
    assert trainer.position.trained_s == 3.0
