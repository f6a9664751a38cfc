"""How a sink shall write: the options that are not part of its name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

Alpha: TypeAlias = "bool | Literal['side-by-side']"


@dataclass(frozen=True, slots=True)
class Options:
    """alpha: keep it, drop it, or lay the matte beside the fill in one picture of double width.

    overwrite: whether an existing file may be replaced. preset, crf: speed and quality of H.264, crf also of VP9
    (lower is better and larger); None leaves the format's own. threads: of the encoder; with a number, the same frames
    give the same bytes every time and on every machine of a kind. None lets it choose.
    """

    alpha: Alpha = False
    overwrite: bool = True
    preset: str | None = None
    crf: int | None = None
    threads: int | None = None
