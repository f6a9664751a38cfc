"""How far a matte is from the truth: error maps, measures over one frame, and named conventions over a clip.

Papers use one name for different numbers. A figure is therefore always given with its convention:
rvm_lr (Lin et al. 2022, low resolution), rvm_hr (the same, high resolution), dvm and dvm_transition (Sun et al. 2021).
"""

from rimlight.metrics.clip import ClipScores, mean_scores
from rimlight.metrics.conventions import CONVENTIONS, Convention, Measure, conventions_for
from rimlight.metrics.measures import conn, dtssd, foreground_mse, grad, mad, messddt, mse, sad
from rimlight.metrics.truth import motion_vectors, transition_region, true_trimap

__all__ = [
    "CONVENTIONS",
    "ClipScores",
    "Convention",
    "Measure",
    "conn",
    "conventions_for",
    "dtssd",
    "foreground_mse",
    "grad",
    "mad",
    "mean_scores",
    "messddt",
    "motion_vectors",
    "mse",
    "sad",
    "transition_region",
    "true_trimap",
]
