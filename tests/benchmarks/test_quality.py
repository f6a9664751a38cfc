"""Matters on the same clips: the perfect one scores 0, order and size are kept, results are plain data."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from rimlight.benchmarks.quality import QualityResults, evaluate, render_table
from rimlight.errors import FrameError
from rimlight.types import FloatArray, Size, UInt8Array


class Green:
    """Reads alpha from the green channel, so that it is perfect on the clips below; counts what it is told."""

    def __init__(self, name: str = "green", error: float = 0.0) -> None:
        self.name = name
        self.error = np.float32(error)
        self.calls: list[str] = []

    def open(self, size: Size, threads: int = 2) -> None:
        self.calls.append(f"open {size} {threads}")

    def reset(self) -> None:
        self.calls.append("reset")

    def matte(self, image: UInt8Array) -> tuple[FloatArray, UInt8Array | None]:
        self.calls.append("matte")
        alpha: FloatArray = image[:, :, 1].astype(np.float32) / np.float32(255)
        return np.clip(alpha + self.error, 0, 1), image


def write_clip(folder: Path, shape: tuple[int, int], frames: int = 3) -> None:
    for part in ("src", "pha", "fgr"):
        (folder / part).mkdir(parents=True)
    for t in range(frames):
        alpha = np.zeros(shape, np.uint8)
        cv2.circle(alpha, (shape[1] // 2 + 2 * t, shape[0] // 2), shape[0] // 4, 255, -1)
        alpha = cv2.GaussianBlur(alpha, (5, 5), 0)
        image = np.dstack([255 - alpha, alpha, np.full_like(alpha, 77)])
        for part, picture in (("src", image), ("pha", alpha), ("fgr", image)):
            cv2.imwrite(str(folder / part / f"{t:03}.png"), picture)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("clips")
    write_clip(root / "large", (720, 1280), frames=2)
    write_clip(root / "small_a", (48, 64))
    write_clip(root / "small_b", (48, 64))
    return root


@pytest.fixture(scope="module")
def results(folder: Path) -> QualityResults:
    return evaluate([Green(), Green("off", 0.1)], folder, absent={"gone": "no registry"})


def test_a_perfect_matter_scores_zero_everywhere(results: QualityResults) -> None:
    for clip in results.clips:
        for measures in clip.scores["green"].values():
            assert set(measures.values()) == {0.0}


def test_a_constant_error_is_found_in_every_convention(results: QualityResults) -> None:
    scores = results.means()["64x48"]["off"]
    assert 50 < scores["rvm_lr"]["MAD"] < 102  # 0.1, except where alpha is clipped at 1
    assert scores["dvm"]["SAD"] == pytest.approx(scores["rvm_lr"]["MAD"] * 48 * 64 / 1e6)
    assert scores["rvm_lr"]["fgMSE"] == 0.0


def test_the_size_and_not_the_name_chooses_the_convention(results: QualityResults) -> None:
    kinds = {clip.clip: sorted(clip.scores["green"]) for clip in results.clips}
    assert kinds["large"] == ["dvm", "dvm_transition", "rvm_hr"]
    assert kinds["small_a"] == ["dvm", "dvm_transition", "rvm_lr"]


def test_a_matter_is_opened_once_a_size_and_reset_before_each_clip(folder: Path) -> None:
    matter, told = Green(), []
    evaluate([matter], folder, threads=3, report=told.append)
    small = ["reset", *["matte"] * 3]
    assert matter.calls == ["open 64x48 3", *small, *small, "open 1280x720 3", "reset", "matte", "matte"]
    assert told == ["small_a", "small_b", "large"]


def test_the_record_is_plain_json_with_the_absent_named(results: QualityResults) -> None:
    record = results.record()
    figures = json.loads(json.dumps(record.figures, allow_nan=False))
    assert figures["absent"] == {"gone": "no registry"}
    assert figures["clips"]["large"]["size"] == "1280x720"
    assert figures["means"]["64x48"]["off"]["rvm_lr"]["MAD"] > 0
    assert record.settings["matters"] == ["green", "off"]
    assert record.machine["cores"] >= 1


def test_the_table_has_a_row_for_each_matter_and_names_the_absent(results: QualityResults) -> None:
    table = render_table(results)
    assert "rvm_lr, 64x48, 2 clips, 6 frames" in table
    assert "rvm_hr, 1280x720, 1 clips, 2 frames" in table
    assert table.count("| off") == 6
    assert "absent: gone: no registry" in table
    widths = {len(line) for line in table.split("\n\n")[1].splitlines()}
    assert len(widths) == 1


def test_the_table_can_show_every_clip(results: QualityResults) -> None:
    assert "| off / small_b " in render_table(results, per_clip=True)


@pytest.mark.parametrize("names", [[], ["a", "a"]])
def test_matters_need_different_names(folder: Path, names: list[str]) -> None:
    with pytest.raises(FrameError, match="different names"):
        evaluate([Green(name) for name in names], folder)


def test_a_matter_that_returns_nan_is_refused(folder: Path) -> None:
    with pytest.raises(FrameError, match="nan"):
        evaluate([Green(error=float("nan"))], folder)
