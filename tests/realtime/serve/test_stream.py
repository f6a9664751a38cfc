"""What may leave a stream, when, and with which time."""

from __future__ import annotations

import numpy as np
import pytest

from rimlight.pixels import empty_i420, to_i420, to_rgb
from rimlight.realtime.backdrops import open_backdrop
from rimlight.realtime.safety import Limits, State
from rimlight.realtime.serve.measures import Look
from rimlight.realtime.serve.stream import CLOCK, COVER_EVERY_S, Arrival, Desk, Dress, Stream, frame_of
from rimlight.realtime.session import Matted
from rimlight.types import I420, Coefficients, Frame, Size

FULL, SMALL = Size(64, 96), Size(32, 48)
PERSON, BEHIND = (255, 0, 255), (30, 144, 255)
LIMITS = Limits(late_s=0.25, stale_s=1.0, proof=3)


def dress(**values: object) -> Dress:
    look = Look(backdrop="#1e90ff", **values)  # type: ignore[arg-type]
    return Dress(look, open_backdrop("#1e90ff"), open_backdrop("#1e90ff"))


def matted(captured_s: float, alpha: float) -> Matted:
    """A frame that is all person's colour, with the same alpha everywhere."""
    image = np.empty((FULL.height, FULL.width, 3), np.uint8)
    image[:] = PERSON
    scale, offset = (np.zeros((4, SMALL.height, SMALL.width), np.float32) for _ in range(2))
    scale[:3], offset[3] = 1, alpha
    small = np.ones((3, SMALL.height, SMALL.width), np.float32)
    return Matted(Frame(to_i420(image), 0.0, captured_s), small, Coefficients(scale, offset))


class Rig:
    """A stream whose frames are painted by hand."""

    def __init__(self) -> None:
        self.lefts: list[float] = []
        self.sent: list[int] = []
        self.stream = Stream("key", dress(), lambda: None, self.lefts.append, LIMITS)
        self.stream.desk = Desk(FULL)

    def frame(self, now_s: float, pts: int | None = None, taken_s: float = 0.02) -> I420 | None:
        """A frame that comes at now_s and is painted taken_s later; what leaves then."""
        pts = round(now_s * CLOCK) if pts is None else pts
        self.stream.arrived(FULL, pts, now_s)
        assert self.stream.desk is not None
        self.stream.desk.paint(matted(now_s, 1.0), self.stream.dress, pts)
        return self.look(now_s + taken_s)

    def look(self, now_s: float) -> I420 | None:
        """What leaves now, and note its time."""
        left = self.stream.leaving(now_s)
        self.sent += [left.pts] if left else []
        return left.planes if left else None

    def live(self, begin_s: float = 10.0) -> float:
        """Frames until the stream is live; returns the time after them."""
        for index in range(6):
            self.frame(begin_s + index / 30)
        assert self.stream.state is State.LIVE
        return begin_s + 6 / 30


@pytest.fixture
def rig() -> Rig:
    return Rig()


