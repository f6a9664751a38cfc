"""The studio's tables: every way that there are weights for is measured, all others are said not to be trained."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip("torch", reason="the torch extra is not installed")

import torch
from safetensors.torch import save_file

from rimlight.benchmarks import studio_mattes as mattes
from rimlight.benchmarks.records import Record, read_record, write_record
from rimlight.benchmarks.studio import Exam, measure
from rimlight.benchmarks.studio_rows import render
from rimlight.benchmarks.testset import find_clips
from rimlight.errors import SourceError
from rimlight.metrics import true_trimap
from rimlight.model.studio.config import StudioConfig, to_text
from rimlight.model.studio.matting import VideoMatting
from rimlight.model.studio.propagation import TrimapPropagation
from rimlight.types import FloatArray, UInt8Array

FULL = StudioConfig(context_channels=16, decoder_channels=(8, 8, 8, 8), radius=1, reach=3)
BASIC = StudioConfig(context_channels=16, decoder_channels=(8, 8, 8, 8), radius=0, align="none", fuse="none")
CARRIES = StudioConfig("propagation", context_channels=16, key_channels=8, decoder_channels=(8, 8, 8, 8))


def weights(path: Path, config: StudioConfig) -> Path:
    torch.manual_seed(0)
    network = TrimapPropagation(config) if config.job == "propagation" else VideoMatting(config)
    tensors = {name: one for name, one in network.state_dict().items() if one.is_floating_point()}
    notes = {"model": to_text(config), "init": "shipped", "steps": "7", "seconds": "180"}
    save_file(tensors, path, metadata=notes)
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("clips")
    for part in ("src", "pha"):
        (root / "a" / part).mkdir(parents=True)
    for t in range(4):
        alpha = np.zeros((64, 96), np.uint8)
        cv2.circle(alpha, (44 + 2 * t, 32), 16, 255, -1)
        alpha = np.asarray(cv2.GaussianBlur(alpha, (5, 5), 0), np.uint8)
        cv2.imwrite(str(root / "a" / "src" / f"{t}.png"), np.dstack([255 - alpha, alpha, alpha]))
        cv2.imwrite(str(root / "a" / "pha" / f"{t}.png"), alpha)
    return root


@pytest.fixture(scope="module")
def record(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Record:
    root = tmp_path_factory.mktemp("weights")
    full, basic = weights(root / "full.safetensors", FULL), weights(root / "basic.safetensors", BASIC)
    return measure(Exam(folder, (full, basic), weights(root / "carries.safetensors", CARRIES)), lambda _: None)


def test_all_that_there_are_weights_for_has_a_row(record: Record) -> None:
    rows = record.figures["means"]["96x64"]["rows"]
    assert set(rows) == {
        "live network", "full, full", "full, every 20", "full, every 40", "full, one", "full, automatic, full",
        "full, automatic, 2 frames", "full, one, by propagation alone", "basic, full",
    }  # fmt: skip
    assert all(set(one) == {"dvm", "dvm_transition"} for one in rows.values())


def test_what_was_not_trained_is_said_and_has_no_figure(record: Record) -> None:
    table = render(record)
    lines = {tuple(cell.strip() for cell in line.split("|")[1:-1]) for line in table.splitlines() if "|" in line}
    assert ("n = 2", "unknown region", *"------", "not trained") in lines
    assert ("flow", "whole frame", *"------", "not trained") in lines
    (one,) = (line for line in lines if line[:2] == ("n = 1", "unknown region"))
    assert one[-1] == "7 steps, 3 min, begun from shipped"
    assert "-" not in one


def test_tables_are_made_from_the_file_alone(record: Record, tmp_path: Path) -> None:
    assert render(read_record(write_record(record, tmp_path))) == render(record)


def test_nothing_that_begins_so_is_an_error(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="clips that begin with hd_"):
        measure(Exam(folder, (weights(tmp_path / "w.safetensors", BASIC),), clips=("hd_",)), lambda _: None)


class Copies:
    """Carries the reference's trimap as it is, and counts."""

    def __init__(self) -> None:
        self.remembered = 0

    def remember(self, image: FloatArray, trimap: FloatArray) -> FloatArray:  # noqa: ARG002
        self.remembered += 1
        return trimap

    def classes(self, image: FloatArray, reference: FloatArray) -> FloatArray:  # noqa: ARG002
        return reference


def test_trimaps_come_from_the_nearest_marked_frame(folder: Path) -> None:
    film = mattes.film_of(find_clips(folder)[0])
    drawn = [np.full((64, 96), level, np.uint8) for level in (0, 128, 255, 0)]
    copies = Copies()
    found = mattes.propagated(film, [0, 2], drawn, copies)
    assert [int(one[0, 0]) for one in found] == [0, 0, 255, 255]
    assert copies.remembered == 2
    assert mattes.marked_every(film, 2) == (0, 2)
    assert mattes.marked_every(film, 0) == (0,)


def test_trimaps_are_doubted_as_the_studio_doubts_them() -> None:
    zeros, ones = np.zeros((64, 96), np.float32), np.ones((64, 96), np.float32)
    carried: list[UInt8Array] = [np.full((64, 96), level, np.uint8) for level in (0, 0, 255)]
    found = mattes.doubted_by(carried, [0], [zeros, ones, ones])
    assert [int(one[0, 0]) for one in found] == [0, 128, 255]
    assert found[0] is carried[0]
    held = mattes.doubted_by(carried, [0], [ones, ones, zeros])  # the mark itself says that the live network is wrong
    assert [int(one[0, 0]) for one in held] == [0, 0, 255]


def test_agreement_tells_what_trimaps_are_worth(folder: Path) -> None:
    film = mattes.film_of(find_clips(folder)[0])
    exact = mattes.agreement(film, film.trimaps)
    assert exact["contradicted"] == 0
    nothing: list[UInt8Array] = [np.zeros((64, 96), np.uint8)] * 4
    assert mattes.agreement(film, nothing)["contradicted"] > 0.05


def test_the_exact_trimap_never_contradicts_the_truth(folder: Path) -> None:
    for frame in mattes.film_of(find_clips(folder)[0]).frames:
        trimap = true_trimap(frame.alpha)
        assert float(frame.alpha[trimap == 0].max()) == 0
        assert float(frame.alpha[trimap == 255].min()) == 1
        mixed = (frame.alpha > 0) & (frame.alpha < 1)
        assert set(trimap[mixed].tolist()) == {128}
