"""What training minimises (paper section 5), as pure functions on predictions and truth, in float32.

Every loss is a mean over all pixels of all clips, those that a mask leaves out counting as 0. So the loss of a batch is
the mean of its clips' losses, whichever process computes them, and nothing is ever divided by the size of a mask.

Letters: B clips, T frames, N pictures, C channels, H, W size of the pictures, h = H/16, w = W/16.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

LEVELS = 5  # of the pyramid
SURE = 1 / 512  # half a grey level: so close to 0 or 1 the truth means exactly that
COARSE = 16  # stride of the memory


class Truth(NamedTuple):
    """What a prediction is compared with."""

    alpha: Tensor  # (B, T, 1, H, W), 0..1
    foreground: Tensor  # (B, T, 3, H, W), 0..1, straight
    clean: Tensor  # (B, 1, 1, 1, 1), 1 where the foreground's colour is known, 0 in natural scenes

    @property
    def known(self) -> Tensor:
        """Where the foreground has a colour to compare (B, T, 1, H, W): known, and somebody there."""
        return self.clean * (self.alpha > 0)


def truth_of(alpha: Tensor, foreground: Tensor, real: Tensor) -> Truth:
    """Truth in float32 of alpha (B, T, 1, H, W), foreground (B, T, 3, H, W) and real (B,), true for natural scenes."""
    return Truth(alpha.float(), foreground.float(), (~real).float()[:, None, None, None, None])


def reduced(truth: Truth, factor: int) -> Truth:
    """The truth averaged over squares of factor pixels; of the foreground only what is known, 0 where nothing is."""
    if factor == 1:
        return truth
    known = truth.known
    weight = _averaged(known, factor)
    foreground = _averaged(truth.foreground * known, factor) / weight.clamp_min(1 / factor**2)
    return Truth(_averaged(truth.alpha, factor), foreground, truth.clean)


def matting(raw: Tensor, truth: Truth) -> dict[str, Tensor]:
    """Alpha, pyramid, composition, foreground and motion losses of a prediction; their weighted sum is the total.

    raw (B, T, 4, H, W): foreground and alpha before the clamp, at the size of the truth.
    """
    alpha = saturated(raw[:, :, 3:].float(), truth.alpha)
    foreground = saturated(raw[:, :, :3].float(), truth.foreground)
    return {
        "alpha": (alpha - truth.alpha).abs().mean(),
        "pyramid": pyramid(alpha - truth.alpha),
        "composition": composition(alpha, foreground, truth),
        "foreground": (truth.known * (foreground - truth.foreground)).abs().mean(),
        "motion": motion(alpha, foreground, truth),
    }


def saturated(raw: Tensor, truth: Tensor) -> Tensor:
    """raw without what it goes beyond 0 or 1 where the truth is that very 0 or 1; same shape.

    There the prediction is right however far it goes, since it is clamped in use. Everywhere else it stays as it is:
    a clamp would take the gradient away from a prediction that is wrong by more than its range.
    """
    right = ((truth >= 1 - SURE) & (raw > 1)) | ((truth <= SURE) & (raw < 0))
    return torch.where(right, truth, raw)


def pyramid(difference: Tensor, levels: int = LEVELS) -> Tensor:
    """Sum over levels s of 2^(s-1) times the mean absolute Laplacian of a difference (B, T, 1, H, W).

    The Laplacian pyramid (Burt and Adelson 1983) is linear, so that of the difference is the difference of both
    pyramids. Pictures below 48 pixels have fewer levels.
    """
    x = difference.flatten(0, 1)  # (N, 1, H, W)
    total = x.new_zeros(())
    for level in range(levels):
        if min(x.shape[2:]) < 3:
            break
        small = _blurred(x)[:, :, ::2, ::2]
        total = total + 2**level * (x - _spread(small, x)).abs().mean()
        x = small
    return total


def composition(alpha: Tensor, foreground: Tensor, truth: Truth) -> Tensor:
    """Mean absolute difference of alpha * F, for clips whose foreground is known.

    alpha (B, T, 1, H, W); foreground (B, T, 3, H, W).
    """
    return (truth.clean * (alpha * foreground - truth.alpha * truth.foreground)).abs().mean()


def motion(alpha: Tensor, foreground: Tensor, truth: Truth) -> Tensor:
    """Mean absolute difference of the time derivatives of alpha and of F where known (equation 9); 0 for one frame.

    alpha (B, T, 1, H, W); foreground (B, T, 3, H, W).
    """
    if alpha.shape[1] == 1:
        return alpha.new_zeros(())
    known = truth.known
    both = known[:, 1:] * known[:, :-1]
    of_alpha = (_change(alpha) - _change(truth.alpha)).abs().mean()
    return of_alpha + (both * (_change(foreground) - _change(truth.foreground))).abs().mean()


def direct(coarse: Tensor, truth: Truth) -> Tensor:
    """Mean absolute error of alpha and F predicted from the memory alone, against the averaged truth (equation 8).

    coarse (N, 4, h, w): foreground and alpha of the `coarse` head; truth at full internal size.
    """
    small = reduced(truth, COARSE)
    raw = torch.unflatten(coarse.float(), 0, tuple(truth.alpha.shape[:2]))  # (B, T, 4, h, w)
    of_alpha = (saturated(raw[:, :, 3:], small.alpha) - small.alpha).abs().mean()
    off = saturated(raw[:, :, :3], small.foreground) - small.foreground
    return of_alpha + (small.known * off).abs().mean()


def segmentation(logits: Tensor, masks: Tensor) -> Tensor:
    """Binary cross entropy of the segmentation head.

    logits (N, 1, H, W); masks (N, 1, H, W), 0..1, 1 where a person is.
    """
    return functional.binary_cross_entropy_with_logits(logits.float(), masks.float())


def _averaged(x: Tensor, factor: int) -> Tensor:
    """(B, T, C, H, W) to (B, T, C, H/factor, W/factor)."""
    return torch.unflatten(functional.avg_pool2d(x.flatten(0, 1), factor), 0, tuple(x.shape[:2]))


def _change(x: Tensor) -> Tensor:
    """(B, T, C, H, W) to (B, T-1, C, H, W)."""
    return x[:, 1:] - x[:, :-1]


def _blurred(x: Tensor) -> Tensor:
    """Binomial 5x5 mean of (N, 1, H, W), mirrored at the borders, so that every second pixel stays every second."""
    x = functional.pad(x, (2, 2, 2, 2), mode="reflect")
    for _ in range(4):  # four means of two are the row 1, 4, 6, 4, 1
        x = functional.avg_pool2d(x, 2, stride=1)
    return x


def _spread(small: Tensor, like: Tensor) -> Tensor:
    """small (N, 1, ceil(H/2), ceil(W/2)) at twice the size, that of like (N, 1, H, W)."""
    sparse = torch.zeros_like(like)
    sparse[:, :, ::2, ::2] = small
    return 4 * _blurred(sparse)
