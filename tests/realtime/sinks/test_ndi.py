from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from rimlight.errors import MissingExtraError, SinkError
from rimlight.realtime.sinks import open_sink
from rimlight.realtime.sinks.base import StreamInfo
from rimlight.realtime.sinks.ndi import NdiSink, from_spec
from rimlight.realtime.sinks.options import Options
from rimlight.types import Frame, Size
from tests.conftest import need

from .outputs import INFO, with_alpha

NAME = "rimlight test"
RECEIVER = Path(__file__).with_name("ndi_receiver.py")


@pytest.fixture(scope="module", autouse=True)
def _local(tmp_path_factory: pytest.TempPathFactory) -> None:
    """cyndilib, and streams that are looked for on this machine only."""
    try:
        import cyndilib.sender  # noqa: F401
    except (ImportError, OSError) as error:
        need("ndi", False, f"cyndilib cannot be used: {error}")
    folder = tmp_path_factory.mktemp("ndi")
    (folder / "ndi-config.v1.json").write_text(json.dumps({"ndi": {"networks": {"ips": "127.0.0.1"}}}))
    os.environ["NDI_CONFIG_DIR"] = str(folder)  # read once, when the library is first used


def received(sink: NdiSink, frame: Frame, path: Path) -> dict[str, np.ndarray]:
    """Send one frame again and again, from a buffer that is spoilt after each, until the receiver has had one."""
    receiver = subprocess.Popen(
        [sys.executable, str(RECEIVER), sink.name, str(path)], stderr=subprocess.PIPE, text=True
    )  # fmt: skip
    buffer = np.empty_like(frame.image if sink.wants == "rgb" else frame.pixels)
    try:
        for _ in range(2000):
            buffer[:] = frame.pixels
            sink.write(Frame(buffer, 0.0, 0.0))
            buffer[:] = 77
            try:
                _, said = receiver.communicate(timeout=0.03)
            except subprocess.TimeoutExpired:
                continue
            assert receiver.returncode == 0, said
            return dict(np.load(path))
    finally:
        receiver.kill()
        receiver.communicate()
    pytest.fail("the receiver did not end")


def test_alpha_arrives_straight_and_within_a_level(tmp_path: Path) -> None:
    image = np.full((INFO.size.height, INFO.size.width, 3), (200, 120, 60), np.uint8)
    sent = with_alpha(image)
    sent[:, :16, 3], sent[:, -16:, 3] = 0, 255
    with NdiSink(INFO, NAME, alpha=True) as sink:
        assert sink.carries_alpha
        found = received(sink, Frame(sent, 0.0, 0.0), tmp_path / "got.npz")
    pixels = found["pixels"]
    assert pixels.shape == sent.shape
    assert str(found["fourcc"]) == "RGBA"
    assert str(found["rate"]) == "30"
    difference = np.abs(pixels.astype(int) - sent)
    assert difference[:, :, 3].max() <= 1
    assert set(np.unique(pixels[:, :8, 3])) == {0}
    assert set(np.unique(pixels[:, -8:, 3])) == {255}
    assert difference[:, :, :3].max() <= 8  # also where alpha is 0: not multiplied by it


def test_without_alpha_colours_arrive(tmp_path: Path) -> None:
    image = np.full((INFO.size.height, INFO.size.width, 3), (200, 120, 60), np.uint8)
    image[:, : INFO.size.width // 2] = (90, 140, 170)
    with NdiSink(INFO, f"{NAME} plain") as sink:
        found = received(sink, Frame(image, 0.0, 0.0), tmp_path / "got.npz")
    assert str(found["fourcc"]) == "RGBX"
    assert np.abs(found["pixels"][:, :, :3].astype(int) - image)[:, 8:48].max() <= 8


def test_nobody_needs_to_listen_and_it_closes_twice() -> None:
    sink = NdiSink(INFO, f"{NAME} alone")
    for _ in range(3):
        sink.write(Frame(np.zeros((INFO.size.height, INFO.size.width, 3), np.uint8), 0.0, 0.0))
    assert sink.receivers == 0
    sink.close()
    sink.close()


def test_the_name_is_the_specs() -> None:
    for spec, name in (("ndi", "rimlight"), ("ndi:Studio 1", "Studio 1")):
        with open_sink(spec, INFO) as sink:
            assert isinstance(sink, NdiSink)
            assert sink.name == name
            assert sink.wants == "rgb"


@pytest.mark.parametrize("size", [Size(63, 112), Size(64, 113)])
def test_odd_sizes_are_refused(size: Size) -> None:
    with pytest.raises(SinkError, match=f"got {size}; scale"):
        NdiSink(StreamInfo(size, INFO.rate))


def test_a_matte_side_by_side_is_refused() -> None:
    with pytest.raises(SinkError, match="alpha channel"):
        from_spec("", INFO, Options(alpha="side-by-side"))


def test_without_cyndilib_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cyndilib.sender", None)
    with pytest.raises(MissingExtraError, match=r"rimlight\[ndi\]"):
        NdiSink(INFO)


def test_a_library_that_does_not_load_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken:
        def find_spec(self, name: str, *_: object) -> None:
            if name == "cyndilib.sender":
                raise ImportError("libndi.so: cannot open shared object file")

    monkeypatch.delitem(sys.modules, "cyndilib.sender", raising=False)
    monkeypatch.setattr(sys, "meta_path", [Broken(), *sys.meta_path])
    with pytest.raises(SinkError, match="does not load: libndi"):
        NdiSink(INFO)
