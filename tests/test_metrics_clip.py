"""The streaming scores of a clip against the same conventions computed on the whole clip at once."""

from __future__ import annotations

import numpy as np
import pytest

from rimlight import metrics
from rimlight.errors import FrameError
from rimlight.types import Size
from tests.test_metrics_reference import random_matte, slow_conn, slow_grad, slow_moved

FRAMES, SHAPE = 4, (24, 31)
SIZE = Size(*SHAPE)


@pytest.fixture(scope="module")
def clip() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """alpha and truth (T, H, W) float64 in steps of 1/255, motion (T, H, W, 2) in quarters of a pixel."""
    alpha, truth = (np.stack([random_matte(start + t) for t in range(FRAMES)]) for start in (0, 10))
    motion = np.random.default_rng(0).integers(-6, 7, (FRAMES, *SHAPE, 2)) / 4
    return alpha, truth, motion


def streamed(clip: tuple[np.ndarray, np.ndarray, np.ndarray], *names: str) -> metrics.clip.Scores:
    scores = metrics.ClipScores(SIZE, names)
    for alpha, truth, motion in zip(*(part.astype(np.float32) for part in clip), strict=True):
        scores.add(alpha, truth, motion)
    return scores.scores()


def changes(alpha: np.ndarray, truth: np.ndarray) -> np.ndarray:
    return (np.diff(alpha, axis=0) - np.diff(truth, axis=0)) ** 2


