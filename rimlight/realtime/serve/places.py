"""Backdrops of places, far or out of focus. Each function paints one at any size; see painting for the units."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from rimlight.realtime.serve.painting import (
    blend,
    box,
    colour,
    defocus,
    glow,
    grid,
    mix,
    noise,
    polygon,
    shade,
    soften,
)
from rimlight.types import FloatArray


@dataclass(frozen=True, slots=True)
class Lamp:
    """A point of light out of focus: a disc at a place, of a radius and colour, of some strength."""

    y: float
    x: float
    radius: float
    light: FloatArray
    strength: float


def shine(canvas: FloatArray, lamps: list[Lamp]) -> None:
    """Add the lamps' discs to the canvas; each is a little brighter at its rim, as real lenses make them."""
    height, width = canvas.shape[:2]
    for lamp in lamps:
        reach = lamp.radius * 1.15 + 2 / height
        top, bottom = (int(np.clip((lamp.y + side * reach) * height, 0, height)) for side in (-1, 1))
        left, right = (int(np.clip((lamp.x + side * reach) * height, 0, width)) for side in (-1, 1))
        if top >= bottom or left >= right:
            continue
        y, x = grid(height, width)
        away = np.hypot(y[top:bottom] - lamp.y, x[:, left:right] - lamp.x) / lamp.radius
        edge = 1.5 / (lamp.radius * height) + 0.05
        disc = np.clip((1 - away) / edge + 0.5, 0, 1) * (0.72 + 0.28 * np.clip(away, 0, 1) ** 4)
        canvas[top:bottom, left:right] += (lamp.strength * disc)[:, :, None].astype(np.float32) * lamp.light


def city_lights(height: int, width: int) -> FloatArray:
    """A street at night from above, out of focus."""
    y, x = grid(height, width)
    rng = np.random.default_rng(211)
    canvas = blend([(0.0, "#0a0f1f"), (0.45, "#141a30"), (0.7, "#231c2c"), (1.0, "#120f18")], y + 0 * x)
    houses = np.zeros((height, width), np.float32)
    for _ in range(26):
        left, top = rng.uniform(-0.1, 1.8), rng.uniform(0.12, 0.5)
        box(houses, top, left, 0.75, left + rng.uniform(0.06, 0.2), float(rng.uniform(0.3, 1)))
    canvas = mix(canvas, colour("#05070f"), 0.6 * soften(houses, 0.02))
    canvas += (0.10 * glow(y, x, (0.68, 0.9), 0.22, 4))[:, :, None] * colour("#ff9d4d")
    warm = ("#ffb45e", "#ffca85", "#ff8f3d", "#ffe2b8", "#ffd9a0")
    cool = ("#cfe4ff", "#8fd0ff", "#ff4d3a", "#5fe0b0", "#ff6f91")
    lamps = []
    for _ in range(150):
        far = rng.beta(1.6, 1.4)
        tint = rng.choice(warm if rng.random() < 0.72 else cool)
        lamps.append(Lamp(
            0.70 - 0.5 * far * rng.random() ** 1.6 + 0.05 * rng.normal(), rng.uniform(-0.05, 1.83),
            rng.uniform(0.010, 0.020) + 0.02 * (1 - far) * rng.random(), colour(tint), rng.uniform(0.05, 0.5),
        ))  # fmt: skip
    for _ in range(34):
        tint = rng.choice(warm if rng.random() < 0.6 else cool)
        lamps.append(Lamp(
            rng.uniform(0.62, 1.02), rng.uniform(-0.05, 1.83), rng.uniform(0.035, 0.075), colour(tint),
            rng.uniform(0.02, 0.16),
        ))  # fmt: skip
    shine(canvas, lamps)
    canvas = canvas + 0.5 * soften(canvas, 0.05)
    return shade(np.asarray(canvas, np.float32), y, x, 0.45)


TRUNKS = ((0.12, 0.07, 0.75), (0.42, 0.03, 0.4), (0.66, 0.022, 0.3), (1.42, 0.045, 0.55), (1.68, 0.09, 0.8))


