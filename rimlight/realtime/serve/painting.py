"""What pictures are painted with: gradients, noise, light, lenses. In linear light until the very end.

Lengths are in picture heights, so that a picture looks the same at every size; y runs down from 0 to 1, x to the right
from 0 to the aspect ratio. Letters: H, W height and width in pixels. Canvases are (H, W, 3) float32, linear, 0..1.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from rimlight.types import FloatArray, UInt8Array

# Linear sRGB to and from Oklab (B. Ottosson, "A perceptual color space for image processing", 2020).
TO_CONES = np.array([
    [0.4122214708, 0.5363325363, 0.0514459929], [0.2119034982, 0.6806995451, 0.1073969566],
    [0.0883024619, 0.2817188376, 0.6299787005],
])  # fmt: skip
TO_OKLAB = np.array([
    [0.2104542553, 0.7936177850, -0.0040720468], [1.9779984951, -2.4285922050, 0.4505937099],
    [0.0259040371, 0.7827717662, -0.8086757660],
])  # fmt: skip

Stops = Sequence[tuple[float, str]]  # positions and colours such as #1e90ff


def colour(text: str) -> FloatArray:
    """(3,) linear light of a colour such as #1e90ff."""
    coded = np.array([int(text[i : i + 2], 16) for i in (1, 3, 5)], np.float32) / 255
    return np.where(coded <= 0.04045, coded / 12.92, ((coded + 0.055) / 1.055) ** 2.4).astype(np.float32)


def grid(height: int, width: int) -> tuple[FloatArray, FloatArray]:
    """Places of the pixels' middles: y (H, 1) and x (1, W)."""
    y, x = ((np.arange(count, dtype=np.float32) + 0.5) / height for count in (height, width))
    return np.asarray(y[:, None], np.float32), np.asarray(x[None], np.float32)


