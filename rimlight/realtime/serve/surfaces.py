"""Calm backdrops: skies of colour, walls, paper. Each function paints one at any size; see painting for the units."""

from __future__ import annotations

from typing import TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

from rimlight.realtime.serve.painting import (
    blend,
    colour,
    glow,
    grid,
    mix,
    noise,
    polygon,
    shade,
    soften,
)
from rimlight.types import FloatArray

Place: TypeAlias = "npt.NDArray[np.float64]"  # (2,) y and x


def dusk(height: int, width: int) -> FloatArray:
    """The sky after sunset."""
    y, x = grid(height, width)
    sky = y + 0.05 * noise(height, width, 11, 0.9) + 0.06 * np.sin(x * 1.3 + 0.6)
    stops = [
        (0.0, "#10152f"),
        (0.3, "#2b2857"),
        (0.55, "#6b3f72"),
        (0.75, "#bd5f6c"),
        (0.92, "#ee9a6e"),
        (1.1, "#f9c78f"),
    ]
    canvas = blend(stops, np.asarray(sky, np.float32))
    canvas = mix(canvas, colour("#ffcf96"), 0.6 * glow(y, x, (1.1, 0.5), 0.4, 2.0))
    return mix(canvas, colour("#47368a"), 0.5 * glow(y, x, (0.2, 1.65), 0.55, 1.4))


def dawn(height: int, width: int) -> FloatArray:
    """The sky before sunrise."""
    y, x = grid(height, width)
    sky = y + 0.06 * noise(height, width, 23, 1.0) - 0.08 * np.sin(x * 1.2 + 0.2)
    stops = [(-0.1, "#8fb3d9"), (0.3, "#b9cfe3"), (0.55, "#e3dbe2"), (0.75, "#f6d5c5"), (1.05, "#fbe4c4")]
    canvas = blend(stops, np.asarray(sky, np.float32))
    canvas = mix(canvas, colour("#fff6e2"), 0.8 * glow(y, x, (0.85, 1.4), 0.5, 1.6))
    return mix(canvas, colour("#eab6c0"), 0.45 * glow(y, x, (0.65, 0.05), 0.5, 1.4))


def slate(height: int, width: int) -> FloatArray:
    """Cool grey with light from the upper left."""
    y, x = grid(height, width)
    along = 0.75 * y + 0.32 * x + 0.03 * noise(height, width, 37, 0.8)
    stops = [(0.0, "#667689"), (0.35, "#506073"), (0.7, "#39475a"), (1.1, "#263041"), (1.4, "#1b222f")]
    canvas = blend(stops, np.asarray(along, np.float32))
    return mix(canvas, colour("#a8bace"), 0.5 * glow(y, x, (0.0, 0.3), 0.55, 1.6))


def studio(height: int, width: int) -> FloatArray:
    """A painted canvas, lit from in front as photographers do."""
    y, x = grid(height, width)
    clouds = 0.5 * noise(height, width, 41, 0.5, octaves=2) + 0.35 * noise(height, width, 43, 0.07, octaves=4)
    weave = noise(height, width, 47, 0.004) + noise(height, width, 53, 0.004, stretch=3)
    base = blend([(-3.0, "#5d5850"), (0.0, "#77716a"), (3.0, "#948c80")], np.asarray(clouds, np.float32))
    light = 0.18 + 1.35 * glow(y, x, (0.4, 0.89), 0.75, 1.3)
    canvas = base * (light * (1 + 0.012 * weave))[:, :, None]
    return shade(np.asarray(canvas, np.float32), y, x, 0.2)


def plaster(height: int, width: int) -> FloatArray:
    """A limewashed wall in sage, brushed crosswise, with light from the left."""
    y, x = grid(height, width)
    strokes = np.zeros((height, width), np.float32)
    for seed, angle in ((61, 35), (67, -40), (71, 75), (73, -10)):
        side = int(1.3 * max(height, width))
        flat = noise(side, side, seed, 0.012, stretch=7, octaves=2)
        turn = np.asarray(cv2.getRotationMatrix2D((side / 2, side / 2), angle, 1), np.float64)
        turn[:, 2] += np.array([width - side, height - side]) / 2
        strokes += cv2.warpAffine(flat, turn, (width, height), borderMode=cv2.BORDER_REFLECT) / 4
    patches = noise(height, width, 79, 0.4, octaves=3)
    tone = 0.55 * strokes + 0.6 * patches
    canvas = blend([(-2.5, "#7f8b78"), (0.0, "#9aa590"), (2.5, "#b9c1ac")], np.asarray(tone, np.float32))
    light = 1.12 - 0.28 * x + 0.05 * np.cos(3 * y)
    return shade(np.asarray(canvas * light[:, :, None], np.float32), y, x, 0.22)


