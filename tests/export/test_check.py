"""`rimlight export`: what it writes, what it compares, what it refuses."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from rimlight.errors import BackendError, FrameError
from rimlight.export.parity import TOLERANCES, Errors, Parity, clip, compare
from rimlight.export_commands import report
from rimlight.types import Size

from ..commandline import Runs, files, refused, runner

CHECK = ("export", "check")
QUICK = ("--frames", "6", "--size", "160x96")


@pytest.fixture
def rimlight(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path) -> Runs:
    return runner(monkeypatch, capfd, tmp_path)


def found(*alpha_max: float) -> Parity:
    return Parity(("a", "b"), Size(96, 160), "f32", 1, tuple(Errors(error, 0, 0) for error in alpha_max))


def test_the_clip_moves_and_is_cut_in_the_middle() -> None:
    images, cuts = clip(8, Size(96, 160))
    assert (images.shape, images.dtype) == ((8, 3, 96, 160), np.float32)
    assert [frame for frame, cut in enumerate(cuts) if cut] == [0, 4]
    moved = np.abs(np.diff(images, axis=0)).mean((1, 2, 3))
    assert (moved > 0.001).all()
    assert moved[3] == moved.max()


def test_onnx_passes_against_torch(rimlight: Runs) -> None:
    ran = rimlight(*CHECK, "onnx", "torch", *QUICK)
    assert (ran.code, ran.err) == (0, "")
    assert "PASS: worst frame" in ran.out
    assert "6 frames at 160x96" in ran.out


def test_a_damaged_file_fails(rimlight: Runs, fixed: Path, tmp_path: Path) -> None:
    model = onnx.load(str(fixed))
    tensor = next(one for one in model.graph.initializer if one.name == "network.project.bias")
    tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor) + np.float32(0.3), tensor.name))
    onnx.save(model, str(tmp_path / "damaged.onnx"))
    ran = rimlight(*CHECK, "damaged.onnx", "onnx", "--frames", 6, "--each")
    assert ran.code == 1
    assert "FAIL: worst frame" in ran.out
    assert "5 " in ran.out


def test_what_is_no_number_fails_and_is_the_worst() -> None:
    bad = found(0.0, math.nan, 1.0)
    assert (bad.worst, bad.passed) == (1, False)
    assert "FAIL: worst frame 1, inf" in report(bad)
    assert found(0.0, 1e-3).passed
    assert not found(0.0, 3e-3).passed


def test_the_table_states_the_tolerance() -> None:
    text = report(replace(found(0.0, 1e-3), precision="f16"))
    assert f"{TOLERANCES['f16'].alpha_max:.2e}" in text
    assert "1 worst" in text


def test_the_fake_is_not_the_network() -> None:
    assert not compare("fake", "onnx", 4, Size(96, 160)).passed


def test_onnx_is_written_as_asked(rimlight: Runs, tmp_path: Path) -> None:
    ran = rimlight("export", "onnx", "--size", "96x64", "--precision", "f16", "--out", "net.onnx")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith("net.onnx  12.6 MiB")
    assert files(tmp_path) == {"net.onnx"}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("onnx", "--size", "500x290"), "use 496x288"),
        (("onnx", "--size", "wide"), "WIDTHxHEIGHT"),
        (("onnx", "--batch", "0"), "--batch"),
        (("onnx", "--precision", "int4"), "int4"),
        (("onnx", "--calibrate", "talk.mp4"), "--precision int8 only, got f32"),
        (("onnx", "--out", "net.pt2"), "ends in .onnx"),
        (("program", "--out", "gone/net.pt2"), "no folder"),
        (("openvino", "--weights", "gone.safetensors"), "gone.safetensors"),
        (("check", "onnx", "warp"), "no backend or exported file 'warp'"),
        (("check", "onnx", "gone.onnx"), "no file gone.onnx"),
        (("check", "onnx", "fake", "--size", "100x96"), "use 96x96"),
        (("check", "onnx", "fake", "--frames", "2"), "--frames"),
    ],
)
def test_bad_input_is_one_line(rimlight: Runs, tmp_path: Path, arguments: tuple[str, ...], said: str) -> None:
    if arguments[0] == "openvino":
        pytest.importorskip("openvino")
    refused(rimlight("export", *arguments), said)
    assert files(tmp_path) == set()


def test_a_missing_package_is_named(rimlight: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rimlight.backends.installed", lambda name: name != "openvino")
    refused(rimlight("export", "openvino"), "pip install 'rimlight[openvino]'")


def test_frames_must_fill_the_calls_of_a_file(fixed: Path) -> None:
    with pytest.raises(FrameError, match="multiples of 2, got 7"):
        compare(str(fixed), "fake", 7)
    with pytest.raises(BackendError, match="no backend"):
        compare("fast", "fake")