def forest(height: int, width: int) -> FloatArray:
    """Sunlight through leaves, out of focus."""
    y, x = grid(height, width)
    rng = np.random.default_rng(223)
    depth = 0.9 * y + 0.25 * np.abs(x - 1.15) + 0.10 * noise(height, width, 227, 0.25, octaves=3)
    stops = [(0.05, "#dbe8a6"), (0.3, "#9dbf62"), (0.55, "#5f8a42"), (0.8, "#37592f"), (1.15, "#1d331f")]
    canvas = blend(stops, np.asarray(depth, np.float32))
    trunks = np.zeros((height, width), np.float32)
    for place, thick, dark in TRUNKS:
        top = place + rng.normal(0, 0.05)
        polygon(trunks, [(-0.1, top), (-0.1, top + thick * 0.8), (1.1, place + thick), (1.1, place)], dark)
    canvas = mix(canvas, colour("#2a2a1c"), defocus(trunks, 0.02))
    lamps = []
    for size, count, strong in ((0.055, 60, 0.10), (0.035, 130, 0.12), (0.02, 160, 0.16)):
        for _ in range(count):
            tint = rng.choice(("#f4f7b8", "#cfe27e", "#a8cf63", "#fff3c4", "#8fbf5a"))
            down, along = rng.beta(1.3, 2.2), rng.normal(1.1, 0.5)
            sunny = float(np.exp(-((down - 0.2) ** 2 + (along - 1.15) ** 2) / 0.5))
            radius, strength = size * rng.uniform(0.7, 1.2), strong * (0.25 + sunny) * rng.uniform(0.3, 1)
            lamps.append(Lamp(down, along, radius, colour(tint), strength))
    shine(canvas, lamps)
    canvas = canvas + (0.35 * glow(y, x, (-0.05, 1.2), 0.5, 1.2))[:, :, None] * colour("#fff4c9")
    return shade(np.asarray(canvas, np.float32), y, x, 0.35)


def hills(height: int, width: int) -> FloatArray:
    """Ranges of hills in the haze of the morning."""
    y, x = grid(height, width)
    sky = [(0.0, "#7fa6c6"), (0.25, "#b4cbd8"), (0.42, "#ecdcc9"), (0.6, "#fbe3c0")]
    canvas = blend(sky, np.asarray(y + 0.03 * noise(height, width, 229, 0.8), np.float32))
    canvas = mix(canvas, colour("#fff1d2"), 0.9 * glow(y, x, (0.4, 1.22), 0.2, 1.4))
    haze = mix(np.broadcast_to(colour("#c3d3dc"), canvas.shape), colour("#fbe6c6"), glow(y, x, (0.45, 1.22), 0.5, 1.3))
    land = [(0.0, "#a9bccb"), (0.3, "#7d9db3"), (0.6, "#4a7186"), (0.85, "#244a58"), (1.0, "#12303a")]
    tints = blend(land, np.linspace(0, 1, 7, dtype=np.float32)[None])[0]  # (7, 3), from far to near
    for index, tint in enumerate(tints):
        near = index / (len(tints) - 1)
        foot = 0.4 + 0.52 * near**1.1
        ridge = foot + 0.05 * _ridge(height, width, 10 * index, 0.75 - 0.25 * near)
        cover = np.clip((y - ridge) * height / (3.5 - 2 * near) + 0.5, 0, 1)
        mist = np.clip((y - foot + 0.08) / 0.3, 0, 1) ** 1.3 * 0.85 * (1 - 0.75 * near) + 0.25 * (1 - near)
        slopes = mix(np.broadcast_to(tint, canvas.shape), haze, np.broadcast_to(mist, canvas.shape[:2]))
        canvas = mix(canvas, slopes, np.asarray(cover, np.float32))
    return shade(canvas, y, x, 0.18)


def _ridge(height: int, width: int, seed: int, cell: float) -> FloatArray:
    """(1, W): the outline of a range of hills; cell: how far its tops are apart."""
    x, outline = grid(height, width)[1], np.zeros((1, width), np.float32)
    for octave in range(7):
        step = cell / 1.9**octave
        tops = np.random.default_rng(seed + octave).standard_normal((1, int(width / height / step) + 4))
        at = np.asarray(x / step + 1, np.float32)
        outline += cv2.remap(tops.astype(np.float32), at, np.zeros_like(at), cv2.INTER_CUBIC) / np.float32(1.8**octave)
    return outline


