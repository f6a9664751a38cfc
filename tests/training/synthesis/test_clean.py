"""A person's own colours come back out of a mixture, and reduction does not smear what is outside into them."""

from __future__ import annotations

import cv2
import numpy as np

from rimlight.training.synthesis.clean import clean_colours, reduced
from rimlight.types import UInt8Array

from .made import coloured, figure


def soft_figure() -> tuple[UInt8Array, UInt8Array]:
    alpha = figure("bust", 360, 300)
    return alpha, coloured(alpha)


def test_estimated_colours_are_nearer_to_the_truth_than_the_mixture() -> None:
    alpha, truth = soft_figure()
    share = alpha[:, :, None] / 255
    behind = np.full_like(truth, (20, 220, 60))
    picture = np.rint(share * truth + (1 - share) * behind).astype(np.uint8)
    found = clean_colours(picture, alpha)
    edge = (alpha > 25) & (alpha < 230)
    assert edge.sum() > 100
    off = np.abs(found.astype(float) - truth)[edge]
    mixture = np.abs(picture.astype(float) - truth)[edge]
    assert off.mean() < 0.12 * mixture.mean()


def test_inside_the_picture_stays_as_it_is() -> None:
    alpha, truth = soft_figure()
    picture = np.random.default_rng(0).integers(0, 256, truth.shape, np.uint8)
    found = clean_colours(picture, alpha)
    assert (found[alpha == 255] == picture[alpha == 255]).all()


def test_a_composite_on_its_own_background_gives_the_picture_back() -> None:
    alpha, truth = soft_figure()
    share = alpha[:, :, None] / 255
    behind = np.full_like(truth, (90, 60, 30))
    picture = np.rint(share * truth + (1 - share) * behind).astype(np.uint8)
    again = share * clean_colours(picture, alpha) + (1 - share) * behind
    assert np.abs(again - picture)[alpha > 0].mean() < 0.2
    assert (np.abs(again - picture) > 8).mean() < 1e-3  # where skin and shirt meet at the edge


def test_reduction_keeps_the_persons_colour_at_the_edge() -> None:
    alpha, truth = soft_figure()
    black = np.where(alpha[:, :, None] > 0, truth, np.uint8(0))  # as data sets store it
    small = reduced(black, alpha, (72, 60))
    plain = cv2.resize(black, (60, 72), interpolation=cv2.INTER_AREA)
    share = np.asarray(cv2.resize(alpha, (60, 72), interpolation=cv2.INTER_AREA))
    rows = np.abs(np.arange(72)[:, None] - 0.45 * 72) > 2  # away from where skin and shirt meet
    edge = (share > 10) & (share < 200) & rows
    assert edge.sum() > 20
    truth = coloured(figure("bust", 72, 60)).astype(float)
    assert np.abs(small - truth)[edge].max() <= 1
    assert np.abs(plain - truth)[edge].max() > 50
