"""Frames through the torch path as the host shows them, and what crosses to and from its device."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from importlib.util import find_spec
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from rimlight.compose import EdgeOptions
from rimlight.errors import BackendError
from rimlight.realtime.backdrops import open_backdrop
from rimlight.realtime.ondevice import MattedOnDevice
from rimlight.realtime.session import Matter, Painter, Settings, empty_pixels
from rimlight.realtime.sources import open_source
from rimlight.signature import internal_size
from rimlight.types import I420, Frame, Pixels, Size

from ..conftest import need
from ..test_pixels import picture

if find_spec("torch") is None:
    pytest.skip("the torch extra is not installed", allow_module_level=True)

import torch

from rimlight.backends import torch_path
from rimlight.backends.torch_path import TorchPath

FULL, SMALL = Size(50, 66), Size(32, 48)
PLAIN = EdgeOptions()
LONG_SIDE = 192


@pytest.fixture
def path() -> Iterator[TorchPath]:
    with closing(TorchPath(FULL, SMALL, device="cpu")) as opened:
        yield opened


def shown(path: TorchPath, number: int, behind: np.ndarray | None = None) -> np.ndarray:
    out = np.full((FULL.height, FULL.width, 3), 9, np.uint8)
    path.paint(number, behind, PLAIN, out)
    return out


def filmed(shared: Path, count: int) -> list[Frame]:
    """Frames of a real clip, every fifth, so that it moves; the last ones from another place, after a cut."""
    with open_source(str(shared / "clips" / "talking.mp4")) as source:
        frames = list(islice(source, 0, 5 * count, 5))
    half = count // 2
    turned = [Frame(np.ascontiguousarray(one.image[:, ::-1]), one.pts_s, 0.0, t == 0) for t, one in enumerate(frames)]
    return [*frames[:half], *turned[half - 1 : half - 1 + count - half]]


def levels(one: Pixels, other: Pixels) -> np.ndarray:
    pairs = [(one, other)]
    if isinstance(one, I420):
        assert isinstance(other, I420)
        pairs = [(one.y, other.y), (one.u, other.u), (one.v, other.v)]
    return np.concatenate([np.abs(np.subtract(a, b, dtype=np.int16)).reshape(-1) for a, b in pairs])


@pytest.mark.parametrize(("precision", "most", "mean"), [("f32", 1, 0.005), ("f16", 2, 0.01)])
def test_people_are_shown_as_by_the_host(shared: Path, precision: str, most: int, mean: float) -> None:
    frames = filmed(shared, 6)
    full = frames[0].size
    settings = Settings("torch", "blur:0.4", EdgeOptions(2, 0.2), long_side=LONG_SIDE)
    backdrop = open_backdrop(settings.backdrop)
    painter = Painter(settings, backdrop, "i420")
    found = []
    with (
        closing(Matter(settings)) as matter,
        closing(TorchPath(full, internal_size(full, LONG_SIDE), device="cpu", precision=precision)) as path,
    ):
        for frame in frames:
            out = empty_pixels(full, "i420")
            MattedOnDevice(frame, path, path.matte(frame.pixels, frame.cut)).paint(backdrop, settings.edges, out)
            found.append(levels(out, painter.paint(matter.matte([frame])[0]).pixels))
    assert max(one.max() for one in found) <= most
    assert np.mean([one.mean() for one in found]) < mean


def test_one_room_goes_up_for_a_frame_and_a_backdrop_once(path: TorchPath, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[int] = []
    send = torch_path._Room.send

    def counted(room: torch_path._Room, queue: torch_path.Queue) -> None:
        sent.append(len(room.host))
        send(room, queue)

    monkeypatch.setattr(torch_path._Room, "send", counted)
    behind = picture(FULL.height, FULL.width, 4)
    for turn in range(6):
        frame = picture(FULL.height, FULL.width, turn)
        sent.clear()
        number = path.matte(frame)
        assert sent == [frame.size + 64]
        shown(path, number, behind)
        assert sent[1:] == ([behind.size] if turn == 0 else [])


def test_memory_and_maps_stay_where_they_are(path: TorchPath) -> None:
    def addresses() -> list[int]:
        maps = [one for maps in path._maps for one in (maps.images, maps.own, maps.scale, maps.offset)]
        memory = [one for state in path._memory for one in (state.keys, state.values)]
        return [one.data_ptr() for one in (*maps, *memory, path._status)]

    before = addresses()
    for turn in range(6):
        shown(path, path.matte(picture(FULL.height, FULL.width, turn)))
    assert addresses() == before


def test_a_frame_of_which_a_number_is_none_is_not_shown(path: TorchPath) -> None:
    bias = path._network.refiner.conv[-1].bias
    assert isinstance(bias, torch.Tensor)
    whole = path.matte(picture(FULL.height, FULL.width))
    with torch.inference_mode():
        bias[2] = torch.nan
    broken = path.matte(picture(FULL.height, FULL.width, 2))
    out = np.full((FULL.height, FULL.width, 3), 9, np.uint8)
    with pytest.raises(BackendError, match=f"returned {2 * SMALL.height * SMALL.width} numbers that are none"):
        path.paint(broken, None, PLAIN, out)
    assert (out == 9).all()
    assert not (shown(path, whole) == 9).all()


def test_a_network_that_did_not_run_is_noticed(path: TorchPath, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch_path, "step", lambda *_: None)
    number = path.matte(picture(FULL.height, FULL.width))
    with pytest.raises(BackendError, match="numbers that are none"):
        shown(path, number)


def test_work_that_was_not_done_is_noticed_by_the_frames_number(path: TorchPath) -> None:
    for turn in range(path.RING):
        path.matte(picture(FULL.height, FULL.width, turn))
    path._turns["rgb"]._recorded = [lambda: None] * path.RING
    number = path.matte(picture(FULL.height, FULL.width, 8))
    with pytest.raises(BackendError, match=f"painted frame 1 instead of {number}"):
        shown(path, number)


def test_frames_with_an_alpha_of_their_own_are_taken_without_it(path: TorchPath) -> None:
    image = picture(FULL.height, FULL.width)
    first = shown(path, path.matte(image, True))
    with_alpha = np.dstack([image, np.full_like(image[:, :, :1], 77)])
    assert np.array_equal(shown(path, path.matte(with_alpha, True)), first)


def test_planes_and_rgb_may_take_turns_in_one_stream(path: TorchPath) -> None:
    from rimlight.pixels import to_i420, to_rgb

    with closing(TorchPath(FULL, SMALL, device="cpu")) as other:
        for turn in range(6):
            planes = to_i420(picture(FULL.height, FULL.width, turn) // 3 + 80)
            pixels = planes if turn % 3 else to_rgb(planes)
            one, two = path.look(path.matte(pixels)), other.look(other.matte(to_rgb(planes)))
            assert np.abs(one[1].offset - two[1].offset).mean() < 5e-3


@pytest.mark.parametrize(
    ("kind", "triton", "compiler", "module"),
    [
        ("cuda", True, "/usr/bin/cc", "triton_pass"), ("cuda", True, None, "torch_pass"),
        ("cuda", False, "/usr/bin/cc", "torch_pass"), ("cpu", True, "/usr/bin/cc", "torch_pass"),
    ],
)  # fmt: skip
def test_triton_paints_where_it_can_compile(
    monkeypatch: pytest.MonkeyPatch, kind: str, triton: bool, compiler: str | None, module: str
) -> None:
    if module == "triton_pass":
        need("triton", find_spec("triton") is not None, "Triton is not installed, which PyPI has for Linux only")
    monkeypatch.setattr(torch_path, "find_spec", lambda _: object() if triton else None)
    monkeypatch.setattr(torch_path, "which", lambda _: compiler)
    assert torch_path.pass_for(torch.device(kind)).__module__.endswith(module)
