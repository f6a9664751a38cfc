"""Where a person, a scene or a backdrop is in the frame.

A person whom a picture's border cuts stays cut by the frame's border: nobody ends in mid-air. Heads are in the frame
most of the time. A backdrop or a scene fills the frame throughout.

Letters: T frames; h, w height and width of the picture, H, W of the frame.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from rimlight.training.synthesis import warp
from rimlight.training.synthesis.dice import Dice
from rimlight.training.synthesis.outline import Outline, Side, Span
from rimlight.training.synthesis.plan import Placing
from rimlight.training.synthesis.warp import Maps

Size: TypeAlias = tuple[int, int]
Points: TypeAlias = npt.NDArray[np.float64]

BUST = 1.15  # heads from the top of the head on: as much of a person has to be left where a picture's side is avoided
USUAL: Span = (0.2, 0.8)  # shares of the frame's width between which heads are
AVOIDED = 0.75  # share of people cut at a side who are shown only down to where that begins
TALL = 0.85  # of the frame's height: such a head is shown in the middle
LOWEST = 0.5  # share of the frame's height above a head that a person of few pixels may leave
GROWTH, ATTEMPTS = 1.06, 16  # of the scale until all cuts are out of the frame
MIRRORED: dict[Side, Side] = {"left": "right", "right": "left", "top": "top", "bottom": "bottom"}


@dataclass(frozen=True, slots=True)
class Pin:
    """Points ((y, x), ...) of a picture that have to stay beyond a side of the frame."""

    side: Side
    points: tuple[tuple[float, float], ...]


def place(
    dice: Dice, person: Outline, picture: Size, frame: Size, moving: Maps, placing: Placing, across: Span = USUAL
) -> Maps | None:  # fmt: skip
    """Maps (T, 3, 3) from the person's picture to the frame, followed by the frame's own movement `moving` (T, 3, 3).

    Where the movement would show a cut it is left out, and where even then one shows, there is None.
    across: between which shares of the frame's width the head's middle is; beyond 0 and 1 it may leave the frame.
    """
    pins = pins_of(dice, person, picture)
    mirror = dice.chance(placing.flip)
    scale, room = _scale(dice, person, pins, picture, frame, placing)
    height, width = frame
    half = 0.5 * person.head / 1.3 * scale / width  # of the head's width
    x = dice.between(*across)
    if across[0] >= 0 and across[1] <= 1:
        x = _inside(x, half)
    still = np.broadcast_to(np.eye(3), moving.shape)
    for movement, tilt in ((moving, dice.either_way(placing.tilt)), (still, 0.0)):
        for attempt in range(ATTEMPTS):
            larger = scale * GROWTH**attempt
            base = _base((person.head_y, person.head_x), (room * height, x * width), larger, tilt, mirror)
            maps = settled(np.asarray(movement @ base), pins, frame, mirror)
            if maps is not None:
                return maps
    return None


def pins_of(dice: Dice, person: Outline, picture: Size) -> tuple[Pin, ...]:
    """What has to stay out of the frame so that cuts stay cuts.

    A person who is cut at a side only far below the head is mostly shown down to there, which leaves one cut, below.
    """
    height, width = picture
    line = float(height) if person.cut("bottom") else None
    pins: list[tuple[Side, Span]] = []
    sides: tuple[Side, Side] = ("left", "right")
    for side in sides:
        span = person.cut(side)
        if span is None:
            continue
        if span[0] - person.head_y >= BUST * person.head and dice.chance(AVOIDED):
            line = min(span[0], line or height)
        else:
            pins.append((side, span))
    found = [_at_side(side, span, line, width) for side, span in pins if line is None or span[0] < line]
    if line is not None:
        found.append(Pin("bottom", ((line, person.left), (line, person.right))))
    top = person.cut("top")
    if top:
        found.append(Pin("top", ((0.0, top[0]), (0.0, top[1]))))
    return tuple(found)


def settled(maps: Maps, pins: Sequence[Pin], frame: Size, mirror: bool = False) -> Maps | None:
    """Maps (T, 3, 3) shifted, the same in all frames and as little as possible, so that all pins hold; None if none do.

    Pinned points end beyond the border by as much as reading between pixels reaches.
    """
    reach = 1 + max(1.0, warp.enlargement(maps))
    limits = {"top": -reach, "bottom": frame[0] + reach, "left": -reach, "right": frame[1] + reach}
    least, most = np.array([-np.inf, -np.inf]), np.array([np.inf, np.inf])  # of the shift, (y, x)
    for pin in pins:
        side = MIRRORED[pin.side] if mirror else pin.side
        axis = 0 if side in ("top", "bottom") else 1
        places = warp.moved(maps, pin.points)[..., axis]
        if side in ("bottom", "right"):
            least[axis] = max(least[axis], limits[side] - places.min())
        else:
            most[axis] = min(most[axis], limits[side] - places.max())
    if (least > most).any():
        return None
    y, x = np.clip(0.0, least, most)
    return np.asarray(warp.shift(y, x) @ maps)


def cover(
    dice: Dice, picture: Size, frame: Size, moving: Maps, placing: Placing, focus: Outline | None = None
) -> Maps:  # fmt: skip
    """Maps (T, 3, 3) from a picture to the frame that fill every frame with it.

    focus: a person whose head is to be in the frame, most of the time.
    """
    height, width = frame
    mirror, lean = dice.chance(placing.flip), dice.either_way(placing.lean)
    turned = warp.about(warp.turn(lean), height / 2, width / 2)
    corners = ((0, 0), (0, width), (height, 0), (height, width))
    reached = warp.moved(warp.inverse(np.asarray(moving @ turned)), corners).reshape(-1, 2)
    low, high = reached.min(axis=0), reached.max(axis=0)  # (y, x), in pixels of the frame before any movement
    room = np.maximum(np.array(picture) - 2.0, 1.0)  # a pixel at every border stays unseen
    fitting = float(((high - low) / room).max())
    scale = max(fitting, min(fitting * dice.magnitude(*placing.zoom), placing.enlarge))
    # The window seen, in pixels of the picture, and where it may begin.
    seen = (high - low) / scale
    slack = np.maximum(room - seen, 0.0)
    begin = 1 + slack * np.array([dice.unit(), dice.unit()])
    if focus and not dice.chance(placing.headless):
        shown = replace(focus, head_x=picture[1] - focus.head_x) if mirror else focus
        begin = _shown(shown, begin, seen, slack)
    flipped = warp.shift(0, picture[1]) @ warp.stretch(1, -1) if mirror else np.eye(3)
    base = warp.shift(*low) @ warp.stretch(scale, scale) @ warp.shift(*(-begin)) @ flipped
    return np.asarray(moving @ turned @ base)


def _scale(
    dice: Dice, person: Outline, pins: Sequence[Pin], picture: Size, frame: Size, placing: Placing
) -> tuple[float, float]:  # fmt: skip
    """Frame's pixels for one of the picture's, and the room above the head as a share of the frame's height."""
    height, width = frame
    wanted = dice.magnitude(*placing.head) * height / person.head
    room = dice.between(*placing.room)
    if dice.chance(placing.headless):
        room -= dice.between(0.2, 1.0) * person.head * wanted / height
    held = {pin.side: pin for pin in pins}
    scale = min(wanted, placing.enlarge)
    if "bottom" in held:
        below = held["bottom"].points[0][0] - person.head_y
        # Rather a lower head than a picture enlarged further.
        room = max(room, min(LOWEST, 1 - placing.enlarge * below / height))
        scale = max(scale, (1 - room) * height / below)
    if "top" in held and "bottom" in held:
        scale = max(scale, height / held["bottom"].points[0][0])
    if "left" in held and "right" in held:
        scale = max(scale, width / picture[1])
    tall = person.head * scale / height
    return scale, (1 - tall) / 2 if tall > TALL else room


