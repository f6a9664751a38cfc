"""The sliding window: each frame shown once, each feature computed once, no more held than one window."""

from __future__ import annotations

import numpy as np

from rimlight.studio.tiles import tiling_of
from rimlight.studio.window import Marked, Window
from rimlight.types import Size

from .films import picture, true_trimap
from .standin import BoxMatter

SIZE = Size(64, 96)


def shown(number: int) -> Marked:
    return Marked(picture(number, 64, 96), true_trimap(number, 64, 96))


def run(count: int, radius: int = 2) -> tuple[list[np.ndarray], list[int], BoxMatter]:
    matter, asked = BoxMatter(radius), []
    window = Window(matter, tiling_of(SIZE))

    def show(number: int) -> Marked:
        asked.append(number)
        return shown(number)

    return [window.alpha(frame, matter.window(frame, count), show) for frame in range(count)], asked, matter


def test_each_frame_is_shown_once_and_looked_at_once() -> None:
    _, asked, matter = run(12)
    assert asked == list(range(12))
    assert matter.looks == 12
    assert matter.mats == 12


def test_the_window_gives_what_each_frame_gives_alone() -> None:
    alphas, _, _ = run(9)
    for frame, alpha in enumerate(alphas):
        matter = BoxMatter(2)
        alone = Window(matter, tiling_of(SIZE)).alpha(frame, matter.window(frame, 9), shown)
        assert np.array_equal(alpha, alone)


def test_no_more_frames_are_held_than_a_window_has() -> None:
    matter = BoxMatter(2)
    window = Window(matter, tiling_of(SIZE))
    for frame in range(20):
        window.alpha(frame, matter.window(frame, 20), shown)
        assert len(window._held) <= 5


def test_neighbours_change_the_matte_and_known_pixels_stay() -> None:
    alone, _, _ = run(6, radius=0)
    joined, _, _ = run(6, radius=2)
    assert np.abs(alone[3] - joined[3]).max() > 0.01
    trimap = true_trimap(3, 64, 96)
    assert (joined[3][trimap == 0] == 0).all()
    assert (joined[3][trimap == 255] == 1).all()


def test_a_clip_of_one_frame_is_its_own_window() -> None:
    (alpha,), asked, _ = run(1)
    assert asked == [0]
    assert alpha.shape == (64, 96)
