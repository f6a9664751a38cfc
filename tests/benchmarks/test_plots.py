"""A chart is drawn from the figures of a record."""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import pytest

from rimlight.benchmarks.plots import plot_quality
from rimlight.errors import MissingExtraError, SourceError

SCORES = {"rvm_lr": {"MAD": 4.0, "MSE": 1.0, "Grad": 1.5, "Conn": 0.6, "dtSSD": 2.8}}
HIGH = {"rvm_hr": {"MAD": 4.0, "MSE": 1.0, "Grad": 15.0, "dtSSD": 3.9}}
FIGURES = {"means": {"512x288": {"a": SCORES, "b": SCORES}, "1920x1080": {"a": HIGH, "b": HIGH}}}


def test_a_chart_is_a_picture_with_something_on_it(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="matplotlib (extra bench) is not installed")
    path = plot_quality(FIGURES, tmp_path / "new" / "quality.png")
    picture = cv2.imread(str(path))
    assert picture is not None
    assert picture.std() > 10


def test_figures_of_another_record_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="latency_ms"):
        plot_quality({"latency_ms": 3}, tmp_path / "x.png")


def test_a_missing_matplotlib_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(MissingExtraError, match=r"rimlight\[bench\]"):
        plot_quality(FIGURES, tmp_path / "x.png")
