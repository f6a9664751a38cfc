"""The real peers, fetched from the registries: they find the person and never disappear silently."""

from __future__ import annotations

import sys
from functools import cache
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from rimlight.benchmarks import peers
from rimlight.benchmarks.peers import PEERS, USUAL_PEERS, Peer, gather_peers
from rimlight.benchmarks.peers.modnet import network_size
from rimlight.benchmarks.peers.rvm import downsample_ratio
from rimlight.benchmarks.testset import TrueFrame, find_clips
from rimlight.errors import BackendError, FrameError, SourceError, WeightsError
from rimlight.metrics import mad
from rimlight.types import Size
from tests.conftest import need

LIMITS = {"rvm": 0.02, "modnet": 0.02, "mediapipe-landscape": 0.05, "mediapipe-general": 0.05, "is-net": 0.05}
SIZE = Size(288, 512)


@pytest.fixture(scope="module")
def frames(shared: Path) -> list[TrueFrame]:
    clips = {clip.name: clip for clip in find_clips(shared / "data" / "test")}
    return list(islice(clips["lr_face1"].frames(), 3))


@cache
def gathered(name: str) -> tuple[list[Peer], dict[str, str]]:
    """Once a run: without a registry every attempt takes seconds."""
    return gather_peers([name])


def opened(name: str) -> Peer:
    present, absent = gathered(name)
    need("peers", bool(present), absent.get(name, ""))
    present[0].open(SIZE)
    return present[0]


@pytest.mark.parametrize("name", [*USUAL_PEERS, pytest.param("is-net", marks=pytest.mark.slow)])
def test_a_peer_finds_the_person(name: str, frames: list[TrueFrame]) -> None:
    peer = opened(name)
    for frame in frames:
        alpha, foreground = peer.matte(frame.image)
        assert alpha.dtype == np.float32
        assert mad(alpha, frame.alpha) < LIMITS[name]  # also checks range and shape
        assert foreground is None or (foreground.shape == frame.image.shape and foreground.dtype == np.uint8)


@pytest.mark.parametrize("name", USUAL_PEERS)
def test_reset_forgets_the_frames_before(name: str, frames: list[TrueFrame]) -> None:
    peer = opened(name)
    first = peer.matte(frames[0].image)[0].copy()
    peer.matte(frames[1].image)
    peer.reset()
    assert np.abs(peer.matte(frames[0].image)[0] - first).max() < 1e-5


def test_rvm_remembers_the_frame_before(frames: list[TrueFrame]) -> None:
    peer = opened("rvm")
    first = peer.matte(frames[0].image)[0].copy()
    assert np.abs(peer.matte(frames[0].image)[0] - first).max() > 1e-3


def test_rvm_predicts_a_foreground_that_keeps_the_person(frames: list[TrueFrame]) -> None:
    _, foreground = opened("rvm").matte(frames[0].image)
    inside = frames[0].alpha == 1
    assert foreground is not None
    assert np.abs(foreground[inside].astype(int) - frames[0].image[inside]).mean() < 3


def test_a_frame_of_another_size_is_refused() -> None:
    peer = opened("mediapipe-landscape")
    with pytest.raises(FrameError, match=r"512x288.*got 20x10"):
        peer.matte(np.zeros((10, 20, 3), np.uint8))


def test_a_peer_must_be_opened_first() -> None:
    with pytest.raises(BackendError, match="open"):
        PEERS["rvm"]().matte(np.zeros((10, 20, 3), np.uint8))


def test_an_unknown_peer_is_refused() -> None:
    with pytest.raises(SourceError, match=r"modnet.*'nobody'"):
        gather_peers(["nobody"])


def test_an_absent_peer_is_reported_with_its_reason(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def refuse(*_: object) -> Path:
        raise SourceError("cannot fetch it: no route")

    monkeypatch.setattr(peers.base, "fetch", refuse)
    monkeypatch.setitem(sys.modules, "ai_edge_litert.interpreter", None)
    present, absent = gather_peers(["rvm", "mediapipe-general"], tmp_path)
    assert present == []
    assert absent["rvm"] == "cannot fetch it: no route"
    assert "rimlight[bench]" in absent["mediapipe-general"]


def test_a_changed_model_is_a_fault_and_no_absence(monkeypatch: pytest.MonkeyPatch) -> None:
    def changed(*_: object) -> Path:
        raise WeightsError("expected SHA-256 …")

    monkeypatch.setattr(peers.base, "fetch", changed)
    with pytest.raises(WeightsError):
        gather_peers(["rvm"])


@pytest.mark.parametrize(
    ("size", "ratio"),
    [
        (Size(288, 512), 1.0),
        (Size(240, 320), 1.0),
        (Size(720, 1280), 0.4),
        (Size(1080, 1920), 0.25),
        (Size(1920, 1080), 0.25),
    ],
)
def test_rvm_runs_at_the_ratio_its_authors_recommend(size: Size, ratio: float) -> None:
    assert downsample_ratio(size) == pytest.approx(ratio)


@pytest.mark.parametrize(
    ("size", "inner"),
    [
        (Size(288, 512), Size(288, 512)),
        (Size(480, 640), Size(480, 640)),
        (Size(1080, 1920), Size(512, 896)),
        (Size(180, 320), Size(512, 896)),
        (Size(1280, 720), Size(896, 512)),
    ],
)
def test_modnet_runs_at_the_size_its_authors_chose(size: Size, inner: Size) -> None:
    assert network_size(size) == inner


def test_every_peer_names_licence_and_source() -> None:
    for name, kind in PEERS.items():
        assert kind.name == name
        assert kind.licence
        assert kind().source.split()[0] in ("PyPI", "npm")
        assert len(kind.model.sha256) == 64
