"""The preview's picture: input, matte and output side by side, with what the stream says of itself below."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from rimlight.pixels import size_of, to_rgb
from rimlight.types import I420, FloatArray, Pixels, Size, UInt8Array

Colour = tuple[int, int, int]

PANEL = Size(216, 360)  # the most a picture takes; its aspect is kept
LEAST_WIDTH = 272  # of a panel, for what is written above and below
MARGIN, HEAD, FOOT = 12, 34, 62
GROUND, DIM, BRIGHT = (22, 24, 29), (150, 156, 168), (236, 239, 244)
PRIVATE, SENT = (255, 170, 70), (120, 210, 140)
STATES: dict[str, Colour] = {"live": (46, 160, 88), "degraded": (205, 140, 20), "cover": (190, 52, 52)}
OTHER_STATE = (70, 98, 150)
FONT = cv2.FONT_HERSHEY_SIMPLEX
CHECKS = 12  # side of the squares that stand for transparent, in pixels


@dataclass(frozen=True, slots=True)
class Words:
    """What is written below the pictures: the state, why it is so, and two lines of figures."""

    state: str
    reason: str
    figures: tuple[str, str]


def panel_size(full: Size) -> Size:
    """The largest size of that aspect that fits a panel, with even sides."""
    ratio = min(PANEL.height / full.height, PANEL.width / full.width)
    return Size(*(max(2, round(side * ratio / 2) * 2) for side in (full.height, full.width)))


def shrunk(pixels: Pixels) -> UInt8Array:
    """Pixels at the size of a panel, (h, w, 3) RGB in new memory; what is transparent shows a chequered ground."""
    size = panel_size(size_of(pixels))
    if isinstance(pixels, I420):
        half = Size(size.height // 2, size.width // 2)
        planes = (_resized(pixels.y, size), _resized(pixels.u, half), _resized(pixels.v, half))
        return to_rgb(I420(*planes, bt709=pixels.bt709, full_range=pixels.full_range))
    small = _resized(pixels, size)
    return _over_checks(small) if small.shape[2] == 4 else small


def grey(alpha: FloatArray, full: Size) -> UInt8Array:
    """A matte (h, w) 0..1 as a picture at the size of a panel for frames of that full size, (h, w, 3)."""
    size = panel_size(full)
    levels = np.round(alpha * 255).astype(np.uint8)
    return np.repeat(_resized(levels, size)[:, :, None], 3, axis=2)


def seen(small: FloatArray, full: Size) -> UInt8Array:
    """A frame as the network saw it (3, h, w) 0..1 at the size of a panel, (h, w, 3) RGB."""
    levels = np.round(np.clip(small, 0, 1).transpose(1, 2, 0) * 255).astype(np.uint8)
    return _resized(np.ascontiguousarray(levels), panel_size(full))


def page(pictures: tuple[UInt8Array | None, UInt8Array | None, UInt8Array | None], words: Words) -> UInt8Array:
    """The whole preview (H, W, 3): input, matte, output, each None where there is nothing fresh to show."""
    shapes = [picture.shape for picture in pictures if picture is not None]
    height = max((shape[0] for shape in shapes), default=PANEL.height)
    width = max(LEAST_WIDTH, *(shape[1] for shape in shapes)) if shapes else PANEL.width
    canvas = np.empty((HEAD + height + FOOT, 4 * MARGIN + 3 * width, 3), np.uint8)
    canvas[:] = GROUND
    heads = (("INPUT", "stays on this computer", PRIVATE), ("MATTE", "", DIM), ("OUTPUT", "what is sent", SENT))
    for index, (picture, head) in enumerate(zip(pictures, heads, strict=True)):
        left = MARGIN + index * (width + MARGIN)
        _write(canvas, head[0], (left, 22), BRIGHT)
        _write(canvas, head[1], (left + _width(head[0]) + 10, 22), head[2])
        _place(canvas[HEAD : HEAD + height, left : left + width], picture)
    _foot(canvas, HEAD + height, words)
    return canvas


def _place(room: UInt8Array, picture: UInt8Array | None) -> None:
    """A picture in the middle of its room, or a word that there is none."""
    if picture is None:
        room[:] = (32, 35, 42)
        text = "no picture"
        _write(room, text, ((room.shape[1] - _width(text)) // 2, room.shape[0] // 2 + 5), DIM)
        return
    height, width = picture.shape[:2]
    top, left = (room.shape[0] - height) // 2, (room.shape[1] - width) // 2
    room[:] = (10, 11, 13)
    room[top : top + height, left : left + width] = picture


def _foot(canvas: UInt8Array, top: int, words: Words) -> None:
    state = words.state.upper()
    width = _width(state) + 20
    colour = STATES.get(words.state, OTHER_STATE)
    cv2.rectangle(canvas, (MARGIN, top + 9), (MARGIN + width, top + 31), colour, cv2.FILLED)
    _write(canvas, state, (MARGIN + 10, top + 25), (255, 255, 255))
    _write(canvas, _fitting(words.reason, canvas.shape[1] - 3 * MARGIN - width), (2 * MARGIN + width, top + 25), BRIGHT)
    right = canvas.shape[1] - MARGIN - _width(words.figures[1])
    _write(canvas, words.figures[0], (MARGIN, top + 51), BRIGHT)
    if right > 2 * MARGIN + _width(words.figures[0]):
        _write(canvas, words.figures[1], (right, top + 51), DIM)


def _fitting(text: str, width: int) -> str:
    """As much of a text as fits, with dots where some is left out."""
    if _width(text) <= width:
        return text
    while text and _width(text + "...") > width:
        text = text[:-1]
    return text + "..."


def _write(canvas: UInt8Array, text: str, at: tuple[int, int], colour: Colour) -> None:
    cv2.putText(canvas, text, at, FONT, 0.46, colour, 1, cv2.LINE_AA)


def _width(text: str) -> int:
    return int(cv2.getTextSize(text, FONT, 0.46, 1)[0][0])


def _resized(image: UInt8Array, size: Size) -> UInt8Array:
    method = cv2.INTER_AREA if image.shape[0] > size.height else cv2.INTER_LINEAR
    return np.array(cv2.resize(image, (size.width, size.height), interpolation=method), np.uint8)


def _over_checks(rgba: UInt8Array) -> UInt8Array:
    height, width = rgba.shape[:2]
    rows, columns = np.indices((height, width)) // CHECKS
    ground = np.where((rows + columns) % 2, 96, 140)[:, :, None]  # (h, w, 1)
    alpha = rgba[:, :, 3:].astype(np.float32) / 255
    return np.asarray(rgba[:, :, :3] * alpha + ground * (1 - alpha) + 0.5, np.uint8)