def paper(height: int, width: int) -> FloatArray:
    """Handmade paper with its fibres, in raking light."""
    y, x = grid(height, width)
    relief = 0.5 * noise(height, width, 83, 0.008, octaves=2) + 0.8 * noise(height, width, 89, 0.03, octaves=3)
    relief += 1.2 * soften(fibres(height, width, 97, 1400), 0.0007)
    tilted = np.asarray(relief, np.float32)
    lit = soften(tilted - np.roll(tilted, (-round(height / 400), -round(height / 400)), (0, 1)) + 8, 0.0006) - 8
    sheet = blend([(0.0, "#f1e9db"), (1.0, "#ddd0bb")], np.asarray(0.3 * y + 0.32 * x, np.float32))
    waves = 0.025 * noise(height, width, 101, 0.5)
    return shade(np.asarray(sheet * (1 + 0.05 * lit + waves)[:, :, None], np.float32), y, x, 0.15)


def fibres(height: int, width: int, seed: int, count: int) -> FloatArray:
    """(H, W) 0..1: thin bent hairs all over."""
    rng, layer = np.random.default_rng(seed), np.zeros((height, width), np.float32)
    for _ in range(count):
        steps = np.cumsum(rng.normal(0, 0.35, 12)) + rng.uniform(0, 2 * np.pi)
        length = rng.uniform(0.001, 0.006)
        path = np.cumsum(np.stack([np.cos(steps), np.sin(steps)], 1) * length, 0)
        path = path + np.array([rng.uniform(0, width / height), rng.uniform(0, 1)])
        points = (path * height * 256).astype(np.int32)
        cv2.polylines(layer, [points], False, rng.uniform(0.3, 1.0), 1, cv2.LINE_AA, 8)
    return layer


def window_light(height: int, width: int) -> FloatArray:
    """Late sun through a window and leaves, on a wall."""
    y, x = grid(height, width)
    sun = np.zeros((height, width), np.float32)
    for row in range(3):
        for column in range(3):
            top, left = 0.04 + 0.4 * row - 0.08 * column, 0.16 + 0.5 * column
            corners = [(top, left), (top - 0.07, left + 0.44), (top + 0.29, left + 0.44), (top + 0.36, left)]
            polygon(sun, [(a + 0.08, b + 0.3 * (a - 0.4)) for a, b in corners], 1.0)
    shadow = 1 - 0.8 * soften(leaves(height, width, 121, 5), 0.007)
    shadow *= 1 - 0.5 * soften(leaves(height, width, 131, 5), 0.02)
    light = soften(sun, 0.009) * shadow * (1.05 - 0.12 * y)
    wall = blend([(0.0, "#ddd2c6"), (1.0, "#c9bcae")], np.asarray(0.5 * y + 0.3 * x, np.float32))
    wall = wall * (1 + 0.007 * noise(height, width, 109, 0.012, octaves=2))[:, :, None]
    warm = np.float32(0.48) * colour("#d5d3e0") + np.float32(0.85) * colour("#ffd9a6") * light[:, :, None]
    bounce = 0.10 * soften(light, 0.18)[:, :, None] * colour("#ffd0a0")
    return shade(np.asarray(wall * (warm + bounce), np.float32), y, x, 0.22)


def leaves(height: int, width: int, seed: int, branches: int) -> FloatArray:
    """(H, W) 0..1: shadows of twigs that hang in from the right and from above."""
    rng, layer = np.random.default_rng(seed), np.zeros((height, width), np.float32)
    for branch in range(branches):
        at = np.array([-0.12 + 0.9 * branch / branches + rng.uniform(-0.05, 0.05), 1.95 - 0.6 * rng.random()])
        heading = rng.uniform(np.pi * 0.7, np.pi * 0.95)
        for step in range(9):
            heading += rng.normal(-0.05, 0.1)
            for part in (0, 1):
                after = at + 0.034 * np.array([np.sin(heading), np.cos(heading)])
                stem(layer, at, after, 0.007 * (1 - step / 10))
                at, side = after, 1 - 2 * part
                leaf(layer, at, heading + side * rng.uniform(0.5, 0.9), rng.uniform(0.1, 0.14) * (1 - step / 20))
        leaf(layer, at, heading, 0.08)
    return layer


def stem(layer: FloatArray, begin: Place, end: Place, thick: float) -> None:
    """A piece of a twig between two places (y, x)."""
    across = np.array([begin[1] - end[1], end[0] - begin[0]])
    across *= thick / 2 / np.hypot(*across)
    corners = [begin + across, end + across, end - across, begin - across]
    polygon(layer, [(float(y), float(x)) for y, x in corners], 1.0)


def leaf(layer: FloatArray, at: Place, heading: float, length: float) -> None:
    """One pointed leaf from a place (y, x) towards heading."""
    along = np.linspace(0, 1, 12)
    wide = 0.22 * np.sin(np.pi * along**0.8) * length
    outline = [(a * length, w) for a, w in zip(along, wide, strict=True)]
    outline += [(a * length, -w) for a, w in zip(along[::-1], wide[::-1], strict=True)]
    sine, cosine = np.sin(heading), np.cos(heading)
    corners = [(float(at[0] + a * sine + w * cosine), float(at[1] + a * cosine - w * sine)) for a, w in outline]
    polygon(layer, corners, 1.0)