def bookshelf(height: int, width: int) -> FloatArray:
    """Shelves full of books beside a lamp, out of focus."""
    y, x = grid(height, width)
    canvas = np.empty((height, width, 3), np.float32)
    canvas[:] = colour("#3a2a1f")
    rng = np.random.default_rng(241)
    floors = (0.16, 0.43, 0.70, 0.97)
    for floor in floors:
        left = -0.05
        while left < 1.8:
            left = _row_of_things(canvas, rng, floor, left)
        box(canvas, floor, -0.1, floor + 0.028, 1.9, colour("#7a5636"))
        box(canvas, floor + 0.028, -0.1, floor + 0.05, 1.9, colour("#1c130d"))
    for side in (0.30, 1.02, 1.62):
        box(canvas, -0.1, side, 1.1, side + 0.022, colour("#6d4c2f"))
        box(canvas, -0.1, side + 0.022, 1.1, side + 0.04, colour("#1d140e"))
    depth = np.zeros((height, width), np.float32)
    for floor in floors:
        depth += np.exp(-np.clip(y - floor - 0.05, 0, 9) / 0.035) * (y > floor + 0.03)
    canvas *= (1 - 0.7 * np.clip(depth, 0, 1))[:, :, None]
    light = 0.42 + 1.05 * glow(y, x, (0.36, 0.52), 0.6, 1.25) + 0.3 * glow(y, x, (0.3, 1.6), 0.5)
    canvas = defocus(np.asarray(canvas * light[:, :, None], np.float32), 0.019)
    canvas += (0.05 * glow(y, x, (0.33, 0.5), 0.5))[:, :, None] * colour("#ffca8a")
    return shade(canvas * colour("#ffeed8"), y, x, 0.4)


BOOKS = (
    "#6b3a33", "#3a4c58", "#b3a483", "#47564a", "#7b5a3a", "#c9bda6", "#4c4350", "#8c4f3c", "#2d3a44", "#a08150",
    "#626b5c", "#d2c8b6", "#5a333a", "#4a6070", "#857a6c",
)  # fmt: skip


def _row_of_things(canvas: FloatArray, rng: np.random.Generator, floor: float, left: float) -> float:
    """Put a few books, or something else, on a shelf from left on; returns where it ends."""
    kind = rng.random()
    if kind < 0.12:
        return left + rng.uniform(0.04, 0.09)
    if kind < 0.24:
        wide, tall = rng.uniform(0.05, 0.08), rng.uniform(0.10, 0.15)
        tint = colour(str(rng.choice(("#d9d2c3", "#b56b4a", "#5f7a78", "#cfa85a"))))
        mid = left + wide / 2
        outline = [(0, 0.30), (0.2, 0.5), (0.55, 0.42), (0.8, 0.18), (1, 0.22)]
        corners = [(floor - tall * up, mid + wide * out) for up, out in outline]
        corners += [(floor - tall * up, mid - wide * out) for up, out in outline[::-1]]
        polygon(canvas, corners, tint)
        return left + wide + 0.02
    if kind < 0.36:
        wide = rng.uniform(0.13, 0.17)
        for index in range(int(rng.integers(2, 5))):
            inset = rng.uniform(0, 0.02)
            box(
                canvas, floor - 0.026 * (index + 1), left + inset, floor - 0.026 * index - 0.002,
                left + wide - inset, colour(str(rng.choice(BOOKS))),
            )  # fmt: skip
        return left + wide + 0.015
    tall = rng.uniform(0.15, 0.19)
    for _ in range(int(rng.integers(4, 10))):
        wide, high = rng.uniform(0.014, 0.034), tall * rng.uniform(0.82, 1.05)
        tint = colour(str(rng.choice(BOOKS)))
        box(canvas, floor - high, left, floor, left + wide, tint)
        box(canvas, floor - high, left + wide * 0.8, floor, left + wide, tint * np.float32(0.55))
        if rng.random() < 0.5:
            box(canvas, floor - high * 0.85, left, floor - high * 0.78, left + wide * 0.8, colour("#d9b66a"))
        left += wide + 0.001
    return left + 0.012


