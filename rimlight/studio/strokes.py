"""How trimaps come to be by hand: steps that are replayed, so that every one can be undone.

A step is a stroke of the brush, a whole trimap that came from elsewhere, or that the frame is no longer marked.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, get_args

import cv2
import numpy as np

from rimlight.studio.errors import TrimapError
from rimlight.studio.trimaps import BACKDROP, FOREGROUND, UNKNOWN, decode_trimap, encode_trimap
from rimlight.types import Size, UInt8Array

Class = Literal["backdrop", "unknown", "foreground"]
LEVEL_OF: dict[Class, int] = {"backdrop": BACKDROP, "unknown": UNKNOWN, "foreground": FOREGROUND}
Origin = Literal["drawn", "propagated", "automatic"]
MOST_POINTS = 20_000
MOST_RADIUS = 2000.0
MOST_PLACE = 1e5  # pixels that a stroke may lie off
SHIFT = 4  # binary places of a pixel that the brush is placed to


@dataclass(frozen=True, slots=True)
class Stroke:
    """What the brush drew. points: (y, x) in pixels of the video, 0, 0 at its upper left corner. radius: pixels."""

    paints: Class
    radius: float
    points: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class Base:
    """A whole trimap, as PNG, that what was there before makes way for."""

    png: bytes
    origin: Origin


@dataclass(frozen=True, slots=True)
class Unmark:
    """The frame is not marked any more."""


Step: TypeAlias = Stroke | Base | Unmark


def replay(steps: Sequence[Step], size: Size) -> UInt8Array | None:
    """(H, W) trimap that the steps make, all unknown at first; None where the frame is not marked."""
    begin = max((index for index, step in enumerate(steps) if not isinstance(step, Stroke)), default=-1)
    trimap = np.full((size.height, size.width), UNKNOWN, np.uint8)
    if begin >= 0:
        first = steps[begin]
        if isinstance(first, Base):
            trimap = decode_trimap(first.png, size, "a trimap of the project").copy()
        elif begin == len(steps) - 1:
            return None
    for step in steps[begin + 1 :]:
        assert isinstance(step, Stroke)
        paint(trimap, step)
    return trimap if steps else None


def paint(trimap: UInt8Array, stroke: Stroke) -> None:
    """Draw a stroke into a trimap (H, W), in place."""
    level, scale = LEVEL_OF[stroke.paints], 1 << SHIFT
    places = [(round((x - 0.5) * scale), round((y - 0.5) * scale)) for y, x in stroke.points]
    for place in (places[0], places[-1]):  # lines round the corners between by themselves
        cv2.circle(trimap, place, round(stroke.radius * scale), level, cv2.FILLED, cv2.LINE_8, SHIFT)
    thickness = max(1, round(2 * stroke.radius))
    line = np.array(places, np.int32).reshape(-1, 1, 2)
    cv2.polylines(trimap, [line], False, level, thickness, cv2.LINE_8, SHIFT)


def base_of(trimap: UInt8Array, origin: Origin) -> Base:
    """The step that puts a whole trimap in place."""
    return Base(encode_trimap(trimap), origin)


def stroke_of(value: object) -> Stroke:
    """A stroke of JSON as the page sends it; raises TrimapError for what is none."""
    if not isinstance(value, dict) or set(value) != {"class", "radius", "points"}:
        raise TrimapError('expected a stroke as an object with "class", "radius" and "points"')
    paints, radius, points = value["class"], value["radius"], value["points"]
    if paints not in get_args(Class):
        raise TrimapError(f"expected a class of {', '.join(get_args(Class))}, got {str(paints)[:40]!r}")
    if not _is_number(radius) or not 0 < radius <= MOST_RADIUS:
        raise TrimapError(f"expected a radius above 0 and up to {MOST_RADIUS:g} pixels, got {str(radius)[:40]}")
    if not isinstance(points, list) or not 1 <= len(points) <= MOST_POINTS or not all(map(_is_point, points)):
        raise TrimapError(f"expected 1 to {MOST_POINTS} points as pairs of y and x in pixels")
    return Stroke(paints, float(radius), tuple((float(y), float(x)) for y, x in points))


def as_json(step: Step) -> dict[str, Any]:
    """A step as the project file has it."""
    if isinstance(step, Stroke):
        return {"class": step.paints, "radius": step.radius, "points": [list(point) for point in step.points]}
    if isinstance(step, Base):
        return {"origin": step.origin, "png": base64.b64encode(step.png).decode()}
    return {"unmarked": True}


def from_json(value: Any) -> Step:
    """The step that as_json wrote; raises TrimapError for what is none."""
    if isinstance(value, dict) and value == {"unmarked": True}:
        return Unmark()
    if isinstance(value, dict) and set(value) == {"origin", "png"} and value["origin"] in get_args(Origin):
        try:
            return Base(base64.b64decode(value["png"], validate=True), value["origin"])
        except (TypeError, ValueError) as error:
            raise TrimapError(f"a trimap in the project is damaged: {error}") from error
    return stroke_of(value)


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < MOST_PLACE


def _is_point(value: object) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(map(_is_number, value))
