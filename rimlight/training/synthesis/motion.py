"""How layers move: smooth curves of shift, turn, zoom and shear over the frames of a clip.

Letters: T frames.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from rimlight.training.synthesis import warp
from rimlight.training.synthesis.dice import Dice
from rimlight.training.synthesis.plan import Motion, Speeds
from rimlight.training.synthesis.warp import Maps

SLOWEST = 0.03  # of the top speed: most movement before a camera is slow
WAVES = 2
STEEPEST = 1.875  # slope of the smootherstep in its middle


def movement(dice: Dice, frames: int, top: Speeds, motion: Motion, size: tuple[int, int]) -> Maps:
    """Maps (T, 3, 3) of the frame onto itself, none in the middle frame.

    Shift, turn, zoom and shear each follow a curve of their own, about a point in the middle half of the frame. No
    speed is above top, no acceleration above top * 2 pi / motion.periods[0].
    """
    height, width = size

    def follow(fastest: float) -> npt.NDArray[np.float64]:
        return curve(dice, frames, fastest * dice.magnitude(SLOWEST, 1.0), motion)

    y, x = dice.between(0.25, 0.75) * height, dice.between(0.25, 0.75) * width
    zoom = np.exp(follow(top.zoom))
    moving = warp.turn(follow(top.turn)) @ warp.stretch(zoom, zoom) @ warp.slant(follow(top.shear))
    direction = dice.between(0, 2 * math.pi)
    along, across = follow(top.shift) * height, follow(top.shift / 2) * height
    cos, sin = math.cos(direction), math.sin(direction)
    return np.asarray(warp.shift(along * sin + across * cos, along * cos - across * sin) @ warp.about(moving, y, x))


def rest(frames: int) -> Maps:
    """Maps (T, 3, 3) that leave everything where it is."""
    return np.broadcast_to(np.eye(3), (frames, 3, 3))


def walk(dice: Dice, frames: int, motion: Motion, size: tuple[int, int]) -> Maps:
    """Maps (T, 3, 3) of a person who walks sideways, bobbing a little."""
    height = size[0]
    speed = dice.sign() * dice.magnitude(*motion.walk_speed) * height
    time = times(frames)
    bob = 0.3 * abs(speed) / step_rate(motion) * np.sin(step_rate(motion) * time + dice.between(0, 2 * math.pi))
    return warp.shift(bob - bob[frames // 2], speed * time)


def curve(dice: Dice, frames: int, speed: float, motion: Motion) -> npt.NDArray[np.float64]:
    """(T,) values, 0 in the middle frame, that change by at most speed per frame: a few sines, or an ease and sines."""
    shares = np.array([dice.between(0.2, 1.0) for _ in range(WAVES)])
    shares /= shares.sum()
    time = times(frames)
    values = np.zeros(frames)
    for number, share in enumerate(shares):
        period = dice.magnitude(*motion.periods)
        phase = dice.unit()
        if number == 0 and dice.chance(motion.eased):
            # From rest to rest within a period, which lies anywhere about the clip.
            begun = np.clip(time / period + phase, 0, 1)
            values += dice.sign() * share * speed * period / STEEPEST * begun**3 * (begun * (6 * begun - 15) + 10)
        else:
            rate = 2 * math.pi / period
            values += share * speed / rate * np.sin(rate * time + 2 * math.pi * phase)
    return np.asarray(values - values[frames // 2])


def times(frames: int) -> npt.NDArray[np.float64]:
    """(T,) frame numbers, 0 in the middle."""
    return np.arange(frames, dtype=np.float64) - frames // 2


def step_rate(motion: Motion) -> float:
    """Radians per frame of the fastest swing."""
    return 2 * math.pi / motion.periods[0]


def velocities(maps: Maps) -> Maps:
    """How a frame's points move on until the next one, (T-1, 3, 3), of maps (T, 3, 3) into the frame."""
    return np.asarray(maps[1:] @ warp.inverse(maps[:-1]))


def window(dice: Dice, available: int, wanted: int) -> list[int]:
    """Which pictures of a clip to show: wanted neighbours, now and then every second or backwards.

    A shorter clip goes to and fro. A still has its one picture, once.
    """
    if available == 1:
        return [0]
    skip = 2 if dice.chance(0.15) and available >= 2 * wanted else 1
    length = min(available, (wanted - 1) * skip + 1)
    first = dice.index(available - length + 1)
    chosen = list(range(first, first + length, skip))
    there_and_back = chosen + chosen[-2:0:-1]
    repeated = [there_and_back[number % len(there_and_back)] for number in range(wanted)]
    return repeated[::-1] if dice.chance(0.25) else repeated
