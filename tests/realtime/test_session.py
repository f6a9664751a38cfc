from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from itertools import chain
from typing import Any

import numpy as np
import pytest

from rimlight.backends import Backend
from rimlight.backends.fake import FakeBackend
from rimlight.compose import EdgeOptions
from rimlight.errors import BackendError, FrameError
from rimlight.pixels import to_i420, to_rgb
from rimlight.realtime import session as sessions
from rimlight.realtime.loop import _grouped
from rimlight.realtime.session import IN_FLIGHT, MOST_OPEN, Matted, Matter, Painter, Session, Settings, open_backdrop
from rimlight.types import Coefficients, FloatArray, Frame, Matte, Size

from .streams import FAKE, ONNX, SIZE, copied, frames, same

# All are seen by the network at 128x80.
LOW, HIGH = Size(128, 224), Size(256, 448)

each_backend = pytest.mark.parametrize("settings", [FAKE, ONNX], ids=["fake", "onnx"])


def mattes(settings: Settings, given: Sequence[Frame]) -> list[Matte]:
    with Session(settings) as session:
        return [session.matte(frame) for frame in given]


def equal(one: Sequence[Matte], other: Sequence[Matte]) -> bool:
    return len(one) == len(other) and all(
        np.array_equal(a.alpha, b.alpha) and np.array_equal(a.foreground, b.foreground)
        for a, b in zip(one, other, strict=True)
    )


def uncut(given: Sequence[Frame]) -> list[Frame]:
    return [replace(frame, cut=False) for frame in given]


@each_backend
def test_a_matte_has_alpha_and_foreground_of_the_frame(settings: Settings) -> None:
    for matte in mattes(settings, frames(3)):
        assert matte.alpha.shape == (SIZE.height, SIZE.width)
        assert matte.alpha.dtype == np.float32
        assert matte.alpha.min() >= 0
        assert matte.alpha.max() <= 1
        assert matte.foreground.shape == (SIZE.height, SIZE.width, 3)
        assert matte.foreground.dtype == np.uint8


def test_mattes_are_new_arrays() -> None:
    one, other = mattes(FAKE, frames(2))
    assert not np.shares_memory(one.alpha, other.alpha)
    assert not np.shares_memory(one.foreground, other.foreground)


@each_backend
def test_a_composite_is_the_frame_before_the_backdrop(settings: Settings) -> None:
    (frame,) = frames(1)
    (matte,) = mattes(settings, [frame])
    with Session(settings) as session:
        painted = session.composite(replace(frame, pts_s=1.5, captured_s=2.5))
    image = painted.image
    assert image.shape == (SIZE.height, SIZE.width, 3)
    assert (painted.pts_s, painted.captured_s, painted.cut) == (1.5, 2.5, True)
    alpha = matte.alpha[:, :, None]
    wanted = alpha * matte.foreground + (1 - alpha) * (0x10, 0x20, 0x30)
    assert np.abs(image - wanted).max() <= 2


def test_a_transparent_composite_carries_the_matte() -> None:
    (frame,) = frames(1)
    (matte,) = mattes(FAKE, [frame])
    with Session(replace(FAKE, backdrop="transparent")) as session:
        image = session.composite(frame).pixels
    assert isinstance(image, np.ndarray)
    assert image.shape == (SIZE.height, SIZE.width, 4)
    assert np.abs(image[:, :, 3] - matte.alpha * 255).max() <= 1
    assert np.array_equal(image[:, :, :3], matte.foreground)


def test_composites_stay_good_for_as_many_calls_as_promised() -> None:
    with Session(FAKE) as session:
        painted = [session.composite(frame) for frame in frames(IN_FLIGHT)]
        alone = [image.copy() for image in (frame.image for frame in painted)]
    with Session(FAKE) as session:
        assert all(
            np.array_equal(session.composite(frame).image, image)
            for frame, image in zip(frames(IN_FLIGHT), alone, strict=True)
        )


def test_planes_give_the_matte_of_their_picture() -> None:
    (frame,) = frames(1)
    planes = to_i420(frame.image)
    (from_planes,) = mattes(FAKE, [replace(frame, pixels=planes)])
    (from_rgb,) = mattes(FAKE, [replace(frame, pixels=to_rgb(planes))])
    assert np.abs(from_planes.alpha - from_rgb.alpha).max() < 0.02
    assert np.abs(from_planes.foreground.astype(int) - from_rgb.foreground).max() <= 2


