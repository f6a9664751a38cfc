"""How a stage's trimaps and crops are drawn."""

from __future__ import annotations

from dataclasses import dataclass

from rimlight.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Marks:
    """Ranges of the trimaps' widths, and the crops around unknown pixels; defaults are the paper's (section 5.1).

    kernels, iterations: lowest and highest, of dilation and of erosion. crops: sides of the squares that are cut out,
    one of them each time, and resized to crop_to; empty for whole pictures.
    Raises ConfigError for ranges that are none.
    """

    kernels: tuple[int, int] = (2, 5)
    iterations: tuple[int, int] = (5, 15)
    crops: tuple[int, ...] = ()
    crop_to: int = 320

    def __post_init__(self) -> None:
        for name, (low, high) in {"kernels": self.kernels, "iterations": self.iterations}.items():
            if not 1 <= low <= high:
                raise ConfigError(f"expected marks.{name} as a range from 1 or more upwards, got {low} and {high}")
        if any(side < 1 for side in self.crops) or self.crop_to < 1:
            raise ConfigError(f"expected crops of 1 pixel or more, got {self.crops} to {self.crop_to}")
