"""Odd names, sizes and rates, and a damaged installation: an error of the project, and nothing left behind."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import pytest

from rimlight import assets, backends
from rimlight.errors import BackendError, RimlightError, SinkError, SourceError, WeightsError
from rimlight.realtime.sinks import StreamInfo, open_sink
from rimlight.realtime.sources import open_source
from rimlight.types import Size

INFO = StreamInfo(Size(64, 112), Fraction(30))


def test_a_source_name_that_is_too_long_is_a_source_error() -> None:
    with pytest.raises(SourceError):  # decoding._check: Path.exists raises OSError
        open_source("x" * 300 + ".mp4")


@pytest.mark.parametrize("name", ["x" * 300 + ".mp4", "x" * 300 + ".png"])
def test_a_sink_name_that_is_too_long_is_a_sink_error(name: str) -> None:
    with pytest.raises(SinkError):  # sinks._kind: Path.is_dir raises OSError
        open_sink(name, INFO)


def test_a_frame_too_large_for_the_encoder_is_a_sink_error(tmp_path: Path) -> None:
    with pytest.raises(SinkError):  # av.ArgumentError from VideoFrame in the packer
        open_sink(str(tmp_path / "a.mp4"), StreamInfo(Size(16384, 16384), Fraction(30)))


def test_a_rate_beyond_any_clock_is_an_error_of_the_project(tmp_path: Path) -> None:
    with pytest.raises(RimlightError), open_source("pattern:64x64@999999999999/7:3") as source:
        open_sink(str(tmp_path / "a.mp4"), StreamInfo(source.size, source.rate))  # OverflowError


def test_a_folder_made_for_pictures_that_never_came_is_removed(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="x"), open_sink(str(tmp_path / "frames" / "%05d.png"), INFO):
        raise ValueError("x")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", [None, "{", json.dumps([1])])
def test_a_damaged_manifest_is_a_weights_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str | None
) -> None:
    monkeypatch.setattr(assets, "MANIFEST", tmp_path / "manifest.json")
    if content is not None:
        (tmp_path / "manifest.json").write_text(content)
    with pytest.raises(WeightsError):
        assets.asset("astronaut.jpg")


def test_auto_without_any_runtime_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backends, "installed", lambda _: False)
    with pytest.raises((BackendError, RimlightError)):  # StopIteration, RuntimeError in a generator
        backends.open_backend("auto", Size(64, 64))
