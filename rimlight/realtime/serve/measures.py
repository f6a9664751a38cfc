"""What a client may say of its picture: names and plain values become one new Look, or an error that says which is off.

A backdrop is a word of a closed grammar. Nothing here opens a path or fetches an address, and what does not fit the
grammar is refused, so that what comes from the network never reaches a function that would.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

from rimlight.compose import EdgeOptions
from rimlight.errors import BackdropError, ControlError
from rimlight.realtime.control.changes import kind_of, suggestion

LONG_SIDES = {"low": 256, "medium": 384, "high": 512}  # internal pixels
FEATHER_PX = (0.0, 20.0)
SHIFT = (-1.0, 1.0)
NAME = r"[a-z0-9]+(-[a-z0-9]+)*"  # of a picture in the gallery
PLAIN = r"blur:(0(\.[0-9]{1,6})?|1(\.0{1,6})?)|#[0-9a-fA-F]{6}"
TAKES = "blur:0.0 to blur:1.0, a colour such as #1e90ff, gallery:NAME or upload"
MOST_SHOWN = 40  # letters of what came, in a message


class MissingBackdropError(BackdropError):
    """A backdrop that is named well but is not there; status: of HTTP."""

    status = 409


@dataclass(frozen=True, slots=True)
class Look:
    """How one stream is to look.

    backdrop: see TAKES. quality: one of LONG_SIDES. feather: pixels of the full picture, 0 to 20. shift: -1 (tighter)
    to 1 (wider). decontaminate: as in EdgeOptions. paused: the cover is shown.
    """

    backdrop: str = "blur:0.6"
    quality: str = "medium"
    feather: float = 0.0
    shift: float = 0.0
    decontaminate: bool = True
    paused: bool = False

    def as_json(self) -> dict[str, str | float | bool]:
        """The values by name, as `changed` takes them."""
        return {name: getattr(self, name) for name in READERS}

    def edges(self) -> EdgeOptions:
        """What is done to the matte's edge."""
        return EdgeOptions(self.feather, self.shift, self.decontaminate)

    def long_side(self) -> int:
        """Longer side of the network's picture, in pixels."""
        return LONG_SIDES[self.quality]


def changed(look: Look, values: object, *, gallery: Collection[str] = (), has_upload: bool = False) -> Look:
    """The look with those values that are given, all or none.

    values: an object as JSON has them. gallery: names of its pictures. has_upload: whether the session has a picture of
    its own. Raises ControlError for names, kinds and ranges, BackdropError for a backdrop that cannot be understood,
    MissingBackdropError for one that is not there.
    """
    if not isinstance(values, dict):
        raise ControlError(f"expected settings as an object with any of {', '.join(READERS)}, got {kind_of(values)}")
    for name in values:
        if name not in READERS:
            raise ControlError(f"there is no setting {_shown(name)}; {suggestion(name, list(READERS))}")
    fresh = {name: READERS[name](name, value) for name, value in values.items()}
    if "backdrop" in fresh:
        _find(fresh["backdrop"], gallery, has_upload)
    return replace(look, **fresh)


def from_query(query: Mapping[str, str]) -> dict[str, object]:
    """The values of an address such as ?backdrop=blur:0.6&feather=2, for `changed`.

    Texts that are no number, no true and no false stay texts, which `changed` then refuses with their name.
    """
    return {name: value if name in TEXTS else _plain_value(value) for name, value in query.items()}


def _plain_value(text: str) -> object:
    if text in ("true", "false"):
        return text == "true"
    return float(text) if re.fullmatch(r"-?[0-9]{1,9}(\.[0-9]{1,9})?", text) else text


def _backdrop(name: str, value: object) -> str:
    if not isinstance(value, str) or not re.fullmatch(rf"{PLAIN}|gallery:.*|upload", value):
        raise BackdropError(f"expected {name} as {TAKES}, got {_shown(value)}")
    return value


def _find(backdrop: str, gallery: Collection[str], has_upload: bool) -> None:
    """Raise MissingBackdropError unless what the backdrop names is there."""
    kind, _, picture = backdrop.partition(":")
    if kind == "gallery" and picture not in gallery:
        hint = suggestion(picture, sorted(gallery)) if gallery else "it is empty"
        raise MissingBackdropError(f"the gallery has no picture {_shown(picture)}; {hint}")
    if kind == "upload" and not has_upload:
        raise MissingBackdropError("this session has no picture of its own yet; PUT one to its /backdrop first")


def _quality(name: str, value: object) -> str:
    if not isinstance(value, str) or value not in LONG_SIDES:
        raise ControlError(f"expected {name} as one of {', '.join(LONG_SIDES)}, got {_shown(value)}")
    return value


def _number(least: float, most: float) -> Callable[[str, object], float]:
    def read(name: str, value: object) -> float:
        if isinstance(value, int | float) and not isinstance(value, bool) and least <= value <= most:
            return float(value) + 0.0  # no negative zero; NaN is in no range
        raise ControlError(f"expected {name} as a number from {least:g} to {most:g}, got {_shown(value)}")

    return read


def _switch(name: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise ControlError(f"expected {name} as true or false, got {_shown(value)}")
    return value


READERS: dict[str, Callable[[str, object], Any]] = {
    "backdrop": _backdrop,
    "quality": _quality,
    "feather": _number(*FEATHER_PX),
    "shift": _number(*SHIFT),
    "decontaminate": _switch,
    "paused": _switch,
}
TEXTS = ("backdrop", "quality")


def _shown(value: object) -> str:
    """A value in a message, cut short; letters that do not print are escaped."""
    if isinstance(value, str):
        return repr(value if len(value) <= MOST_SHOWN else value[:MOST_SHOWN] + "...")
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int) and abs(value) > 1e9:
        return "a huge number"  # one of very many digits cannot even be printed
    return f"{value!r}" if isinstance(value, int | float) else kind_of(value)