@each_backend
def test_memory_is_used_and_reset_on_a_cut(settings: Settings) -> None:
    dark, bright = frames(3, seed=1), frames(3, seed=2)
    fresh = mattes(settings, bright)
    assert equal(mattes(settings, [*dark, *bright])[3:], fresh)
    assert not equal(mattes(settings, [*dark, *uncut(bright)])[3:4], fresh[:1])


@each_backend
@pytest.mark.parametrize(("first", "second"), [(SIZE, Size(128, 112)), (LOW, HIGH), (HIGH, LOW)])
def test_a_new_size_is_a_cut(settings: Settings, first: Size, second: Size) -> None:
    later = frames(3, second, seed=2)
    assert equal(mattes(settings, [*frames(3, first, seed=1), *uncut(later)])[3:], mattes(settings, later))


@each_backend
def test_a_new_long_side_is_a_cut(settings: Settings) -> None:
    given = frames(9, LOW)
    with closing(Matter(settings)) as matter:
        changed = []
        for index, frame in enumerate(given):
            matter.use_long_side({0: 128, 3: 96, 6: 128}.get(index, matter._long_side))
            (matted,) = matter.matte([frame])
            changed.append((matted, copied(matted.coefficients)))
    for first, side in ((0, 128), (3, 96), (6, 128)):
        with closing(Matter(replace(settings, long_side=side))) as fresh:
            for index in range(first, first + 3):
                (matted,) = fresh.matte([given[index]])
                assert same(matted, changed[index][1])


def test_the_same_long_side_is_no_cut() -> None:
    given = frames(4)
    with closing(Matter(FAKE)) as matter:
        found = []
        for frame in given:
            matter.use_long_side(FAKE.long_side)
            found.append(copied(matter.matte([frame])[0].coefficients))
    with closing(Matter(FAKE)) as matter:
        assert all(same(matter.matte([frame])[0], one) for frame, one in zip(given, found, strict=True))


@each_backend
@pytest.mark.parametrize("batch", [1, 4])
@pytest.mark.parametrize("sizes", [[LOW] * 11, [*[LOW] * 5, *[HIGH] * 4, *[LOW] * 4], [*[LOW] * 3, *[HIGH] * 3] * 2])
def test_results_stay_good_while_those_after_them_are_made(settings: Settings, batch: int, sizes: list[Size]) -> None:
    given = uncut([frames(1, size, seed=seed)[0] for seed, size in enumerate(sizes)])
    calls: list[list[tuple[Matted, Coefficients, FloatArray]]] = []
    with closing(Matter(replace(settings, batch=batch))) as matter:
        for group in _grouped(iter(given), batch):
            calls.append([(one, copied(one.coefficients), one.small.copy()) for one in matter.matte(group)])
            for matted, coefficients, small in chain(*calls[-IN_FLIGHT:]):
                assert same(matted, coefficients)
                assert np.array_equal(matted.small, small)


class Counting:
    """Stands in for open_backend: counts what is opened and closed."""

    def __init__(self, make: Callable[[Size, int], Backend] = FakeBackend) -> None:
        self.opened: list[Size] = []
        self.closed: list[Size] = []
        self.options: dict[str, Any] = {}
        self._make = make

    def __call__(self, name: str, size: Size, batch: int = 1, **options: Any) -> Backend:
        self.opened.append(size)
        self.options = {"name": name, "batch": batch, **options}
        backend = self._make(size, batch)
        backend.close = lambda: self.closed.append(size)  # type: ignore[method-assign]
        return backend


@pytest.fixture
def counting(monkeypatch: pytest.MonkeyPatch) -> Iterator[Counting]:
    counting = Counting()
    monkeypatch.setattr(sessions, "open_backend", counting)
    yield counting
    assert sorted(map(str, counting.opened)) == sorted(map(str, counting.closed))


