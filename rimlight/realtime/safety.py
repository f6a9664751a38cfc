"""The promise: no camera pixel leaves without a fresh matte. A pure state machine, asked before every write.

    COVER     nothing fresh enough exists: the cover is shown (the backdrop alone, never anything of the camera)
    LIVE      a picture finished in time is shown
    DEGRADED  the newest finished picture is late: it is shown again, whole, as it was; it turns into COVER at its limit

A finished picture is a frame with the matte made from that very frame. It may be shown again, because picture and
matte belong together; a matte is never laid on another frame.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class State(Enum):
    """What leaves the sink."""

    COVER = "cover"
    LIVE = "live"
    DEGRADED = "degraded"


@dataclass(frozen=True, slots=True)
class Limits:
    """Ages of a finished picture, from its capture on, in seconds.

    late_s: older than this it is DEGRADED. stale_s: older than this it is not shown any more.
    proof: finished pictures in a row, no older than late_s, that lead out of COVER; the first two frames after a cut
    see no memory, so three are asked for.
    """

    late_s: float = 0.25
    stale_s: float = 1.0
    proof: int = 3

    def __post_init__(self) -> None:
        if not 0 < self.late_s <= self.stale_s:
            raise ValueError(f"expected 0 < late_s <= stale_s, got {self.late_s} and {self.stale_s}")
        if self.proof < 1:
            raise ValueError(f"expected a proof of at least 1 picture, got {self.proof}")


@dataclass(frozen=True, slots=True)
class Safety:
    """Everything the machine remembers.

    captured_s: of the newest finished picture, None if there is none or it must not be shown again. proven: good
    pictures in a row since the last fault. paused: the user asked for the cover. reason: why it is not LIVE, for
    people.
    """

    state: State = State.COVER
    captured_s: float | None = None
    proven: int = 0
    paused: bool = False
    reason: str = "starting"


def finished(safety: Safety, captured_s: float, now_s: float, limits: Limits) -> Safety:
    """A picture was finished with its own matte. One that is late when it comes proves nothing; a stale one is dropped.

    If the one before has become too old meanwhile (nobody asked for so long, as in a process that was stopped), that is
    a fault of its own: proof is asked for again.
    """
    safety = at(safety, now_s, limits)
    age_s = now_s - captured_s
    if not 0 <= age_s <= limits.stale_s:
        return fault(safety, f"a picture came {age_s:.1f} s after its capture")
    proven = safety.proven + 1 if age_s <= limits.late_s else safety.proven
    return at(_with(safety, captured_s=captured_s, proven=proven), now_s, limits)


def fault(safety: Safety, reason: str) -> Safety:
    """Something broke (an error, NaN, another size, another device): cover at once, and proof is asked for again."""
    return Safety(State.COVER, None, 0, safety.paused, reason)


def paused(safety: Safety, on: bool) -> Safety:
    """The user covers the camera, or lifts the cover: what is shown then has to be proven again."""
    if on == safety.paused:
        return safety
    return Safety(State.COVER, None, 0, on, "paused" if on else "starting")


def at(safety: Safety, now_s: float, limits: Limits) -> Safety:
    """The state at a moment; called before every write. Time that runs backwards is a fault."""
    if safety.paused:
        return _with(safety, state=State.COVER, reason="paused")
    if safety.captured_s is None:
        return _with(safety, state=State.COVER)
    age_s = now_s - safety.captured_s
    if not 0 <= age_s <= limits.stale_s:
        return fault(safety, f"no fresh matte for {age_s:.1f} s")
    if safety.proven < limits.proof:
        return _with(safety, state=State.COVER, reason="waiting for the first mattes")
    if age_s > limits.late_s:
        return _with(safety, state=State.DEGRADED, reason=f"the newest matte is {age_s * 1e3:.0f} ms old")
    return _with(safety, state=State.LIVE, reason="")


def _with(
    safety: Safety, *, state: State | None = None, captured_s: float | None = None,
    proven: int | None = None, reason: str | None = None,
) -> Safety:  # fmt: skip
    return Safety(
        safety.state if state is None else state,
        safety.captured_s if captured_s is None else captured_s,
        safety.proven if proven is None else proven,
        safety.paused,
        safety.reason if reason is None else reason,
    )
