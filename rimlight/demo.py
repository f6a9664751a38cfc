"""The demo: a real person's portrait becomes a short clip with a moving camera, and goes through the whole product.

Nothing is fetched: the portrait ships with the package (Eileen Collins, NASA, public domain).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np

from rimlight import assets
from rimlight.errors import SinkError
from rimlight.pixels import read_picture, to_i420
from rimlight.realtime.runner import Report, run_stream
from rimlight.realtime.session import Settings
from rimlight.realtime.sinks import open_sink
from rimlight.realtime.sinks.base import StreamInfo
from rimlight.realtime.sources import open_source
from rimlight.realtime.sources.file import FileSource
from rimlight.types import Frame, Size, UInt8Array

SIZE = Size(720, 960)
RATE = Fraction(30)
FRAMES = 90
WARM_UP = 4
SHEET_COLUMNS = (0.1, 0.4, 0.8)  # of the clip's length


@dataclass(frozen=True, slots=True)
class DemoFiles:
    """What a demo leaves behind."""

    clip: Path
    backdrop: Path
    demo: Path
    alpha: Path
    sheet: Path


def run_demo(folder: Path, settings: Settings, written: Callable[[Frame], None]) -> tuple[DemoFiles, Report]:
    """Write clip, backdrop, composite, alpha video and contact sheet into folder; the report is the composite's run.

    written is called after every frame of the two runs (2 * FRAMES). Raises RimlightError.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SinkError(f"cannot make the folder {folder}: {error.strerror}; name another with --out") from error
    names = ("demo-input.mp4", "demo-backdrop.png", "demo.mp4", "demo-alpha.mov", "demo-sheet.png")
    files = DemoFiles(*(folder / name for name in names))
    _write_clip(files.clip)
    _write_picture(files.backdrop, sunset(SIZE))
    before = replace(settings, backdrop=str(files.backdrop))
    with FileSource(files.clip, frames=range(WARM_UP)) as source:  # compiles what is not yet; not measured
        run_stream(source, "null:i420", before)
    with open_source(str(files.clip)) as source:
        report = run_stream(source, str(files.demo), before, written=written)
    with open_source(str(files.clip)) as source:
        run_stream(source, str(files.alpha), replace(settings, backdrop="transparent"), written=written)
    _write_picture(files.sheet, contact_sheet(files))
    return files, report


def camera_path(portrait: UInt8Array, frames: int) -> Iterator[UInt8Array]:
    """Pictures (H, W, 3) of SIZE as a hand-held camera would see the portrait: slow pan, zoom and roll."""
    side = portrait.shape[0]
    for index in range(frames):
        phase = 2 * np.pi * index / frames
        zoom = SIZE.width / side * (1.13 + 0.04 * np.sin(phase))
        x = side * (0.48 + 0.025 * np.sin(2 * phase))
        y = side * (0.338 + 0.006 * np.sin(phase + 1))
        warp = cv2.getRotationMatrix2D((x, y), 0.8 * np.sin(phase), zoom)
        warp[:, 2] += (SIZE.width / 2 - x, SIZE.height / 2 - y)
        picture = cv2.warpAffine(
            portrait, warp, (SIZE.width, SIZE.height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT
        )
        yield np.asarray(picture, np.uint8)


def sunset(size: Size) -> UInt8Array:
    """A drawn evening sky (H, W, 3) with a low sun and two lines of hills."""
    height, width = size.height, size.width
    y, x = np.mgrid[0:height, 0:width].astype(np.float32) / np.float32(height)
    top, bottom = np.array([38, 48, 94], np.float32), np.array([250, 170, 110], np.float32)
    sky = top + (bottom - top) * np.clip(y * 1.35, 0, 1)[:, :, None] ** 1.5
    glow = np.exp(-((x - 0.95) ** 2 + (y - 0.6) ** 2) / 0.05)[:, :, None] * np.array([120, 95, 40], np.float32)
    picture = sky + glow
    for base, colour in ((0.72, (96, 64, 92)), (0.84, (44, 36, 58))):
        ridge = base + 0.04 * np.sin(x * 5 + base * 20) + 0.015 * np.sin(x * 17)
        picture = np.where((y > ridge)[:, :, None], np.array(colour, np.float32), picture)
    return np.asarray(np.clip(picture, 0, 255), np.uint8)


def contact_sheet(files: DemoFiles) -> UInt8Array:
    """Rows input, matte, composite, read back from the files; one column per moment of SHEET_COLUMNS."""
    wanted = [int(FRAMES * part) for part in SHEET_COLUMNS]
    rows = [_pick(files.clip, wanted), _pick_alpha(files.alpha, wanted), _pick(files.demo, wanted)]
    sheet = np.vstack([np.hstack([cv2.resize(image, (480, 360)) for image in row]) for row in rows])
    return np.asarray(sheet, np.uint8)


def _pick(path: Path, wanted: list[int]) -> list[UInt8Array]:
    with open_source(str(path)) as source:
        return [frame.image for index, frame in enumerate(source) if index in wanted]


def _pick_alpha(path: Path, wanted: list[int]) -> list[UInt8Array]:
    import av

    with av.open(str(path)) as container:
        pictures = [frame.to_ndarray(format="rgba") for i, frame in enumerate(container.decode(video=0)) if i in wanted]
    return [np.repeat(picture[:, :, 3:], 3, axis=2).astype(np.uint8) for picture in pictures]


def _write_clip(path: Path) -> None:
    source = assets.asset("astronaut.jpg").path
    portrait = read_picture(source.read_bytes(), source.name)
    with open_sink(str(path), StreamInfo(SIZE, RATE), alpha=False) as sink:
        for index, picture in enumerate(camera_path(portrait, FRAMES)):
            sink.write(Frame(to_i420(picture), index / float(RATE), 0.0, cut=index == 0))


def _write_picture(path: Path, image: UInt8Array) -> None:
    if not cv2.imwrite(str(path), cv2.cvtColor(image, cv2.COLOR_RGB2BGR)):
        raise SinkError(f"cannot write {path}; is the folder writable?")
