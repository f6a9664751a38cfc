"""The correlation layer of trimap propagation (paper section 4.1): what the marked frame knows, found by similarity.

Letters: N pictures, Ck, Cv key and value channels, h, w at 1/16.
"""

from __future__ import annotations

import torch
from torch import Tensor


def correlate(query: Tensor, keys: Tensor) -> Tensor:
    """Weights (N, hw, hw): for every position of the target (rows) a softmax over those of the reference (columns).

    query, keys (N, Ck, h, w) each; the two may be of different sizes.
    """
    rows = query.flatten(2).transpose(1, 2) * query.shape[1] ** -0.5  # (N, hw, Ck)
    return torch.softmax(rows @ keys.flatten(2), dim=-1)


def recall(query: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    """Values of the reference (N, Cv, h, w), weighted by how like its keys are to each position's query."""
    found = correlate(query, keys) @ values.flatten(2).transpose(1, 2)  # (N, hw, Cv)
    return torch.unflatten(found.transpose(1, 2), 2, (query.shape[2], query.shape[3]))
