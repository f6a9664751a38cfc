"""What the editor does with one video: pictures and trimaps of frames, propagation, previews. One thread calls it.

Letters: H, W size of the video.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from rimlight.errors import SinkError
from rimlight.realtime.session import Settings
from rimlight.studio.auto import auto_trimap
from rimlight.studio.edit.preview import Preview
from rimlight.studio.errors import TrimapError
from rimlight.studio.live import LiveMattes
from rimlight.studio.marks import reference_of
from rimlight.studio.networks import Networks
from rimlight.studio.project import Project
from rimlight.studio.propagate import Propagation
from rimlight.studio.reel import Reel
from rimlight.studio.strokes import Base, Stroke, Unmark, base_of
from rimlight.studio.trimaps import encode_trimap
from rimlight.types import UInt8Array

JPEG_QUALITY = 90
MOST_PROPAGATED = 4000  # trimaps of frames that are not marked, as PNG
THUMB_HEIGHT = 72
MOST_THUMBS = 200


@dataclass(frozen=True, slots=True)
class Carried:
    """A trimap that was propagated, and from which state of which mark. trimap: as PNG."""

    trimap: bytes
    reference: int
    revision: int


class Desk:
    """A project with its networks at hand; close it to free them."""

    def __init__(self, project: Project, networks: Networks, live: Settings, long_side: int) -> None:
        self.project = project
        self.networks = networks
        self.long_side = long_side
        self.live = live
        survey = project.survey
        self._reel = Reel(project.video, survey.count, kept=8)
        self._marked = Reel(project.video, survey.count)
        self._mattes = LiveMattes(live, survey, self._marked)
        self._thumbs: OrderedDict[int, bytes] = OrderedDict()
        self._carried: OrderedDict[int, Carried] = OrderedDict()
        self._standing: tuple[int, set[int]] = (-1, set())  # of a revision
        self._propagation: tuple[int, Propagation] | None = None  # of a revision
        self._preview = Preview(project.video, survey, networks)

    def close(self) -> None:
        self._reel.close()
        self._marked.close()
        self._mattes.close()
        self._preview.close()

    def state(self, number: int) -> dict[str, Any]:
        """What the page shows of a frame beside its pictures."""
        history = self.project.history(number)
        carried = None if history.marked else self._carried_to(number)
        base = next((step for step in reversed(history.steps) if isinstance(step, Base)), None)
        return {
            "frame": number, "marked": history.marked, "undo": len(history.steps), "redo": len(history.undone),
            "origin": "none" if not history.marked and carried is None
            else "propagated" if carried is not None else "drawn" if base is None else base.origin,
            "reference": None if carried is None else carried.reference,
            "marks": list(self.project.frames), "propagated": _runs(self._stand()),
        }  # fmt: skip

    def picture(self, number: int) -> bytes:
        """JPEG of a frame."""
        return _jpeg(self._reel.frame(number).image)

    def thumb(self, number: int) -> bytes:
        """Small JPEG of a frame; decoded apart, so that what is looked at stays at hand."""
        if number not in self._thumbs:
            image = self._marked.frame(number).image
            width = max(1, round(image.shape[1] * THUMB_HEIGHT / image.shape[0]))
            self._thumbs[number] = _jpeg(
                np.asarray(cv2.resize(image, (width, THUMB_HEIGHT), interpolation=cv2.INTER_AREA), np.uint8)
            )
            if len(self._thumbs) > MOST_THUMBS:
                self._thumbs.popitem(last=False)
        return self._thumbs[number]

    def trimap(self, number: int) -> bytes | None:
        """PNG of a frame's trimap, drawn or propagated; None where there is none yet."""
        if self.project.history(number).marked:
            return encode_trimap(self.project.trimap(number))
        carried = self._carried_to(number)
        return None if carried is None else carried.trimap

    def draw(self, number: int, stroke: Stroke) -> None:
        """A stroke of the brush; a frame that only has a propagated trimap is marked by it, and drawn upon.

        A stroke that is the last one already does nothing: it was sent again because its answer was lost.
        """
        history = self.project.history(number)
        if history.steps[-1:] == (stroke,):
            return
        carried = None if history.marked else self._carried_to(number)
        base = [] if carried is None else [Base(carried.trimap, "propagated")]
        self.project.add(number, *base, stroke)

    def mark(self, number: int) -> None:
        """Keep a propagated trimap as a mark; raises TrimapError where there is none."""
        if self.project.history(number).marked:
            return
        carried = self._carried_to(number)
        if carried is None:
            raise TrimapError(f"frame {number} has no trimap yet; draw one or let it be made")
        self.project.add(number, Base(carried.trimap, "propagated"))

    def unmark(self, number: int) -> None:
        """Take a mark away; it can be undone."""
        if self.project.history(number).marked:
            self.project.add(number, Unmark())

    def auto(self, number: int) -> None:
        """Mark a frame by the live network's matte."""
        trimap = auto_trimap(self._mattes, number, self._reel.frame(number))
        self.project.add(number, base_of(trimap, "automatic"))

    def propagate(self, number: int) -> None:
        """Make the trimap of a frame from the nearest mark, unless it is there."""
        if self.project.history(number).marked or self._carried_to(number) is not None:
            return
        propagation = self._propagation_now()
        reference = propagation.reference(number)
        trimap = encode_trimap(propagation.trimap(number, self._reel.frame(number)))
        self._carried[number] = Carried(trimap, reference, self.project.changed.get(reference, 0))
        self._carried.move_to_end(number)
        self._stand().add(number)
        if len(self._carried) > MOST_PROPAGATED:
            self._stand().discard(self._carried.popitem(last=False)[0])

    def preview(self, number: int, backdrop: str | None) -> bytes:
        """JPEG of the matte, or of the person before a backdrop, at a reduced size."""
        image = self._preview.show(number, self._propagation_now(), self.project.revision, backdrop)
        return _jpeg(image)

    def _propagation_now(self) -> Propagation:
        revision = self.project.revision
        if self._propagation is None or self._propagation[0] != revision:
            propagation = Propagation(
                self.networks.propagator, self.project, self.project.survey, self._marked, self.long_side,
                self._mattes,
            )  # fmt: skip
            self._propagation = (revision, propagation)
        return self._propagation[1]

    def _carried_to(self, number: int) -> Carried | None:
        """The propagated trimap of a frame, unless its reference is another by now or was drawn upon."""
        return self._carried[number] if number in self._stand() else None

    def _stand(self) -> set[int]:
        """Frames whose propagated trimap is as it would be made now."""
        project = self.project
        marked, changed = project.frames, project.changed
        if self._standing[0] != project.revision:
            standing = set()
            for number, carried in self._carried.items() if marked else ():
                now = reference_of(number, marked, project.survey)
                if (now, changed.get(now, 0)) == (carried.reference, carried.revision):
                    standing.add(number)
            self._standing = (project.revision, standing)
        return self._standing[1]


def _runs(numbers: set[int]) -> list[list[int]]:
    """First number and the one after the last, for each run of numbers without a gap."""
    runs: list[list[int]] = []
    for number in sorted(numbers):
        if runs and runs[-1][1] == number:
            runs[-1][1] += 1
        else:
            runs.append([number, number + 1])
    return runs


def _jpeg(image: UInt8Array) -> bytes:
    colours = image if image.ndim == 2 else np.ascontiguousarray(image[:, :, ::-1])
    good, data = cv2.imencode(".jpg", colours, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    if not good:
        raise SinkError(f"a picture of {image.shape} cannot be sent; is memory short?")
    return data.tobytes()
