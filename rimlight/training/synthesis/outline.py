"""What placing a person needs to know of an alpha: the box, the head, and where a picture's border cuts the person.

Letters: H, W height and width of the picture; points are pixels from its upper left corner.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
import numpy.typing as npt

from rimlight.types import UInt8Array

Side = Literal["top", "bottom", "left", "right"]
Span = tuple[float, float]
INSIDE = 128  # alpha from which a pixel is the person's
FAINT = 8  # alpha below which a pixel is nobody's
EDGE = 2  # rows or columns at the border in which an arm or shoulder shows that it is cut
LEAST = 0.01  # of the border's length: less is noise of the label
HEAD = 1.3  # height of a head by its width
STRAND = 0.08  # of the widest row: narrower ones on top are hairs
PROBES = 64  # heights of a head that are tried
ISLAND = 0.01  # of the largest part's area: smaller ones are specks of the label, not hands


@dataclass(frozen=True, slots=True)
class Outline:
    """Where a person is in a picture.

    top, bottom, left, right: of the box. head: its height. head_y, head_x: the middle of its upper end. cuts: for every
    side of the picture that cuts the person, from where to where along that side.
    """

    top: float
    bottom: float
    left: float
    right: float
    head: float
    head_y: float
    head_x: float
    cuts: tuple[tuple[Side, Span], ...] = ()

    def cut(self, side: Side) -> Span | None:
        return dict(self.cuts).get(side)


def outline(alpha: UInt8Array) -> Outline | None:
    """Of alpha (H, W); None where nobody is in the picture."""
    inside = alpha >= INSIDE
    rows, columns = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
    if not len(rows):
        return None
    top, bottom = float(rows[0]), float(rows[-1] + 1)
    head_y, head, head_x = _head(inside)
    spans: dict[Side, Span | None] = {
        "top": _span(inside[:EDGE].max(axis=0)),
        "bottom": _span(inside[-EDGE:].max(axis=0)),
        "left": _span(inside[:, :EDGE].max(axis=1)),
        "right": _span(inside[:, -EDGE:].max(axis=1)),
    }
    cuts = tuple((side, span) for side, span in spans.items() if span)
    return Outline(top, bottom, float(columns[0]), float(columns[-1] + 1), head, head_y, head_x, cuts)


def joined(outlines: Sequence[Outline | None]) -> Outline | None:
    """One for all frames of a clip: the box and the cuts of any of them, the head in its mean place."""
    found = [one for one in outlines if one is not None]
    if not found:
        return None
    sides: tuple[Side, ...] = ("top", "bottom", "left", "right")
    cuts = []
    for side in sides:
        spans = [span for one in found if (span := one.cut(side))]
        if spans:
            cuts.append((side, (min(span[0] for span in spans), max(span[1] for span in spans))))
    mean = {name: float(np.mean([getattr(one, name) for one in found])) for name in ("head", "head_y", "head_x")}
    return Outline(
        min(one.top for one in found), max(one.bottom for one in found),
        min(one.left for one in found), max(one.right for one in found), **mean, cuts=tuple(cuts),
    )  # fmt: skip


def without_specks(alpha: UInt8Array) -> UInt8Array:
    """Alpha (H, W) without parts that are far smaller than the largest one and apart from it."""
    count, parts, stats, _ = cv2.connectedComponentsWithStats((alpha >= FAINT).astype(np.uint8), connectivity=8)
    if count <= 2:
        return alpha
    areas = np.asarray(stats)[:, cv2.CC_STAT_AREA].copy()
    areas[0] = 0  # what is outside
    kept = areas >= ISLAND * areas.max()
    kept[0] = True  # and faint as it may be, hair
    return np.where(kept[np.asarray(parts)], alpha, np.uint8(0))


def _head(inside: npt.NDArray[np.bool_]) -> tuple[float, float, float]:
    """Upper end and height of the head, and its middle's x, of a person (H, W).

    From the top of a head down, the rows' typical width stays below their number until the chin: where as many rows are
    passed as a head of that width is high, the head ends. Single hairs above it do not count.
    """
    widths = inside.sum(axis=1)
    begin = int(np.flatnonzero(widths >= max(1, STRAND * widths.max()))[0])
    inside, widths = inside[begin:], widths[begin:]
    count = 1
    for count in range(2, len(widths) + 1, max(1, len(widths) // PROBES)):
        if count >= HEAD * np.median(widths[:count]) and count >= HEAD * 0.5 * widths[:count].max():
            break
    columns = np.flatnonzero(inside[:count].any(axis=0))
    weights = inside[:count, columns[0] : columns[-1] + 1].sum(axis=0)
    return float(begin), float(count), float(columns[0] + np.average(np.arange(len(weights)), weights=weights) + 0.5)


def _span(line: npt.NDArray[np.bool_]) -> Span | None:
    places = np.flatnonzero(line)
    if len(places) < max(2, LEAST * len(line)):
        return None
    return float(places[0]), float(places[-1] + 1)
