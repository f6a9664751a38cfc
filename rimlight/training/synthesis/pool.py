"""All pictures that training uses, decoded once and kept on the device as bytes.

Letters: N pictures of a still (1) or clip, H, W height and width of an item's pictures.
"""

from __future__ import annotations

import os
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
import torch
from torch import Tensor

from rimlight.errors import DataError
from rimlight.training.data.items import Item, Kind
from rimlight.training.data.ordered import ordered
from rimlight.training.data.reading import read_alphas, read_images
from rimlight.training.synthesis.clean import clean_colours, reduced
from rimlight.training.synthesis.outline import Outline, outline, without_specks
from rimlight.types import UInt8Array

LONGEST = 768
SHARE = 0.6  # of the device's free memory that a pool takes unless told
USUAL_BYTES = 8 << 30  # where the free memory is not told
CHANNELS = {"backdrop": 3, "person": 4, "scene": 7, "mask": 4}  # of a picture: colours, alpha, a person's own colours
SHORTEST = 8  # frames that a clip keeps at least: below, clips say little about motion

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True, eq=False)
class Entry:
    """A still or clip in the pool.

    images (N, 3, H, W) uint8; alphas (N, 1, H, W) uint8, None for backdrops; colours (N, 3, H, W) uint8, the person's
    own, None for backdrops and masks; outlines: of every alpha.
    """

    key: str
    kind: Kind
    images: Tensor
    alphas: Tensor | None = None
    colours: Tensor | None = None
    outlines: tuple[Outline | None, ...] = ()

    @property
    def frames(self) -> int:
        return len(self.images)

    @property
    def size(self) -> tuple[int, int]:
        """Height and width."""
        return self.images.shape[2], self.images.shape[3]

    @property
    def is_clip(self) -> bool:
        return self.kind.endswith("clip")

    @property
    def bytes(self) -> int:
        kept = {tensor.data_ptr(): tensor for tensor in (self.images, self.alphas, self.colours) if tensor is not None}
        return sum(tensor.numel() for tensor in kept.values())


class Pool:
    """The entries of all items, in their order, on a device.

    items: what to decode. longest: larger pictures are reduced to this longest side. limit_bytes: most that may be kept
    (None: SHARE of what is free on the device); where whole clips would be more, all keep as many frames around their
    middle as fit. threads: that decode. progress: called with items done and items in all.
    Raises DataError for pictures that cannot be read or do not fit each other, and where even SHORTEST frames of every
    clip are too much.
    """

    def __init__(
        self, items: Sequence[Item], device: torch.device | str = "cpu", longest: int = LONGEST,
        limit_bytes: int | None = None, threads: int | None = None, progress: Progress | None = None,
    ) -> None:  # fmt: skip
        self.device = torch.device(device)
        self.limit_bytes = room(self.device) if limit_bytes is None else limit_bytes
        self.clip_frames = frames_that_fit(items, longest, self.limit_bytes)
        chosen = [_middle(item, self.clip_frames) for item in items]
        decoded = ordered(lambda item: decode(item, longest), chosen, threads)
        self.entries: list[Entry] = []
        self._found: dict[tuple[Kind, ...], list[Entry]] = {}
        for entry in decoded:
            self.entries.append(self._moved(entry))
            if progress:
                progress(len(self.entries), len(items))

    @property
    def bytes(self) -> int:
        """Memory of all pictures."""
        return sum(entry.bytes for entry in self.entries)

    def of(self, *kinds: Kind) -> list[Entry]:
        """Entries of these kinds, kind by kind, in the order of the items."""
        if kinds not in self._found:
            self._found[kinds] = [entry for kind in kinds for entry in self.entries if entry.kind == kind]
        return self._found[kinds]

    def __str__(self) -> str:
        """How much it holds, in a line."""
        frames = sum(entry.frames for entry in self.entries)
        cut = "" if self.clip_frames is None else f", clips of at most {self.clip_frames} frames"
        return f"{len(self.entries)} items, {frames} pictures, {self.bytes / 1e9:.2f} GB on {self.device}{cut}"

    def _moved(self, entry: Entry) -> Entry:
        images = entry.images.to(self.device)
        alphas = None if entry.alphas is None else entry.alphas.to(self.device)
        shared = entry.colours is entry.images
        colours = images if shared else None if entry.colours is None else entry.colours.to(self.device)
        return replace(entry, images=images, alphas=alphas, colours=colours)