def _base(source: tuple[float, float], target: tuple[float, float], scale: float, tilt: float, mirror: bool) -> Maps:
    """The map (3, 3) that takes the picture's point source to the frame's point target; both (y, x)."""
    sized = warp.turn(tilt) @ warp.stretch(scale, -scale if mirror else scale)
    return np.asarray(warp.shift(*target) @ sized @ warp.shift(-source[0], -source[1]))


def _at_side(side: Side, span: Span, line: float | None, width: int) -> Pin:
    x = 0.0 if side == "left" else float(width)
    return Pin(side, ((span[0], x), (min(span[1], line or span[1]), x)))


def _inside(x: float, half: float) -> float:
    """x so that a head of that half width is in the frame; all as shares of the frame's width."""
    return min(max(x, half), 1 - half) if half < 0.5 else 0.5


def _shown(person: Outline, begin: Points, seen: Points, slack: Points) -> Points:
    """Where a window of size seen begins, as near to begin as possible with the head in it; all (y, x)."""
    half = person.head / 2.6  # of its width
    first = np.array([person.head_y - 0.1 * person.head, person.head_x - half])
    last = np.array([person.head_y + person.head, person.head_x + half])
    latest = last - seen  # after first where the head is larger than the window, which then lies inside it
    kept = np.clip(begin, np.minimum(latest, first), np.maximum(latest, first))
    return np.asarray(np.clip(kept, 1, 1 + slack))
