"""What a data set is made of: references to single pictures, and items that group them into stills and clips."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from rimlight.errors import DataError

Kind = Literal[
    "person-still", "person-clip", "scene-still", "scene-clip", "backdrop-still", "backdrop-clip", "mask-photo"
]  # fmt: skip
KINDS: tuple[Kind, ...] = get_args(Kind)


@dataclass(frozen=True, slots=True)
class Ref:
    """Where one picture lies: a file, a member of a tar, or a frame of a video.

    member: name inside the tar at path; offset and length: its bytes there, so that reading needs no scan.
    frame: index from 0 inside the video at path. snap: the picture is an alpha stored as JPEG, whose last 2 % at either
    end are noise around exact 0 and 1.
    """

    path: Path
    member: str | None = None
    frame: int | None = None
    offset: int | None = None
    length: int | None = None
    snap: bool = False

    def __str__(self) -> str:
        """The name that error messages show."""
        if self.member is not None:
            return f"{self.path}:{self.member}"
        return str(self.path) if self.frame is None else f"{self.path} frame {self.frame}"


@dataclass(frozen=True, slots=True)
class Item:
    """One still or one clip of a data set.

    key: unique and stable, as "packed/face/canada_003f"; starts with the name of the layout. kind: person-* is clean
    foreground colour and alpha, to be composited; scene-* is a picture with its own background and alpha; backdrop-*
    is without people and has no alphas; mask-photo is a photo with the mask of its people, for segmentation.
    images, alphas: one Ref per frame in order of time, as many alphas as images or none at all.

    Raises DataError when the numbers do not fit the kind.
    """

    key: str
    kind: Kind
    images: tuple[Ref, ...]
    alphas: tuple[Ref, ...] = ()

    def __post_init__(self) -> None:
        wanted = 0 if self.is_backdrop else len(self.images)
        if not self.images or len(self.alphas) != wanted:
            raise DataError(
                f"{self.key}: expected at least one picture and {wanted} alphas for a {self.kind}, "
                f"got {len(self.images)} pictures and {len(self.alphas)} alphas; complete the data set"
            )
        if not self.is_clip and len(self.images) != 1:
            raise DataError(f"{self.key}: expected one picture for a {self.kind}, got {len(self.images)}")

    @property
    def is_clip(self) -> bool:
        return self.kind.endswith("clip")

    @property
    def is_backdrop(self) -> bool:
        return self.kind.startswith("backdrop")

    @property
    def frames(self) -> int:
        return len(self.images)

    def refs(self) -> Iterator[Ref]:
        """All pictures and alphas of the item."""
        yield from self.images
        yield from self.alphas
