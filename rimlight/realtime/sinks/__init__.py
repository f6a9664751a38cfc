"""Sinks of frames by name: a video file, pictures, a pipe, a window, a virtual camera, NDI, nothing."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from rimlight.errors import SinkError
from rimlight.realtime.sinks import file, ndi, null, pictures, pipe, virtualcam, window
from rimlight.realtime.sinks.base import ReceiverGoneError, Sink, StreamInfo
from rimlight.realtime.sinks.options import Alpha, Options

__all__ = ["SINKS", "Alpha", "Opener", "Options", "ReceiverGoneError", "Sink", "StreamInfo", "check_apart", "kind_of",
           "open_sink"]  # fmt: skip

Opener = Callable[[str, StreamInfo, Options], Sink]

SINKS: dict[str, Opener] = {
    "file": file.from_spec,
    "ndi": ndi.from_spec,
    "null": null.from_spec,
    "pictures": pictures.from_spec,
    "pipe": pipe.from_spec,
    "virtualcam": virtualcam.from_spec,
    "window": window.from_spec,
}


def open_sink(
    spec: str,
    info: StreamInfo,
    *,
    alpha: Alpha = False,
    overwrite: bool = True,
    preset: str | None = None,
    crf: int | None = None,
) -> Sink:
    """Open a sink by its name for frames of info's size and rate.

    spec: the path of a video (.mp4, .m4v, .mov, .mkv, .webm); a folder, out/%05d.png or one picture; "-" or
    "pipe:y4m", "pipe:rgb24", "pipe:rgba", "pipe:i420"; "window"; "null"; "ndi", "ndi:NAME"; "virtualcam",
    "virtualcam:/dev/video10" or "virtualcam:obs". A path that looks like something else is written "file:PATH" or
    "pictures:PATH". alpha, overwrite, preset, crf: see Options.
    Raises SinkError where the output cannot be written or cannot hold what is asked, MissingExtraError for a window
    without tkinter and a windowing OpenCV, a virtual camera without pyvirtualcam, NDI without cyndilib.
    """
    try:
        kind, rest = kind_of(spec)
        return SINKS[kind](rest, info, Options(alpha, overwrite, preset, crf))
    except OSError as error:  # a name that is too long, a folder that may not be entered
        raise SinkError(f"{spec[:80]!r} cannot be written: {error.strerror or error}; give another name") from error


def kind_of(spec: str) -> tuple[str, str]:
    """Name in the registry and what is left of the spec; raises SinkError for an empty one."""
    if not spec.strip():
        raise SinkError("expected a sink, got an empty name; give a file such as out.mp4, a folder, - or window")
    head, _, rest = spec.partition(":")
    if head in SINKS:
        return head, rest
    if spec == "-":
        return "pipe", "y4m"
    if spec.endswith(("/", "\\")) or Path(spec).is_dir() or Path(spec).suffix.lower() in pictures.SUFFIXES:
        return "pictures", spec
    return "file", spec


def check_apart(spec: str, source: str | Path) -> None:
    """Raises SinkError for a sink that is the very file that is read, by another name or link too."""
    kind, rest = kind_of(spec)
    with suppress(OSError):  # one of them is not there, or no path at all
        if kind in ("file", "pictures") and Path(rest).is_file() and Path(rest).samefile(source):
            raise SinkError(f"{rest} is the file that is read, which is kept; give another name")
