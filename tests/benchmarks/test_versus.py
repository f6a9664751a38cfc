"""Ours and peers in turn on the same frames: the order, the record, and peers that are absent."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from rimlight.benchmarks import endtoend, versus
from rimlight.benchmarks.endtoend import Race, race
from rimlight.benchmarks.footage import clip_file
from rimlight.benchmarks.peers import PEERS
from rimlight.benchmarks.planes import planes_of
from rimlight.benchmarks.rivals import PeerMatter
from rimlight.benchmarks.versus import Contest, back_and_forth, compare, pairs_in_turn, render
from rimlight.errors import FrameError, SourceError
from rimlight.pixels import to_rgb
from rimlight.types import Frame, Size
from tests.benchmarks.doubles import AbsentPeer, HalfPeer, ticking

SIZE = Size(48, 64)


def test_ours_goes_before_every_peer_on_every_frame() -> None:
    called: list[str] = []
    products = {name: lambda _, name=name: called.append(name) for name in "ab"}
    image = np.zeros((2, 2, 3), np.uint8)
    mine, other = pairs_in_turn(lambda _: called.append("-"), products, [image], 2, ticking())
    assert "".join(called) == "-a-b" * (versus.WARM_UP + 2)
    assert mine == other == {"a": [0.25, 0.25], "b": [0.25, 0.25]}


def test_pictures_go_back_and_forth_without_a_jump() -> None:
    images = [np.full((1, 1, 3), value, np.uint8) for value in range(4)]
    assert [int(image[0, 0, 0]) for image in back_and_forth(images)] == [0, 1, 2, 3, 2, 1]
    assert len(back_and_forth(images[:1])) == 1


def test_a_contest_is_recorded_with_ratios_and_absent_peers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PEERS, "half", HalfPeer)
    monkeypatch.setitem(PEERS, "absent", AbsentPeer)
    told: list[str] = []
    record = compare(Contest((SIZE,), ("half", "absent"), "fake", frames=3), told.append, ticking())
    pair = record.figures["sizes"]["64x48"]["half"]
    assert pair["ratio"] == {"q1": 1, "median": 1, "q3": 1, "pairs": 3}
    assert set(pair["ours"]) == {"count", "p50_ms", "p95_ms", "p99_ms", "mean_ms", "spread"}
    assert record.figures["absent"] == {"absent": "cannot fetch it: no route"}
    assert record.figures["peers"] == {"half": "PyPI nobody 0, none"}
    assert "numpy" in record.figures["ours"]
    assert set(record.figures["peace"]) >= {"busy", "others", "spread"}
    assert "compiled blend" in record.figures["how"]
    assert told == ["64x48: half"]
    json.dumps(record.figures, allow_nan=False)
    table = render(record)
    assert "| 64x48 | half |" in table
    assert "absent: absent: cannot fetch it: no route" in table


def test_an_unknown_peer_is_refused() -> None:
    with pytest.raises(SourceError, match="nobody"):
        compare(Contest((SIZE,), ("nobody",), "fake"), lambda _: None)


def test_a_contest_needs_a_size_and_a_peer() -> None:
    with pytest.raises(FrameError, match="one peer"):
        compare(Contest((SIZE,), ()), lambda _: None)


def test_a_peer_in_the_loop_is_reset_at_a_cut() -> None:
    peer = HalfPeer()
    peer.open(SIZE)
    image = np.full((48, 64, 3), 100, np.uint8)
    matter = PeerMatter(peer)
    (matted,) = matter.matte([Frame(image, 0.0, 0.0, cut=True)])
    matter.matte([Frame(image, 0.1, 0.0)])
    assert peer.resets == 2  # once by open
    assert matted.front is image
    assert np.all(matted.alpha == 0.5)


def test_planes_of_a_peers_picture_are_its_picture() -> None:
    ramp = np.linspace(20, 230, 64, dtype=np.uint8)
    picture = np.dstack([np.tile(ramp, (48, 1)), np.full((48, 64), 90, np.uint8), np.tile(ramp[::-1], (48, 1))])
    back = to_rgb(planes_of(np.ascontiguousarray(picture)))
    assert np.abs(back.astype(int) - picture)[2:-2, 2:-2].max() <= 8


@pytest.fixture
def rvm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PEERS, "rvm", HalfPeer)
    monkeypatch.setattr(endtoend, "RobustVideoMatting", HalfPeer)


@pytest.mark.usefixtures("rvm")
def test_a_race_runs_both_through_the_same_loop() -> None:
    record = race(Race(SIZE, ratios=(0.25, 0.5), backend="fake", blocks=2, frames=4, jobs=1), lambda _: None)
    streams, ratios = record.figures["streams"], record.figures["ratios"]
    assert list(streams) == ["rimlight", "rvm 0.25", "rvm 0.5"]
    assert [stream["blocks"] for stream in streams.values()] == [4, 2, 2]
    assert all(stream["frames"] == 4 and stream["fps"] > 0 for stream in streams.values())
    assert set(streams["rvm 0.5"]["stages_ms"]) == {"read", "matte", "paint", "write"}
    assert {name: ratio["pairs"] for name, ratio in ratios.items()} == {"rvm 0.25": 2, "rvm 0.5": 2}
    assert record.settings["source"].startswith("portrait-")
    assert "| rvm 0.25 |" in endtoend.render(record)


def test_a_race_without_its_rival_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PEERS, "rvm", AbsentPeer)
    record = race(Race(SIZE, backend="fake", blocks=2, frames=3), lambda _: None)
    assert list(record.figures["streams"]) == ["rimlight"]
    assert record.figures["absent"] == {"rvm": "cannot fetch it: no route"}
    assert "no route" in endtoend.render(record)


@pytest.mark.slow
@pytest.mark.usefixtures("rvm")
def test_a_race_may_split_our_file_among_processes(tmp_path: Path) -> None:
    path = clip_file(SIZE, 40, tmp_path)
    record = race(Race(SIZE, source=path, ratios=(0.25,), backend="fake", blocks=1, frames=4), lambda _: None)
    assert record.figures["streams"]["rimlight, 2 jobs"]["frames"] == 40
    assert record.figures["split_ratios"]["rvm 0.25"]["median"] > 0
