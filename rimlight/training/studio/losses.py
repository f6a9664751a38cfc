"""What the studio's networks minimise (paper equations 3 to 8), as pure functions, in float32.

Each is the mean over clips of what one clip comes to, so that shares of a batch can be taken apart; within a clip,
losses of a region are means over the region, 0 where it is empty.

Letters: B clips, T frames, H, W size of the pictures.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

TINY = 1e-6  # keeps logarithms finite
SOBEL = ((-1.0, 0.0, 1.0), (-2.0, 0.0, 2.0), (-1.0, 0.0, 1.0))  # over x; its transpose over y


def matting(alpha: Tensor, truth: Tensor, unknown: Tensor, colours: Tensor) -> dict[str, Tensor]:
    """All losses of predicted alphas by name; their sum is the total (equation 8).

    alpha, truth (B, T, 1, H, W), 0..1; unknown (B, T, 1, H, W), 1 where the trimap says so; colours (B, T, 3, H, W):
    foreground minus backdrop.
    """
    return {
        "alpha": difference(alpha, truth, unknown),
        "composition": composition(alpha, truth, unknown, colours),
        "gradient": gradient(alpha, truth, unknown),
        "divergence": divergence(alpha, truth),
        "motion": motion(alpha, truth),
    }


def difference(alpha: Tensor, truth: Tensor, unknown: Tensor) -> Tensor:
    """Alpha's loss (equation 3): squared where the trimap knows, absolute where it does not."""
    off = alpha - truth
    return _within(off.abs(), unknown) + _within(off.square(), 1 - unknown)


def composition(alpha: Tensor, truth: Tensor, unknown: Tensor, colours: Tensor) -> Tensor:
    """Absolute difference of the composites of predicted and true alpha, in the unknown region (equation 4).

    aF + (1-a)B differs by (a - a')(F - B), which is what colours hold; in natural scenes, where both are the picture's,
    that is 0.
    """
    return _within(((alpha - truth) * colours).abs().mean(2, keepdim=True), unknown)


def gradient(alpha: Tensor, truth: Tensor, unknown: Tensor) -> Tensor:
    """Absolute difference in the unknown region, weighted by how far the Sobel gradients are apart (equation 5).

    The weights have no gradient of their own: they say where alpha has to change, not how.
    """
    weight = unknown * (sobel(truth) - sobel(alpha.detach())).abs()
    return _within((alpha - truth).abs(), weight)


def divergence(alpha: Tensor, truth: Tensor) -> Tensor:
    """Kullback-Leibler divergence of each frame's alphas, taken as distributions over its pixels (equation 6).

    Frames without anybody count 0: there is no distribution.
    """
    there = (truth.sum((3, 4), keepdim=True) > 1).float()  # (B, T, 1, 1, 1)
    wanted, found = (_shares(one) for one in (truth, alpha))
    apart = (wanted * (wanted.log() - found.log())).sum((3, 4), keepdim=True)
    return (there * apart).mean()


def motion(alpha: Tensor, truth: Tensor) -> Tensor:
    """Squared difference of the changes from frame to frame (equation 7); 0 for one frame."""
    if alpha.shape[1] == 1:
        return alpha.new_zeros(())
    changes = (alpha[:, 1:] - alpha[:, :-1]) - (truth[:, 1:] - truth[:, :-1])
    return changes.square().mean()


def classes(logits: Tensor, trimaps: Tensor) -> Tensor:
    """Cross entropy of a propagated trimap: logits and one-hot trimaps (N, 3, H, W)."""
    return functional.cross_entropy(logits, trimaps)


def sobel(x: Tensor) -> Tensor:
    """Length of the Sobel gradient of (B, T, 1, H, W) in the units of x per pixel, the border replicated."""
    over_x = x.new_tensor(SOBEL) / 8
    kernels = torch.stack([over_x, over_x.T])[:, None]  # (2, 1, 3, 3)
    padded = functional.pad(x.flatten(0, 1), (1, 1, 1, 1), mode="replicate")
    slopes = functional.conv2d(padded, kernels)
    length = torch.sqrt(slopes.square().sum(1, keepdim=True) + TINY**2)
    return torch.unflatten(length, 0, (x.shape[0], x.shape[1]))


def _within(values: Tensor, weight: Tensor) -> Tensor:
    """Mean over clips of the weighted mean of values (B, T, 1, H, W); one pixel of slack stands for an empty weight."""
    sums = (values * weight).sum((1, 2, 3, 4)) / (weight.sum((1, 2, 3, 4)) + 1)
    return sums.mean()


def _shares(x: Tensor) -> Tensor:
    """Every pixel's share of its frame's sum, (B, T, 1, H, W), never 0."""
    raised = x + TINY
    return raised / raised.sum((3, 4), keepdim=True)
