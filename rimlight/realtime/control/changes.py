"""What can be changed while a stream runs: names and plain values become one change, made whole or not at all."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Any

from rimlight.compose import EdgeOptions
from rimlight.errors import ControlError
from rimlight.realtime.governor import Budget
from rimlight.realtime.live import Live

Values = dict[str, Any]
LARGEST = 1e6


@dataclass(frozen=True, slots=True)
class Knob:
    """Something that can be set: what it takes, in words, and what says whether a value is of that kind."""

    takes: str
    fits: Callable[[Any], bool]


def is_number(value: Any) -> bool:
    """Whether it is a number of a size that something here could take; true and false are none, nor is NaN."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= LARGEST


def _whole(value: Any) -> bool:
    return isinstance(value, int) and is_number(value)


def _switch(value: Any) -> bool:
    return isinstance(value, bool)


EDGES = {
    "feather": Knob("a number of pixels", is_number),
    "shift": Knob("a number from -1 to 1", is_number),
    "decontaminate": Knob("true or false", _switch),
}
KNOBS = {
    "backdrop": Knob("a text such as blur:0.6, #1e90ff or a path", lambda value: isinstance(value, str)),
    "blur": Knob("a number from 0 to 1", is_number),
    "mirror": Knob("true or false", _switch),
    "paused": Knob("true or false", _switch),
    "quality": Knob("a whole number of pixels", _whole),
    "edges": Knob(f"an object with any of {', '.join(EDGES)}", lambda value: isinstance(value, dict)),
    "target_fps": Knob('a number or "off"', lambda value: value == "off" or is_number(value)),
    "cpu_share": Knob('a number above 0 up to 1, or "off"', lambda value: value == "off" or is_number(value)),
}


class Controls:
    """The one way to change a live stream from outside; changes from several threads are made one after the other.

    note: what the configuration file has to say, "" if nothing; shown with the status.
    """

    def __init__(self, live: Live) -> None:
        self.live = live
        self.note = ""
        self._one = threading.Lock()

    def change(self, values: object, *, wait: bool = True) -> bool:
        """Make all of the changes, or none if one of them is refused.

        values: KNOBS by name. wait: for another change to be done; False is returned where one is under way and this
        is not to wait. Raises ControlError for names and kinds, RimlightError of the engine for values.
        """
        checked = check(values)
        if not self._one.acquire(blocking=wait):
            return False
        try:
            _apply(self.live, checked)
        finally:
            self._one.release()
        return True


def check(values: object) -> Values:
    """The values if they name knobs and are of their kinds; raises ControlError otherwise."""
    checked = _check(values, KNOBS, "")
    if "backdrop" in checked and "blur" in checked:
        raise ControlError("blur is a backdrop too; set one of backdrop and blur")
    return checked


def _check(values: object, knobs: dict[str, Knob], where: str) -> Values:
    if not isinstance(values, dict):
        raise ControlError(f"expected an object with any of {', '.join(knobs)}, got {kind_of(values)}")
    for name, value in values.items():
        if name not in knobs:
            raise ControlError(f"there is no {where}{name!s:.40}; {suggestion(name, list(knobs))}")
        if not knobs[name].fits(value):
            raise ControlError(f"expected {where}{name} as {knobs[name].takes}, got {shown(value)}")
        if name == "edges":
            _check(value, EDGES, "edges.")
    return values


def _apply(live: Live, values: Values) -> None:
    now = live.status()
    names = {"mirror": "mirror", "quality": "long_side"}
    changes: Values = {names[name]: value for name, value in values.items() if name in names}
    if "backdrop" in values:
        changes["backdrop"] = values["backdrop"]
    if "blur" in values:
        changes["backdrop"] = f"blur:{values['blur']:g}"
    if "edges" in values:
        changes["edges"] = _edges(now.settings.edges, values["edges"])
    if "target_fps" in values or "cpu_share" in values:
        changes["budget"] = _budget(now.budget, values)
    if changes:
        live.apply(**changes)
    if "paused" in values:
        live.pause(values["paused"])


def _edges(now: EdgeOptions, values: Values) -> EdgeOptions:
    fields = {"feather": "feather_px", "shift": "shift", "decontaminate": "decontaminate"}
    return replace(now, **{fields[name]: value for name, value in values.items()})


def _budget(now: Budget | None, values: Values) -> Budget | None:
    fps, share = (now.fps, now.cpu_share) if now else (None, None)
    fps, share = values.get("target_fps", fps), values.get("cpu_share", share)
    fps, share = (None if value == "off" else value for value in (fps, share))
    return None if fps is None and share is None else Budget(fps, share)


def suggestion(name: object, known: list[str]) -> str:
    """What may have been meant, or all that there is."""
    close = get_close_matches(str(name)[:40], known, 1)
    return f"did you mean {close[0]}?" if close else f"there are {', '.join(known)}"


def kind_of(value: object) -> str:
    """A JSON or TOML value's kind, for people."""
    kinds = {dict: "an object", list: "a list", str: "a text", bool: "true or false", type(None): "nothing"}
    return kinds.get(type(value), "a number" if isinstance(value, int | float) else type(value).__name__)


def shown(value: object) -> str:
    """A value in a message, cut short."""
    return f"{value!r:.40}" if isinstance(value, str | int | float) else kind_of(value)
