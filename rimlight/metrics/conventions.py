"""The conventions by name: which error map, reduced how, times what, over which region.

rvm_lr, rvm_hr: Lin et al. 2022, "Robust High-Resolution Video Matting with Temporal Guidance", section 5.
dvm, dvm_transition: Sun et al. 2021, "Deep Video Matting via Spatio-Temporal Alignment and Aggregation", eq. 9 and 10.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from rimlight.metrics.measures import Reduction, mean, root_mean, root_total, total
from rimlight.types import Size

ErrorMap: TypeAlias = Literal[
    "absolute", "squared", "gradient", "stretched_gradient", "connectivity", "change", "moved"
]
HIGH_RESOLUTION_PIXELS = 1280 * 720


@dataclass(frozen=True, slots=True)
class Measure:
    """One figure of a convention.

    scale: factor of the published figure. pairs: averaged over the T - 1 pairs of frames, else over all T frames.
    """

    name: str
    error: ErrorMap
    reduction: Reduction
    scale: float
    pairs: bool = False


@dataclass(frozen=True, slots=True)
class Convention:
    """A named set of measures.

    transition: measured where the truth is between 0 and 1 (dilated) instead of on the whole frame.
    foreground_ratio: fraction of full size at which foregrounds are compared, x 1e3; None where they are not.
    """

    name: str
    measures: tuple[Measure, ...]
    transition: bool = False
    foreground_ratio: float | None = None


_DIFFERENCES = (Measure("MAD", "absolute", mean, 1e3), Measure("MSE", "squared", mean, 1e3))
_CHANGES = (
    Measure("dtSSD", "change", root_mean, 1e2),  # frame 0 counts 0 and stays in the mean
    Measure("dtSSD_no0", "change", root_mean, 1e2, pairs=True),
)
_CONNECTIVITY = Measure("Conn", "connectivity", total, 1e-3)
_DVM = (
    Measure("SAD", "absolute", total, 1e-3),
    Measure("MSE", "squared", mean, 1.0),
    Measure("Grad", "gradient", total, 1e-3),
    _CONNECTIVITY,
    Measure("dtSSD", "change", root_total, 1.0, pairs=True),
    Measure("MESSDdt", "moved", total, 1.0, pairs=True),
)

CONVENTIONS = {
    convention.name: convention
    for convention in (
        Convention(
            "rvm_lr",
            (*_DIFFERENCES, Measure("Grad", "stretched_gradient", total, 1e-3), _CONNECTIVITY, *_CHANGES),
            foreground_ratio=1.0,
        ),
        Convention(
            "rvm_hr",
            (*_DIFFERENCES, Measure("Grad", "gradient", total, 1e-3), *_CHANGES),
            foreground_ratio=0.25,
        ),
        Convention("dvm", _DVM),
        Convention("dvm_transition", _DVM, transition=True),
    )
}


def conventions_for(size: Size) -> tuple[str, ...]:
    """Names of the conventions for clips of this size: rvm_hr from 1280x720 pixels on, rvm_lr below, and both dvm."""
    high = size.height * size.width >= HIGH_RESOLUTION_PIXELS
    return ("rvm_hr" if high else "rvm_lr", "dvm", "dvm_transition")
