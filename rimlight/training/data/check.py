"""Is a data set whole? Every picture is decoded and compared with its alpha.

Letters: H, W height and width of a picture.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from rimlight.errors import DataError, FrameError
from rimlight.training.data import videos
from rimlight.training.data.items import KINDS, Item, Kind, Ref
from rimlight.training.data.layouts.common import others
from rimlight.training.data.ordered import ordered
from rimlight.training.data.reading import read_alphas, read_images
from rimlight.types import Size, UInt8Array

LEAST_SPAN = 32  # grey levels between the lowest and the highest of an alpha; masks of 0 and 1 span one
PICTURES_RATE = 25  # frames a second that numbered pictures are counted with

Progress = Callable[[int, int], None]  # frames done, frames in all


@dataclass(frozen=True, slots=True)
class Report:
    """What a data set holds.

    items, frames: how many of each kind. pixels: of all pictures, alphas not counted. seconds: of the clips, numbered
    pictures at 25 a second. smallest, largest: sizes by area. faults: one line for every item that is not as it should
    be; those are not counted.
    """

    items: dict[Kind, int]
    frames: dict[Kind, int]
    pixels: int
    seconds: float
    smallest: Size | None
    largest: Size | None
    faults: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Looked:
    """One item: its size, or what is wrong with it."""

    item: Item
    size: Size | None = None
    seconds: float = 0.0
    fault: str | None = None


def check(items: Sequence[Item], progress: Progress | None = None, threads: int | None = None) -> Report:
    """Decode everything and report what there is.

    Raises DataError, which names the first bad file and how many others there are, where inspect finds faults.
    """
    report = inspect(items, progress, threads)
    if report.faults:
        raise DataError(f"{report.faults[0]}{others(len(report.faults))}")
    return report


def inspect(items: Sequence[Item], progress: Progress | None = None, threads: int | None = None) -> Report:
    """Decode everything and report it, faults included, in the order of the items.

    Looked for: pictures that cannot be read or are cut off, alphas of another size, alphas in which nobody is (over the
    whole of a clip; a mask may be empty), sizes that change within a clip, gaps in the numbers of a clip's frames,
    videos that are shorter than they say. progress is told the frames done and in all.
    """
    total, done, looked = sum(item.frames for item in items), 0, []
    for found in ordered(_look, items, threads):
        looked.append(found)
        done += found.item.frames
        if progress is not None:
            progress(done, total)
    return _report(looked)


def _report(looked: Sequence[_Looked]) -> Report:
    good = [(found.item, found.size, found.seconds) for found in looked if found.size is not None]
    items: Counter[Kind] = Counter(item.kind for item, _, _ in good)
    frames: Counter[Kind] = Counter()
    for item, _, _ in good:
        frames[item.kind] += item.frames
    sizes = sorted((size for _, size, _ in good), key=lambda size: (size.height * size.width, size.height))
    return Report(
        items={kind: items[kind] for kind in KINDS if items[kind]},
        frames={kind: frames[kind] for kind in KINDS if items[kind]},
        pixels=sum(item.frames * size.height * size.width for item, size, _ in good),
        seconds=sum(seconds for _, _, seconds in good),
        smallest=sizes[0] if sizes else None,
        largest=sizes[-1] if sizes else None,
        faults=tuple(found.fault for found in looked if found.fault is not None),
    )


def _look(item: Item) -> _Looked:
    try:
        _check_numbers(item.images)
        return _Looked(item, _size_of(item), _seconds(item))
    except (DataError, FrameError) as error:
        return _Looked(item, fault=str(error))


def _size_of(item: Item) -> Size:
    """The size of all pictures of the item; raises DataError where they or their alphas do not fit."""
    size: Size | None = None
    low, high = 255, 0
    for ref, image, of_alpha, alpha in _pictures(item):
        here = Size(*image.shape[:2])
        if size is not None and here != size:
            raise DataError(f"{ref}: is {here}, the clip's first frame is {size}; a clip has one size")
        if alpha is not None:
            if alpha.shape != image.shape[:2]:
                raise DataError(f"{of_alpha}: expected the size of its picture, {here}, got {Size(*alpha.shape)}")
            low, high = min(low, int(alpha.min())), max(high, int(alpha.max()))
        size = here
    empty_mask = item.kind == "mask-photo" and high == 0
    if item.alphas and high - low < LEAST_SPAN and not empty_mask:
        raise DataError(
            f"{item.alphas[0]}: expected an alpha of 0 to 255, got {low} to {high}; "
            "it shows nobody, or is a mask of 0 and 1"
        )
    if size is None:
        raise DataError(f"{item.key}: expected pictures, found none")
    return size


def _pictures(item: Item) -> Iterator[tuple[Ref, UInt8Array, Ref | None, UInt8Array | None]]:
    images = zip(item.images, read_images(item.images), strict=True)
    if not item.alphas:
        for ref, image in images:
            yield ref, image, None, None
        return
    alphas = zip(item.alphas, read_alphas(item.alphas), strict=True)
    for (ref, image), (of_alpha, alpha) in zip(images, alphas, strict=True):
        yield ref, image, of_alpha, alpha


def _check_numbers(refs: Sequence[Ref]) -> None:
    """Frames are numbered evenly; raises DataError at the first gap. Names of another kind are taken as they are."""
    found = [re.fullmatch(r"(.*?)(\d+)", Path(ref.member or ref.path.name).stem) for ref in refs if ref.frame is None]
    named = [(match.group(1), int(match.group(2))) for match in found if match]
    if len(named) < len(refs) or len(refs) < 3 or len({prefix for prefix, _ in named}) > 1:
        return
    numbers = [number for _, number in named]
    steps = [after - before for before, after in pairwise(numbers)]
    if (step := min(steps)) != max(steps):
        first = next(index for index, here in enumerate(steps) if here != step)
        raise DataError(
            f"{refs[first + 1]}: expected frame {numbers[first] + step} here, got {numbers[first + 1]}; "
            "frames are missing, fetch the clip again"
        )


def _seconds(item: Item) -> float:
    if not item.is_clip:
        return 0.0
    if item.images[0].frame is None:
        return item.frames / PICTURES_RATE
    whole = videos.timing(item.images[0].path)
    return whole.seconds * item.frames / len(whole.times)
