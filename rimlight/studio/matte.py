"""A whole video matted from its marked frames, in a sliding window, in parts that outlive a kill.

The window and the reference stay within a shot: beyond its ends time is folded as the network wants it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from rimlight.realtime.backdrops import open_backdrop
from rimlight.realtime.session import Settings
from rimlight.realtime.sinks import check_apart
from rimlight.realtime.sinks.base import Sink, StreamInfo
from rimlight.realtime.sinks.options import Options
from rimlight.studio.live import LiveMattes
from rimlight.studio.marks import Marks
from rimlight.studio.narrowing import narrowing_of
from rimlight.studio.networks import Networks
from rimlight.studio.pictures import Finisher
from rimlight.studio.propagate import LONG_SIDE, Propagation
from rimlight.studio.reel import Reel
from rimlight.studio.segments import Others, Segments
from rimlight.studio.survey import Survey
from rimlight.studio.tiles import OVERLAP, SIDE, WHOLE, tiling_of
from rimlight.studio.window import Marked, Window
from rimlight.types import FloatArray, Frame


@dataclass(frozen=True, slots=True)
class Output:
    """What is written. sink: a video file or numbered pictures. beside: fill and matte side by side in a plain video.

    sound: passed through. others: what is done with the parts of a run with other choices that was broken off. restart:
    parts of the same are thrown away too.
    """

    sink: str
    backdrop: str = "transparent"
    beside: bool = False
    sound: bool = True
    decontaminate: bool = True
    others: Others = "refuse"
    restart: bool = False


@dataclass(frozen=True, slots=True)
class Detail:
    """How finely is looked. long_side: of propagation. whole: pixels up to which a frame is one tile. tile, overlap:
    pixels.
    """

    long_side: int = LONG_SIDE
    whole: int = WHOLE
    tile: int = SIDE
    overlap: int = OVERLAP


@dataclass(frozen=True, slots=True)
class Film:
    """A video that was looked through. digest: its checksum."""

    path: Path
    survey: Survey
    digest: str


class Mattes:
    """Alpha of frames asked for in order; frees its files when closed.

    live: of the network that doubts what is carried, None for nobody. decoded: frames of the video that were decoded,
    those of marks beside.
    """

    def __init__(
        self, film: Film, networks: Networks, marks: Marks, detail: Detail | None = None, live: Settings | None = None,
    ) -> None:  # fmt: skip
        detail = detail or Detail()
        self._survey, self._networks = film.survey, networks
        self._reel = Reel(film.path, film.survey.count)
        self._marked = Reel(film.path, film.survey.count)
        self._live = None if live is None else LiveMattes(live, film.survey, self._marked)
        self._propagation = Propagation(
            networks.propagator, marks, film.survey, self._marked, detail.long_side, self._live
        )
        tiling = tiling_of(film.survey.size, whole=detail.whole, side=detail.tile, overlap=detail.overlap)
        self._window, self._narrowing = Window(networks.matter, tiling), narrowing_of(networks.matter, film.survey.size)
        self._shown: dict[int, Frame] = {}
        self._ahead: dict[int, Marked] = {}  # frames that the window has not come to

    @property
    def decoded(self) -> int:
        return self._reel.decoded

    @property
    def looks(self) -> int:
        """Features of tiles that were computed."""
        return self._window.looks

    def matte(self, number: int) -> tuple[Frame, FloatArray]:
        """A frame, (H, W, 3) RGB, and its alpha (H, W) 0..1."""
        numbers = self._around(number)
        alpha = self._window.alpha(number, numbers, self._show)
        for passed in [other for other in self._ahead if other <= max(numbers)]:
            del self._ahead[passed]
        for old in self._shown.keys() - set(numbers) - self._ahead.keys():
            del self._shown[old]
        return self._shown[number], alpha

    def close(self) -> None:
        self._reel.close()
        self._marked.close()
        if self._live is not None:
            self._live.close()

    def _around(self, number: int) -> list[int]:
        """Frames of a frame's window, which stays within its shot."""
        shot = self._survey.shot(number)
        return [shot.start + place for place in self._networks.matter.window(number - shot.start, len(shot))]

    def _show(self, number: int) -> Marked:
        if self._narrowing is None:
            return self._marked_at(number)
        return self._narrowing.marked(number, self._around(number), self._marked_at)

    def _marked_at(self, number: int) -> Marked:
        if number not in self._ahead:
            frame = self._reel.frame(number)
            marked = self._ahead[number] = Marked(frame.image, self._propagation.trimap(number, frame))
            self._shown[number] = replace(frame, pixels=marked.image)
        return self._ahead[number]


def matte_film(
    film: Film, networks: Networks, marks: Marks, output: Output, detail: Detail | None = None, marks_digest: str = "",
    live: Settings | None = None,
) -> Iterator[int]:  # fmt: skip
    """Mat a video and write it; yields how many frames are done, first those of a run that was broken off.

    marks_digest: tells the marks from others, for taking up. live: as for Mattes. The target appears when all is done.
    Raises RimlightError; what was done so far is taken up by the next run with the same arguments.
    """
    check_apart(output.sink, film.path)
    detail = detail or Detail()
    survey = film.survey
    info = StreamInfo(survey.size, survey.rate, str(film.path) if output.sound else None)
    with (
        closing(open_backdrop(output.backdrop)) as backdrop,
        closing(Mattes(film, networks, marks, detail, live)) as mattes,
    ):
        options = Options("side-by-side" if backdrop.transparent and output.beside else backdrop.transparent)
        identity = {
            "video": film.digest, "trimaps": marks_digest, "weights": networks.mark, "device": networks.device,
            "backdrop": output.backdrop,
            "output": f"{output.beside} {output.decontaminate}", "detail": asdict(detail),
            "live": "" if live is None else f"{live.backend} {live.device} {live.long_side}",
        }  # fmt: skip
        parts = Segments(
            output.sink, info, options, survey.count, identity, others="restart" if output.restart else output.others
        )
        done = parts.frames_done
        yield done
        for number, frames in parts.missing():
            begins_s = 0.0
            with parts.part(number) as sink:
                finisher = Finisher(backdrop, sink.wants, decontaminate=output.decontaminate)
                for frame in frames:
                    written_s = _write(frame, mattes, finisher, sink, parts.start_s)
                    begins_s = written_s if frame == frames.start else begins_s
                    done += 1
                    yield done
            parts.done(number, begins_s)
        parts.finish()


def _write(number: int, mattes: Mattes, finisher: Finisher, sink: Sink, shift_s: float) -> float:
    """Write one frame; returns when it is shown, as written."""
    frame, alpha = mattes.matte(number)
    shown_s = frame.pts_s + shift_s
    sink.write(replace(frame, pixels=finisher(frame.image, alpha, frame.pts_s), pts_s=shown_s))
    return shown_s
