"""Drawn people and rooms in a few thousand pixels, with every border's cut known."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

import cv2
import numpy as np

from rimlight.training.data.items import Item, Kind, Ref
from rimlight.types import UInt8Array

if TYPE_CHECKING:
    from rimlight.training.synthesis.pool import Pool

HEIGHT, WIDTH = 72, 60
SKIN, SHIRT = (200, 150, 120), (40, 60, 160)
Pose = Literal["bust", "whole", "left", "wide"]
POSES: tuple[Pose, ...] = ("bust", "whole", "left", "wide")


def figure(pose: Pose = "bust", height: int = HEIGHT, width: int = WIDTH, aside: float = 0.0) -> UInt8Array:
    """Alpha (H, W), soft at the edge, of a head on a body: cut below, whole, cut left and below, or on three sides."""
    y, x = np.mgrid[:height, :width] + 0.5
    middle = width * (0.12 if pose == "left" else 0.5) + aside
    size = height * (0.1 if pose == "whole" else 0.16)
    head = 1 - np.hypot((x - middle) / size, (y - 0.1 * height - 1.3 * size) / (1.3 * size))
    broad = width * {"bust": 0.3, "whole": 0.16, "left": 0.3, "wide": 0.7}[pose]
    deep = height * (0.3 if pose == "whole" else 0.6)
    centre = height * (0.65 if pose == "whole" else 1.05)
    body = 1 - np.hypot((x - middle) / broad, (y - centre) / deep)
    soft = np.maximum(head * size, body * min(broad, deep))
    return np.asarray(np.rint(np.clip(soft / 2 + 0.5, 0, 1) * 255), np.uint8)


def coloured(alpha: UInt8Array) -> UInt8Array:
    """Colours (H, W, 3) of a figure, known everywhere, so that mixtures can be told."""
    rows = np.arange(alpha.shape[0])[:, None, None] < 0.45 * alpha.shape[0]
    return np.asarray(np.where(rows, SKIN, SHIRT) + np.zeros((*alpha.shape, 1)), np.uint8)


def room(seed: int, height: int = 60, width: int = 90) -> UInt8Array:
    """A picture (H, W, 3) without people, with some detail."""
    noise = np.random.default_rng(seed).integers(0, 256, (7, 9, 3), np.uint8)
    return np.asarray(cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)


def mixed(alpha: UInt8Array, seed: int) -> UInt8Array:
    """A figure in its own room (H, W, 3)."""
    share = alpha[:, :, None] / 255
    behind = room(seed, *alpha.shape)
    return np.asarray(np.rint(share * coloured(alpha) + (1 - share) * behind), np.uint8)


def stored(path: Path, picture: UInt8Array) -> Ref:
    """A PNG of RGB or grey."""
    path.parent.mkdir(parents=True, exist_ok=True)
    told = picture if picture.ndim == 2 else cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)
    assert cv2.imwrite(str(path), told)
    return Ref(path)


def item(root: Path, name: str, kind: Kind, images: list[UInt8Array], alphas: list[UInt8Array]) -> Item:
    paths = [root / name / f"{number}.png" for number in range(len(images))]
    of_alpha = [root / name / f"{number}.a.png" for number in range(len(alphas))]
    return Item(
        f"made/{name}", kind, tuple(stored(path, image) for path, image in zip(paths, images, strict=True)),
        tuple(stored(path, alpha) for path, alpha in zip(of_alpha, alphas, strict=True)),
    )  # fmt: skip


def items_at(root: Path) -> list[Item]:
    """Two items of every kind and a person in every pose."""
    made = []
    for pose in POSES:
        alpha = figure(pose)
        made.append(item(root, f"person-{pose}", "person-still", [coloured(alpha)], [alpha]))
        made.append(item(root, f"scene-{pose}", "scene-still", [mixed(alpha, 5)], [alpha]))
    moving = [figure("bust", aside=1.5 * number) for number in range(5)]
    made.append(item(root, "talker", "person-clip", [coloured(alpha) for alpha in moving], moving))
    made.append(item(root, "call", "scene-clip", [mixed(alpha, 6) for alpha in moving], moving))
    made += [item(root, f"room-{seed}", "backdrop-still", [room(seed)], []) for seed in range(3)]
    made.append(item(root, "street", "backdrop-clip", [np.roll(room(9), step, axis=1) for step in range(4)], []))
    mask = np.asarray((figure("bust") > 127) * np.uint8(255), np.uint8)
    made.append(item(root, "photo", "mask-photo", [mixed(figure("bust"), 7)], [mask]))
    return made


def only(pool: Pool, *beginnings: str) -> Pool:
    """A pool of those entries whose names begin so; it shares their memory."""
    from rimlight.training.synthesis.pool import Pool

    part = Pool([], pool.device)
    part.entries = [one for one in pool.entries if one.key.removeprefix("made/").startswith(beginnings)]
    assert part.entries
    return part