def test_a_backend_that_was_open_is_used_again(counting: Counting) -> None:
    with closing(Matter(FAKE)) as matter:
        for side in (128, 96, 128, 96, 64, 128):
            matter.use_long_side(side)
            matter.matte(frames(1, HIGH))
    assert len(counting.opened) == 3


def test_only_the_last_few_backends_stay_open(counting: Counting) -> None:
    with closing(Matter(FAKE)) as matter:
        for side in range(64, 64 + 16 * (MOST_OPEN + 2), 16):
            matter.use_long_side(side)
            matter.matte(frames(1, Size(256, 256)))
        assert counting.closed == [Size(64, 64), Size(80, 80)]


def test_closing_twice_closes_once(counting: Counting) -> None:
    session = Session(FAKE)
    session.matte(frames(1)[0])
    session.close()
    session.close()
    assert len(counting.closed) == 1


def test_settings_reach_the_backend(counting: Counting) -> None:
    settings = Settings(backend="onnx", device="cuda", threads=3, batch=2, backdrop="black")
    with Session(settings) as session:
        session.matte(frames(1)[0])
    assert counting.options == {"name": "onnx", "batch": 2, "device": "cuda", "threads": 3}


def test_numbers_that_are_none_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken(FakeBackend):
        def _call(self, images: Any, state: Any, own: Any) -> Any:
            scale, offset, state = super()._call(images, state, own)
            offset[0, 3, 5, 5] = np.nan
            return scale, offset, state

    monkeypatch.setattr(sessions, "open_backend", Counting(Broken))
    with Session(FAKE) as session, pytest.raises(BackendError, match="NaN"):
        session.composite(frames(1)[0])


@pytest.mark.parametrize("size", [Size(1, 1), Size(1, 300), Size(301, 3), Size(63, 113)])
@pytest.mark.parametrize("backdrop", ["blur", "#102030", "transparent"])
def test_any_size_comes_out_as_it_went_in(size: Size, backdrop: str) -> None:
    with Session(replace(FAKE, backdrop=backdrop)) as session:
        painted = session.composite(frames(1, size)[0])
        assert painted.size == size
        assert session.matte(frames(1, size)[0]).alpha.shape == (size.height, size.width)


@pytest.mark.parametrize("long_side", [0, 63, 100])
def test_a_long_side_that_cannot_be_is_an_error(long_side: int) -> None:
    with Session(replace(FAKE, long_side=long_side)) as session, pytest.raises(FrameError, match="long side"):
        session.matte(frames(1)[0])


def test_the_edge_can_be_shifted_and_softened() -> None:
    given = frames(1, LOW)

    def alpha(edges: EdgeOptions) -> np.ndarray:
        return mattes(replace(FAKE, edges=edges), given)[0].alpha

    plain = alpha(EdgeOptions())
    assert alpha(EdgeOptions(shift=-0.5)).sum() < plain.sum() < alpha(EdgeOptions(shift=0.5)).sum()
    soft = alpha(EdgeOptions(feather_px=8))
    assert np.abs(np.diff(soft, axis=1)).max() < np.abs(np.diff(plain, axis=1)).max()


def test_without_decontamination_the_foreground_is_the_frame() -> None:
    (frame,) = frames(1)
    (matte,) = mattes(replace(ONNX, edges=EdgeOptions(decontaminate=False)), [frame])
    assert np.array_equal(matte.foreground, frame.image)


@pytest.mark.parametrize("wants", ["rgb", "rgba", "i420"])
def test_a_painter_gives_the_pixels_that_are_wanted(wants: Any) -> None:
    with closing(Matter(FAKE)) as matter:
        (matted,) = matter.matte(frames(1))
    backdrop = open_backdrop("transparent" if wants == "rgba" else "#102030")
    painted = Painter(FAKE, backdrop, wants).paint(matted)
    assert painted.size == SIZE
    shape = getattr(painted.pixels, "shape", None)
    assert shape == {"rgb": (*_sides(), 3), "rgba": (*_sides(), 4), "i420": None}[wants]


def _sides() -> tuple[int, int]:
    return SIZE.height, SIZE.width


def test_an_unknown_backend_is_an_error_at_the_first_frame() -> None:
    with Session(replace(FAKE, backend="abacus")) as session, pytest.raises(BackendError, match="abacus"):
        session.matte(frames(1)[0])