def colour(planes: I420 | None) -> tuple[int, ...]:
    assert planes is not None
    rgb = to_rgb(planes)
    assert np.ptp(rgb.reshape(-1, 3).astype(int), axis=0).max() <= 2  # one colour
    return tuple(int(value) for value in rgb[FULL.height // 2, FULL.width // 2])


def near(first: tuple[int, ...], second: tuple[int, ...]) -> bool:
    return all(abs(a - b) <= 3 for a, b in zip(first, second, strict=True))


def test_nothing_leaves_before_anything_came(rig: Rig) -> None:
    assert rig.stream.leaving(1.0) is None
    assert rig.stream.state is State.COVER


def test_the_cover_is_shown_until_pictures_prove_themselves(rig: Rig) -> None:
    first = rig.frame(10.0)
    assert near(colour(first), BEHIND)
    assert rig.frame(10.03) is None  # the cover is there already
    assert near(colour(rig.frame(10.07)), PERSON)
    assert rig.stream.state is State.LIVE


def test_a_live_picture_keeps_its_time(rig: Rig) -> None:
    now_s = rig.live()
    rig.stream.arrived(FULL, 123_456_789, now_s)
    assert rig.stream.desk is not None
    rig.stream.desk.paint(matted(now_s, 1.0), rig.stream.dress, 123_456_789)
    left = rig.stream.leaving(now_s + 0.02)
    assert left is not None
    assert left.pts == 123_456_789
    assert rig.lefts[-1] == pytest.approx(0.02)


def test_between_two_pictures_nothing_is_sent_again(rig: Rig) -> None:
    now_s = rig.live()
    assert rig.stream.leaving(now_s) is None
    assert rig.stream.leaving(now_s + 0.5) is None
    assert rig.stream.state is State.DEGRADED


def test_a_stream_that_stands_still_is_covered_and_time_goes_on(rig: Rig) -> None:
    now_s = rig.live()
    left = rig.stream.leaving(now_s + 1.1)
    assert left is not None
    assert near(colour(left.planes), BEHIND)
    later = rig.stream.leaving(now_s + 1.11 + COVER_EVERY_S)
    assert later is not None
    assert later.pts - left.pts == pytest.approx((COVER_EVERY_S + 0.01) * CLOCK, abs=2)
    assert left.pts == pytest.approx((now_s + 1.1) * CLOCK, abs=0.05 * CLOCK)


def test_time_never_goes_back_for_who_receives(rig: Rig) -> None:
    now_s = rig.live()
    rig.stream.fault("a test")
    for index in range(60):
        at_s = now_s + index * 0.1
        rig.look(at_s)
        rig.look(at_s + 0.05)
        if index % 20 > 8:
            rig.frame(at_s + 0.06, pts=round((at_s - 0.04) * CLOCK))  # painted later than a cover was sent
    assert len(rig.sent) > 30
    assert all(one < other for one, other in zip(rig.sent, rig.sent[1:], strict=False))


def test_a_fault_covers_at_once(rig: Rig) -> None:
    now_s = rig.live()
    rig.stream.fault("the network failed")
    left = rig.stream.leaving(now_s + COVER_EVERY_S)
    assert near(colour(left.planes if left else None), BEHIND)
    assert "network failed" in rig.stream.reason


def test_a_paused_stream_shows_the_cover_whatever_is_painted(rig: Rig) -> None:
    now_s = rig.live()
    rig.stream.redress(dress(paused=True))
    for index in range(40):
        planes = rig.frame(now_s + index / 30)
        assert planes is None or near(colour(planes), BEHIND)
    rig.stream.redress(dress())
    assert rig.stream.state is State.COVER  # to be proven again
    rig.live(now_s + 2)


def test_a_picture_that_took_too_long_is_never_shown(rig: Rig) -> None:
    now_s = rig.live()
    planes = rig.frame(now_s, taken_s=1.2)
    assert near(colour(planes), BEHIND)


def test_another_engine_paints_on_another_desk(rig: Rig) -> None:
    now_s = rig.live()
    before = rig.stream.desk
    assert before is not None
    rig.stream.renew()
    before.paint(matted(now_s, 1.0), rig.stream.dress, 1)  # the engine that hung comes back
    left = rig.stream.leaving(now_s + 0.01)
    assert left is None or near(colour(left.planes), BEHIND)


def test_pictures_are_painted_in_bt601() -> None:
    desk = Desk(FULL)
    desk.paint(matted(0.0, 1.0), dress(), 7)
    desk.finished.take(0.0)
    front = desk.finished.front
    assert not front.planes.bt709
    assert near(colour(front.planes), PERSON)
    assert front.pts == 7


def test_a_frame_too_large_is_scaled_down_whole() -> None:
    big = empty_i420(Size(128, 192))
    big.y[:], big.u[:], big.v[:] = np.arange(192) * 200 // 191 + 20, 128, 128
    frame = frame_of(Arrival(big, FULL, 0, 0.0))
    assert frame.size == FULL
    rgb = frame.image
    assert rgb[:, 0].mean() < 15
    assert rgb[:, -1].mean() > 220
