from __future__ import annotations

import builtins
import os
import sys
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rimlight.errors import MissingExtraError, SinkError
from rimlight.pixels import empty_i420, to_i420, to_rgb
from rimlight.realtime import loopback
from rimlight.realtime.sinks import open_sink, virtualcam
from rimlight.realtime.sinks.base import StreamInfo
from rimlight.realtime.sinks.virtualcam import VirtualCamSink, even
from rimlight.types import I420, Frame, Size
from tests.realtime.sources.media import numbered

from .cameras import I420_CODE, RAW_CODE, Kernel, Refusing, registered
from .outputs import INFO, SIZE, write_all

HELD = f"YU12:{SIZE}@30"


@pytest.fixture
def kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Kernel]:
    """A Linux with pyvirtualcam's loopback backend replaced by a double."""
    with registered("v4l2loopback") as opened:
        yield Kernel(tmp_path, monkeypatch, opened)


def test_the_loopback_gets_planes_that_show_the_colours_to_readers_that_know_only_bt601(kernel: Kernel) -> None:
    kernel.add(10, HELD)
    colours = [(30, 144, 255), (255, 0, 0), (0, 177, 64), (16, 16, 16), (240, 240, 240)]
    with open_sink("virtualcam", INFO) as sink:
        assert sink.wants == "i420"
        for colour in colours:
            sink.write(Frame(to_i420(np.full((SIZE.height, SIZE.width, 3), colour, np.uint8)), 0.0, 0.0))
    assert kernel.opened[0].fourcc == I420_CODE
    for colour, sent in zip(colours, kernel.opened[0].sent, strict=True):
        shown = to_rgb(planes_of(sent))
        assert np.abs(shown.astype(int) - colour).max() <= 4, colour


def test_pictures_survive_the_change_of_colour_space(kernel: Kernel) -> None:
    kernel.add(10, HELD)
    with open_sink("virtualcam", INFO) as sink:
        write_all(sink, 1)
    errors = np.abs(to_rgb(planes_of(kernel.opened[0].sent[0])).astype(int) - to_rgb(to_i420(numbered(1)[0])))
    assert errors.max() <= 4
    assert errors.mean() < 1


def test_other_backends_get_rgb(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(virtualcam, "PLATFORM", "win32")
    with registered("obs") as opened, open_sink("virtualcam", INFO) as sink:
        assert sink.wants == "rgb"
        write_all(sink, 2)
    assert (opened[0].fourcc, opened[0].fps, opened[0].shape) == (RAW_CODE, 30.0, (SIZE.height, SIZE.width))
    assert np.array_equal(opened[0].sent[1].reshape(numbered(2)[1].shape), numbered(2)[1])


def test_one_camera_stays_open_and_is_closed_once(kernel: Kernel) -> None:
    kernel.add(10, HELD)
    with VirtualCamSink(INFO) as sink:
        write_all(sink, 5)
        with pytest.raises(SinkError, match="64x32; scale the frames"):
            write_all(sink, 1, Size(32, 64))
        write_all(sink, 1)
    sink.close()
    assert len(kernel.opened) == 1
    assert (len(kernel.opened[0].sent), kernel.opened[0].closed) == (6, 1)


def test_the_spec_names_a_device_or_a_backend(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(virtualcam, "PLATFORM", "win32")
    with registered("unitycapture") as opened:
        open_sink("virtualcam:Second Camera", INFO).close()
        open_sink("virtualcam:unitycapture", INFO).close()
    assert [camera.name for camera in opened] == ["Second Camera", "the only one"]


def test_the_first_loopback_device_that_is_free_is_taken(kernel: Kernel) -> None:
    kernel.add(0, is_loopback=False)
    taken, free = kernel.add(9, HELD), kernel.add(10, HELD)
    kernel.holder(4242, taken, os.O_WRONLY, "obs")
    with VirtualCamSink(INFO) as sink:
        assert sink.device == free
    assert len(kernel.opened) == 1


def test_a_device_that_another_program_feeds_is_named_with_it(kernel: Kernel) -> None:
    taken = kernel.add(9)
    kernel.holder(4242, taken, os.O_WRONLY, "obs")
    kernel.holder(4243, taken, os.O_RDWR, "zoom")
    with pytest.raises(SinkError, match=r"taken by obs \(4242\); close it"):
        VirtualCamSink(INFO, taken)
    assert kernel.opened == []


def test_readers_do_not_keep_it_from_opening(kernel: Kernel) -> None:
    kernel.holder(4243, kernel.add(9, HELD), os.O_RDWR, "zoom")
    VirtualCamSink(INFO).close()
    assert len(kernel.opened) == 1


def test_without_a_device_linux_is_told_what_to_load(kernel: Kernel) -> None:
    kernel.add(0, is_loopback=False)
    with pytest.raises(SinkError, match="modprobe v4l2loopback exclusive_caps=1 card_label=rimlight"):
        VirtualCamSink(INFO)


def test_a_device_that_is_none_names_those_there_are(kernel: Kernel) -> None:
    real, there = kernel.add(0, is_loopback=False), kernel.add(10)
    with pytest.raises(SinkError, match=f"is no loopback device; there is {there}"):
        VirtualCamSink(INFO, real)
    with pytest.raises(SinkError, match="does not exist"):
        VirtualCamSink(INFO, "/dev/video99")


def test_a_device_that_may_not_be_written_names_the_group(kernel: Kernel, monkeypatch: pytest.MonkeyPatch) -> None:
    kernel.add(10)
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(SinkError, match="usermod -aG video"):
        VirtualCamSink(INFO)


@pytest.mark.parametrize(
    ("platform", "advice"), [("win32", "OBS Studio, start it once"), ("darwin", "30 or newer"), ("aix", "known for")]
)
def test_elsewhere_the_advice_is_the_systems(monkeypatch: pytest.MonkeyPatch, platform: str, advice: str) -> None:
    monkeypatch.setattr(virtualcam, "PLATFORM", platform)
    with registered("obs", Refusing), pytest.raises(SinkError, match=rf"could not be started.*{advice}"):
        VirtualCamSink(INFO)


def test_an_unknown_backend_names_the_known() -> None:
    with registered("obs"), pytest.raises(SinkError, match=r"expected obs, .*got akvcam"):
        VirtualCamSink(INFO, backend="akvcam")


@pytest.mark.parametrize(("size", "wanted"), [(Size(361, 641), "640x360"), (Size(360, 641), "640x360")])
def test_odd_sides_are_refused_with_the_nearest_even_size(size: Size, wanted: str) -> None:
    with registered("v4l2loopback"), pytest.raises(SinkError, match=f"got {size}; use {wanted}"):
        VirtualCamSink(StreamInfo(size, Fraction(30)))
    assert str(even(size)) == wanted


def test_alpha_is_refused() -> None:
    with pytest.raises(SinkError, match="no alpha"):
        open_sink("virtualcam", INFO, alpha=True)


def test_a_missing_library_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *rest: Any) -> Any:
        if name == "pyvirtualcam":
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.delitem(sys.modules, "pyvirtualcam", raising=False)
    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingExtraError, match=r"rimlight\[virtualcam\]"):
        open_sink("virtualcam", INFO)