def test_rvm_lr_agrees_with_the_whole_clip(clip: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    alpha, truth, _ = clip
    roots = np.sqrt(changes(alpha, truth).mean(axis=(1, 2)))
    assert streamed(clip, "rvm_lr")["rvm_lr"] == pytest.approx(
        {
            "MAD": np.abs(alpha - truth).mean() * 1e3,
            "MSE": ((alpha - truth) ** 2).mean() * 1e3,
            "Grad": np.mean([slow_grad(a, g, True).sum() for a, g in zip(alpha, truth, strict=True)]) / 1e3,
            "Conn": np.mean([slow_conn(a, g).sum() for a, g in zip(alpha, truth, strict=True)]) / 1e3,
            "dtSSD": roots.sum() / FRAMES * 1e2,
            "dtSSD_no0": roots.mean() * 1e2,
        },
        rel=1e-4,
    )


def test_rvm_hr_has_no_conn_and_does_not_stretch(clip: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    dimmed = (clip[0] * 0.5, *clip[1:])
    high, low = (streamed(dimmed, name)[name] for name in ("rvm_hr", "rvm_lr"))
    filed = np.rint(dimmed[0] * 255) / 255
    expected = np.mean([slow_grad(a, g).sum() for a, g in zip(filed, clip[1], strict=True)]) / 1e3
    assert high["Grad"] == pytest.approx(expected, rel=1e-4)
    assert high["Grad"] != pytest.approx(low["Grad"], rel=1e-2)
    assert set(low) - set(high) == {"Conn"}


@pytest.mark.parametrize("name", ["dvm", "dvm_transition"])
def test_dvm_agrees_with_the_whole_clip(clip: tuple[np.ndarray, np.ndarray, np.ndarray], name: str) -> None:
    alpha, truth, motion = clip
    everywhere = np.ones(SHAPE, bool)
    where = np.stack(
        [metrics.transition_region(g.astype(np.float32)) if name == "dvm_transition" else everywhere for g in truth]
    )
    grads = [slow_grad(a, g)[w].sum() for a, g, w in zip(alpha, truth, where, strict=True)]
    conns = [slow_conn(a, g)[w].sum() for a, g, w in zip(alpha, truth, where, strict=True)]
    error = alpha - truth
    moved = [slow_moved(error[t - 1], error[t], motion[t])[where[t - 1]].sum() for t in range(1, FRAMES)]
    change = [np.sqrt(c[w].sum()) for c, w in zip(changes(alpha, truth), where[:-1], strict=True)]
    assert streamed(clip, name)[name] == pytest.approx(
        {
            "SAD": np.mean([np.abs(e)[w].sum() for e, w in zip(error, where, strict=True)]) / 1e3,
            "MSE": np.mean([(e[w] ** 2).mean() for e, w in zip(error, where, strict=True)]),
            "Grad": np.mean(grads) / 1e3,
            "Conn": np.mean(conns) / 1e3,
            "dtSSD": np.mean(change),
            "MESSDdt": np.mean(moved),
        },
        rel=1e-4,
    )


def test_conventions_do_not_disturb_each_other(clip: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    together = streamed(clip, *metrics.CONVENTIONS)
    for name in metrics.CONVENTIONS:
        assert together[name] == streamed(clip, name)[name]


def test_dtssd_counts_frame_0_as_0(clip: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    scores = streamed(clip, "rvm_lr")["rvm_lr"]
    assert scores["dtSSD"] == pytest.approx(scores["dtSSD_no0"] * (FRAMES - 1) / FRAMES)


def test_a_clip_of_one_frame_has_no_measures_of_pairs(clip: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    scores = streamed(tuple(part[:1] for part in clip), "rvm_lr", "dvm")
    assert scores["rvm_lr"]["dtSSD"] == 0.0
    assert "dtSSD_no0" not in scores["rvm_lr"]
    assert not {"dtSSD", "MESSDdt"} & set(scores["dvm"])


def test_foregrounds_are_scored_where_given() -> None:
    truth = np.ones(SHAPE, np.float32)
    ours, true = np.full((*SHAPE, 3), 51, np.uint8), np.zeros((*SHAPE, 3), np.uint8)
    scores = metrics.ClipScores(SIZE, ["rvm_lr", "rvm_hr", "dvm"])
    scores.add(truth, truth, None, (ours, true))
    figures = scores.scores()
    assert [figures[name]["fgMSE"] for name in ("rvm_lr", "rvm_hr")] == pytest.approx([40.0, 40.0])
    assert "fgMSE" not in figures["dvm"]


def test_mattes_are_measured_as_8_bit_files() -> None:
    truth = np.full(SHAPE, 100 / 255, np.float32)
    scores = metrics.ClipScores(SIZE, ["rvm_lr"])
    scores.add(np.full(SHAPE, 100.4 / 255, np.float32), truth)
    assert scores.scores()["rvm_lr"]["MAD"] == 0.0


def test_mean_scores_weighs_clips_alike() -> None:
    clips = [{"dvm": {"SAD": 1.0, "dtSSD": 4.0}}, {"dvm": {"SAD": 3.0}}]
    assert metrics.mean_scores(clips) == {"dvm": {"SAD": 2.0, "dtSSD": 4.0}}


@pytest.mark.parametrize(
    ("size", "expected"), [(Size(288, 512), "rvm_lr"), (Size(720, 1280), "rvm_hr"), (Size(1080, 1920), "rvm_hr")]
)
def test_the_size_chooses_the_convention(size: Size, expected: str) -> None:
    assert metrics.conventions_for(size) == (expected, "dvm", "dvm_transition")


def test_errors_name_what_came() -> None:
    with pytest.raises(FrameError, match="rvm_xl"):
        metrics.ClipScores(SIZE, ["rvm_xl"])
    scores = metrics.ClipScores(SIZE, ["dvm"])
    with pytest.raises(FrameError, match="at least one frame"):
        scores.scores()
    with pytest.raises(FrameError, match=r"shape \(24, 31\)"):
        scores.add(np.zeros((4, 4), np.float32), np.zeros(SHAPE, np.float32))
    scores.add(np.zeros(SHAPE, np.float32), np.zeros(SHAPE, np.float32))
    with pytest.raises(FrameError, match="motion_vectors"):
        scores.add(np.zeros(SHAPE, np.float32), np.zeros(SHAPE, np.float32))


def test_a_trimaps_unknown_region_takes_the_place_of_the_truths(
    clip: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> None:
    alpha, truth, _ = (part.astype(np.float32) for part in clip)
    unknown = np.zeros(SHAPE, np.bool_)
    unknown[5:9, 3:20] = True
    scores = metrics.ClipScores(SIZE, ("dvm", "dvm_transition"))
    scores.add(alpha[0], truth[0], unknown=unknown)
    found = scores.scores()
    off = np.abs(alpha[0] - truth[0])
    assert found["dvm_transition"]["SAD"] == pytest.approx(off[unknown].sum() / 1e3, rel=1e-4)
    assert found["dvm_transition"]["MSE"] == pytest.approx(np.square(off[unknown]).mean(), rel=1e-4)
    assert found["dvm"]["SAD"] == pytest.approx(off.sum() / 1e3, rel=1e-4)
    with pytest.raises(FrameError, match="expected unknown of the clip's shape"):
        scores.add(alpha[0], truth[0], clip[2][0], unknown=unknown[1:])