def decode(item: Item, longest: int = LONGEST) -> Entry:
    """An item's pictures on the processor, no side above longest; raises DataError that names the picture at fault.

    Of clean persons and scenes specks of the alpha are removed; scenes get colours estimated for the person alone.
    """
    images, alphas = list(read_images(item.images)), list(read_alphas(item.alphas))
    _check(item, images, alphas)
    size = _reduced_size(images[0].shape[0], images[0].shape[1], longest)
    clean = item.kind.startswith("person")
    if size != images[0].shape[:2]:
        if clean:
            images = [reduced(image, alpha, size) for image, alpha in zip(images, alphas, strict=True)]
        else:
            images = [_small(image, size) for image in images]
        alphas = [_small(alpha, size) for alpha in alphas]
    if item.is_backdrop:
        return Entry(item.key, item.kind, _stacked(images))
    if item.kind != "mask-photo":
        alphas = [without_specks(alpha) for alpha in alphas]
    pictures, opacities = _stacked(images), _stacked([alpha[:, :, None] for alpha in alphas])
    colours = pictures if clean else None
    if item.kind.startswith("scene"):
        pairs = zip(images, alphas, strict=True)
        colours = _stacked([clean_colours(image, alpha) for image, alpha in pairs])
    outlines = tuple(outline(alpha) for alpha in alphas)
    return Entry(item.key, item.kind, pictures, opacities, colours, outlines)


def frames_that_fit(items: Sequence[Item], longest: int, limit_bytes: int) -> int | None:
    """How many frames a clip may have so that all items fit, counted as if pictures were square; None for all.

    Raises DataError if that is less than SHORTEST.
    """
    square = longest * longest

    def needed(frames: int) -> int:
        return sum(square * CHANNELS[item.kind.split("-")[0]] * min(item.frames, frames) for item in items)

    most = max((item.frames for item in items), default=0)
    if needed(most) <= limit_bytes:
        return None
    if needed(SHORTEST) > limit_bytes:
        side = int(longest * (limit_bytes / needed(SHORTEST)) ** 0.5)
        raise DataError(
            f"expected data within {limit_bytes / 1e9:.1f} GB, got {len(items)} items that may take "
            f"{needed(SHORTEST) / 1e9:.1f} GB at {longest} pixels; give fewer, or a longest side of at most {side}"
        )
    return SHORTEST + bisect_right(range(SHORTEST, most), limit_bytes, key=needed) - 1


def room(device: torch.device) -> int:
    """Bytes that a pool may take on a device unless told."""
    if device.type == "cuda":
        return int(SHARE * torch.cuda.mem_get_info(device)[0])
    try:
        return int(SHARE * os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    except (ValueError, OSError, AttributeError):
        return USUAL_BYTES


def _middle(item: Item, frames: int | None) -> Item:
    if frames is None or item.frames <= frames:
        return item
    first = (item.frames - frames) // 2
    kept = slice(first, first + frames)
    return replace(item, images=item.images[kept], alphas=item.alphas[kept])


def _check(item: Item, images: Sequence[UInt8Array], alphas: Sequence[UInt8Array]) -> None:
    wanted = images[0].shape[:2]
    for array, ref in zip([*images, *alphas], item.refs(), strict=True):
        if array.shape[:2] != wanted:
            raise DataError(
                f"{ref}: expected {wanted[1]}x{wanted[0]} as {item.images[0]} has, got "
                f"{array.shape[1]}x{array.shape[0]}; all pictures and alphas of an item have one size"
            )


def _reduced_size(height: int, width: int, longest: int) -> tuple[int, int]:
    share = min(1.0, longest / max(height, width))
    return max(1, round(height * share)), max(1, round(width * share))


def _small(picture: UInt8Array, size: tuple[int, int]) -> UInt8Array:
    return np.asarray(cv2.resize(picture, size[::-1], interpolation=cv2.INTER_AREA), np.uint8)


def _stacked(images: Sequence[UInt8Array]) -> Tensor:
    """(N, C, H, W) of pictures (H, W, C)."""
    return torch.from_numpy(np.stack([np.ascontiguousarray(image.transpose(2, 0, 1)) for image in images]))
