"""The log and its picture."""

from __future__ import annotations

import math
import sys
from pathlib import Path

import cv2
import pytest

from rimlight.errors import MissingExtraError, TrainingError
from rimlight.training import log, plot
from rimlight.training.log import Log


def row(step: int, stage: str = "images") -> dict[str, float | str]:
    return {
        "step": float(step),
        "stage": stage,
        "total": 1 / step,
        "alpha": 0.1 / step,
        "lr_rest": 1e-3,
        "seconds": 2.5,
    }


def written(path: Path, count: int = 4) -> Path:
    with Log(path) as rows:
        for step in range(1, count + 1):
            rows.add(row(step, "images" if step < 3 else "video"))
    return path


def test_rows_come_back_with_gaps_where_a_stage_has_no_such_loss(tmp_path: Path) -> None:
    columns = log.read(written(tmp_path / "log.csv"))
    assert columns["step"] == [1, 2, 3, 4]
    assert columns["stage"] == ["images", "images", "video", "video"]
    assert columns["total"] == pytest.approx([1, 1 / 2, 1 / 3, 1 / 4])
    assert columns["motion"] == [None] * 4
    assert all(map(math.isnan, log.numbers(columns, "motion")))


def test_a_row_is_on_disk_as_soon_as_it_is_added(tmp_path: Path) -> None:
    with Log(tmp_path / "log.csv") as rows:
        rows.add(row(1))
        assert log.read(tmp_path / "log.csv")["step"] == [1]
        assert rows.bytes == (tmp_path / "log.csv").stat().st_size


def test_numbers_keep_every_digit_of_a_float32(tmp_path: Path) -> None:
    value = 0.1234567910432815551758  # a float32
    with Log(tmp_path / "log.csv") as rows:
        rows.add(row(1) | {"total": value})
    (found,) = log.numbers(log.read(tmp_path / "log.csv"), "total")
    assert found == pytest.approx(value, rel=1e-8)


def test_what_a_checkpoint_did_not_see_is_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    with Log(path) as rows:
        rows.add(row(1))
        seen = rows.bytes
        rows.add(row(2))
    with Log(path, seen) as rows:
        rows.add(row(2, "video"))
    assert log.read(path)["stage"] == ["images", "video"]


def test_a_log_that_is_shorter_than_its_checkpoint_says_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "log.csv")
    with pytest.raises(TrainingError, match="where its checkpoint saw"):
        Log(path, 10_000)


def test_a_checkpoint_that_travelled_alone_begins_a_log(tmp_path: Path) -> None:
    with Log(tmp_path / "log.csv", 10_000) as rows:
        rows.add(row(7))
    assert log.read(tmp_path / "log.csv")["step"] == [7]


def test_a_log_that_cannot_be_written_or_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no log")
    with pytest.raises(TrainingError, match=r"cannot write .*log\.csv"):
        Log(tmp_path / "file" / "log.csv")
    with pytest.raises(TrainingError, match="expected rows of step"):
        log.read(tmp_path / "file")
    with pytest.raises(TrainingError, match="cannot read the log"):
        log.read(tmp_path / "none.csv")


def test_the_picture_of_a_log_is_drawn(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="the train extra is not installed")
    path = plot.draw(written(tmp_path / "log.csv", 120), tmp_path / "losses.png")
    picture = cv2.imread(str(path))
    assert picture is not None
    assert picture.std() > 5
    assert {one.name for one in tmp_path.iterdir()} == {"log.csv", "losses.png"}


def test_without_matplotlib_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(MissingExtraError, match=r"matplotlib.*rimlight\[train\]"):
        plot.draw(written(tmp_path / "log.csv"), tmp_path / "losses.png")


def test_moving_means_leave_out_what_is_not_there() -> None:
    values = [math.nan] * 10 + [float(value) for value in range(190)]
    found = plot.smoothed(values)
    assert math.isnan(found[9])
    assert found[10] == 0
    assert found[-1] == pytest.approx((186 + 187 + 188 + 189) / 4)