def blend(stops: Stops, at: FloatArray) -> FloatArray:
    """(H, W, 3) colours between stops for at (H, W); mixed in Oklab, so that no mixture turns grey or garish."""
    places = np.array([place for place, _ in stops])
    cones = np.cbrt(np.array([colour(text) for _, text in stops], np.float64) @ TO_CONES.T)
    table_at = np.linspace(places[0], places[-1], 1024)
    lab = np.stack([np.interp(table_at, places, column) for column in (cones @ TO_OKLAB.T).T], 1)
    lab = cv2.GaussianBlur(lab, (1, 0), 0, sigmaY=24, borderType=cv2.BORDER_REPLICATE) if len(stops) > 2 else lab
    table = ((lab @ np.linalg.inv(TO_OKLAB).T) ** 3 @ np.linalg.inv(TO_CONES).T).clip(0, 1).astype(np.float32)
    where = (np.clip((at - places[0]) / (places[-1] - places[0]), 0, 1) * 1023).astype(np.float32)
    taken = cv2.remap(table[:, None], np.zeros_like(where), where, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(taken, np.float32)


def noise(height: int, width: int, seed: int, cell: float, stretch: float = 1.0, octaves: int = 1) -> FloatArray:
    """(H, W) of soft random hills, mean 0 and deviation about 1; cell: distance of hills, stretch: how much wider."""
    rng, total = np.random.default_rng(seed), np.zeros((height, width), np.float32)
    for octave in range(octaves):
        step = cell / 2**octave
        shape = (int(1 / step) + 4, int(width / height / (step * stretch)) + 4)
        hills = rng.standard_normal(shape).astype(np.float32)
        y, x = grid(height, width)
        total += cv2.remap(
            hills, np.broadcast_to(x / (step * stretch) + 1, (height, width)).astype(np.float32),
            np.broadcast_to(y / step + 1, (height, width)).astype(np.float32), cv2.INTER_CUBIC,
        ) / 2**octave  # fmt: skip
    return total / np.float32(0.75 * sum(0.25**octave for octave in range(octaves)) ** 0.5)


def soften(canvas: FloatArray, sigma: float) -> FloatArray:
    """The canvas (H, W) or (H, W, 3) under a Gaussian of that sigma."""
    height, width = canvas.shape[:2]
    factor = max(1, int(sigma * height / 4))  # what is very soft need not be computed sharp
    small = cv2.resize(canvas, (max(1, width // factor), max(1, height // factor)), interpolation=cv2.INTER_AREA)
    small = cv2.GaussianBlur(small, (0, 0), sigma * height / factor, borderType=cv2.BORDER_REFLECT)
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC), np.float32).clip(0)


def defocus(canvas: FloatArray, radius: float) -> FloatArray:
    """The canvas out of focus, as a lens with a round opening shows it: every point becomes a disc of that radius."""
    height, width = canvas.shape[:2]
    factor = max(1, int(radius * height / 6))
    small = cv2.resize(canvas, (width // factor, height // factor), interpolation=cv2.INTER_AREA)
    pixels = radius * height / factor
    reach = int(pixels) + 1
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    kernel = np.clip(pixels + 0.5 - np.hypot(y, x), 0, 1)
    small = cv2.filter2D(small, -1, kernel / kernel.sum(), borderType=cv2.BORDER_REFLECT)
    large = cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)
    return soften(np.asarray(large, np.float32).clip(0), radius / 5)


def glow(y: FloatArray, x: FloatArray, at: tuple[float, float], reach: float, aspect: float = 1.0) -> FloatArray:
    """(H, W) 0..1: light that falls off from a place (y, x) as far as reach; aspect: how much wider than high."""
    away = ((y - at[0]) ** 2 + ((x - at[1]) / aspect) ** 2) / reach**2
    return np.asarray(np.exp(-away), np.float32)


def shade(canvas: FloatArray, y: FloatArray, x: FloatArray, strength: float) -> FloatArray:
    """The canvas darker towards its corners, as lenses make it."""
    middle = canvas.shape[1] / canvas.shape[0] / 2
    away = ((y - 0.5) ** 2 + ((x - middle) / 1.5) ** 2) / 0.6
    return np.asarray(canvas * (1 - strength * np.clip(away, 0, 1) ** 1.2)[:, :, None], np.float32)


def mix(below: FloatArray, above: FloatArray, cover: FloatArray) -> FloatArray:
    """above (a colour or canvas) over below where cover (H, W) is 1."""
    return np.asarray(below + (above - below) * cover[:, :, None], np.float32)


def polygon(canvas: FloatArray, corners: Sequence[tuple[float, float]], fill: FloatArray | float) -> None:
    """Fill a polygon of corners (y, x) with a colour, edges smooth; canvas (H, W) or (H, W, 3)."""
    height = canvas.shape[0]
    points = np.array([[(x * height - 0.5) * 256, (y * height - 0.5) * 256] for y, x in corners], np.int32)
    ink = (float(fill),) if isinstance(fill, float) else tuple(float(part) for part in fill)
    cv2.fillPoly(canvas, [points], ink, lineType=cv2.LINE_8, shift=8)


def box(canvas: FloatArray, top: float, left: float, bottom: float, right: float, fill: FloatArray | float) -> None:
    """Fill an upright rectangle."""
    polygon(canvas, [(top, left), (top, right), (bottom, right), (bottom, left)], fill)


def finished(canvas: FloatArray, seed: int) -> UInt8Array:
    """(H, W, 3) uint8 sRGB, rounded up or down by chance, so that a soft gradient shows no bands."""
    light = np.clip(canvas, 0, 1)
    coded = np.where(light <= 0.0031308, light * 12.92, 1.055 * np.power(light, 1 / 2.4) - 0.055) * 255
    chance = np.random.default_rng(seed).random(canvas.shape, np.float32)
    return np.asarray(np.clip(np.floor(coded + chance), 0, 255), np.uint8)