def lounge(height: int, width: int) -> FloatArray:
    """A living room by day, out of focus: window, sofa, plant, pictures, lamp."""
    y, x = grid(height, width)
    canvas = blend([(0.0, "#d9d2c8"), (0.8, "#c8bfb3")], y + 0 * x)
    box(canvas, 0.80, -0.1, 1.1, 1.9, colour("#8f7152"))
    box(canvas, 0.785, -0.1, 0.80, 1.9, colour("#ece7df"))
    _window(canvas)
    for left, top, wide, high, tint in ((0.86, 0.16, 0.20, 0.27, "#7d9a94"), (1.10, 0.20, 0.15, 0.20, "#d29a78")):
        box(canvas, top, left, top + high, left + wide, colour("#3b3128"))
        box(canvas, top + 0.012, left + 0.012, top + high - 0.012, left + wide - 0.012, colour("#f3eee6"))
        box(canvas, top + 0.05, left + 0.04, top + high - 0.05, left + wide - 0.04, colour(tint))
    _sofa(canvas)
    _plant(canvas)
    box(canvas, 0.34, 1.545, 0.83, 1.555, colour("#3a332c"))
    polygon(canvas, [(0.22, 1.50), (0.22, 1.60), (0.36, 1.64), (0.36, 1.46)], colour("#f7dcae") * np.float32(1.25))
    day = 0.70 + 0.42 * glow(y, x, (0.45, 0.3), 0.8, 1.2)
    lamp = 0.5 * glow(y, x, (0.32, 1.55), 0.24)
    lit = canvas * (day[:, :, None] * colour("#f6f4f4") + lamp[:, :, None] * colour("#ffc47e"))
    lit = defocus(np.asarray(lit, np.float32), 0.02)
    lit += (0.08 * glow(y, x, (0.36, 0.3), 0.5))[:, :, None] * colour("#eef4ff")
    return shade(lit, y, x, 0.25)


def _window(canvas: FloatArray) -> None:
    """A tall window with bright sky, trees, and curtains."""
    box(canvas, 0.04, 0.10, 0.74, 0.62, colour("#f4f2ee"))
    box(canvas, 0.06, 0.12, 0.72, 0.60, colour("#cfe2f2"))
    rng = np.random.default_rng(251)
    for _ in range(60):
        at, size = (rng.uniform(0.46, 0.72), rng.uniform(0.13, 0.59)), rng.uniform(0.02, 0.05)
        round_about = [(at[0] + size * np.sin(a), at[1] + size * np.cos(a)) for a in np.linspace(0, 6.28, 12)]
        polygon(canvas, round_about, colour(str(rng.choice(("#9dbb8e", "#7fa376", "#b7cca2")))))
    box(canvas, 0.72, 0.0, 0.78, 0.75, colour("#d9d2c8"))
    box(canvas, 0.04, 0.352, 0.74, 0.368, colour("#f4f2ee"))
    box(canvas, 0.34, 0.10, 0.352, 0.62, colour("#f4f2ee"))
    for left, right in ((0.02, 0.14), (0.58, 0.70)):
        for fold in range(6):
            hem = left + (right - left) * fold / 6
            tint = colour("#e9e2d6") * np.float32(1.0 - 0.14 * (fold % 2))
            box(canvas, 0.0, hem, 0.79, hem + (right - left) / 6 + 0.002, tint)


def _sofa(canvas: FloatArray) -> None:
    """A sofa with cushions, and its shadow."""
    box(canvas, 0.905, 0.70, 0.95, 1.44, colour("#4e3c2c"))
    box(canvas, 0.55, 0.76, 0.80, 1.38, colour("#6c7f86"))
    for left in (0.78, 1.08):
        box(canvas, 0.58, left, 0.76, left + 0.28, colour("#788c93"))
    box(canvas, 0.74, 0.72, 0.92, 1.42, colour("#62757c"))
    for left in (0.70, 1.36):
        box(canvas, 0.64, left, 0.92, left + 0.08, colour("#5d7077"))
    for left, tint in ((0.82, "#d9a066"), (1.24, "#efe6d8")):
        polygon(canvas, [(0.60, left), (0.585, left + 0.13), (0.745, left + 0.14), (0.75, left + 0.01)], colour(tint))


def _plant(canvas: FloatArray) -> None:
    """A large plant in a pot."""
    rng, root = np.random.default_rng(257), (0.74, 1.70)
    for index in range(26):
        heading = -np.pi / 2 + (index / 25 - 0.5) * 2.6
        length, bend = rng.uniform(0.24, 0.42), rng.uniform(0.02, 0.05)
        tip = (root[0] + length * np.sin(heading), root[1] + 0.75 * length * np.cos(heading))
        mid = ((root[0] + tip[0]) / 2 - bend, (root[1] + tip[1]) / 2)
        wide = rng.uniform(0.018, 0.032)
        tint = colour(str(rng.choice(("#4f7348", "#6d9158", "#3c5a3a", "#86a566"))))
        polygon(canvas, [root, (mid[0], mid[1] - wide), tip, (mid[0] + wide / 2, mid[1] + wide)], tint)
    polygon(canvas, [(0.72, 1.63), (0.72, 1.77), (0.90, 1.745), (0.90, 1.655)], colour("#c9896b"))