def test_a_lost_device_is_an_error_at_the_next_frame(kernel: Kernel) -> None:
    device = Path(kernel.add(10, HELD))
    with VirtualCamSink(INFO) as sink:
        write_all(sink, 1)
        device.unlink()
        with pytest.raises(SinkError, match=r"video10 is gone; .* start again"):
            write_all(sink, 1)


def test_a_device_that_came_back_as_another_is_an_error(kernel: Kernel, monkeypatch: pytest.MonkeyPatch) -> None:
    kernel.add(10, HELD)
    with VirtualCamSink(INFO) as sink:
        monkeypatch.setattr(sink, "_number", 1)
        with pytest.raises(SinkError, match="another device"):
            write_all(sink, 1)


def test_a_device_that_a_reader_holds_at_another_size_is_an_error(kernel: Kernel) -> None:
    kernel.add(10, "YU12:640x480@30")
    with VirtualCamSink(INFO) as sink, pytest.raises(SinkError, match=r"held at YU12:640x480@30 .* takes no 112x64"):
        write_all(sink, 1)


def test_a_device_that_takes_no_frames_is_an_error(kernel: Kernel) -> None:
    kernel.add(10, "")
    with VirtualCamSink(INFO) as sink, pytest.raises(SinkError, match="takes no frames"):
        write_all(sink, 1)


def test_a_module_that_does_not_tell_its_format_is_trusted(kernel: Kernel) -> None:
    kernel.add(10)
    (kernel.sys / "video10" / "format").unlink()
    with VirtualCamSink(INFO) as sink:
        write_all(sink, 1)


@pytest.mark.parametrize(("version", "touched"), [("", True), ("0.12.5", True), ("0.13.2", False), ("0.15.0", False)])
def test_only_the_module_with_the_fault_is_worked_around(
    kernel: Kernel, monkeypatch: pytest.MonkeyPatch, version: str, touched: bool
) -> None:
    device = kernel.add(10, HELD)
    (loopback.MODULE / "version").write_text(version)
    opened: list[str] = []
    real = os.open
    monkeypatch.setattr(os, "open", lambda path, *rest: (opened.append(path), real(path, *rest))[1])
    loopback.rearm(device)
    assert opened == [device] * touched


def planes_of(flat: np.ndarray) -> I420:
    """What a reader makes of the planes it gets: BT.601, limited range."""
    told = empty_i420(SIZE)
    luma, chroma = told.y.size, told.u.size
    planes = flat[:luma], flat[luma : luma + chroma], flat[luma + chroma :]
    shaped = (plane.reshape(like.shape) for plane, like in zip(planes, (told.y, told.u, told.v), strict=True))
    return I420(*shaped, bt709=False)
