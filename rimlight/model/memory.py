"""Context, keys and values of a frame, and the read of the two frames before it (paper section 3.2).

Letters: N frames (streams and time flattened), C context channels, Ck, Cv key and value channels, S = 2 slots, h, w
at 1/16.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class ContextPool(nn.Module):
    """Lite ASPP (LR-ASPP, Howard et al. 2019): a 1x1 projection gated by the picture's mean."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.local = nn.Sequential(
            nn.Conv2d(inputs, outputs, 1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)
        )
        self.context = nn.Conv2d(inputs, outputs, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        gate = torch.sigmoid(self.context(x.mean((2, 3), keepdim=True)))  # (N, C, 1, 1)
        gated: Tensor = self.local(x) * gate
        return gated  # (N, C, h, w)


class KeyValue(nn.Module):
    """Key and value maps of a frame, all that later frames see of it."""

    def __init__(self, context: int, keys: int, values: int) -> None:
        super().__init__()
        self.key = nn.Sequential(nn.Conv2d(context, keys, 3, padding=1), nn.ReLU(inplace=True))
        self.value = nn.Sequential(nn.Conv2d(context, values, 3, padding=1), nn.ReLU(inplace=True))

    def forward(self, context: Tensor) -> tuple[Tensor, Tensor]:
        return self.key(context), self.value(context)  # (N, Ck, h, w), (N, Cv, h, w)


def read(query: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    """Attend from every position of the frame to every position of its memory.

    query (N, Ck, h, w); keys (N, S, Ck, h, w); values (N, S, Cv, h, w). Returns (N, Cv, h, w).
    """
    channels, height, width = query.shape[1:]
    q = query.flatten(2).transpose(1, 2) * channels**-0.5  # (N, hw, Ck)
    k = keys.transpose(1, 2).flatten(2)  # (N, Ck, S*hw)
    v = values.transpose(1, 2).flatten(2).transpose(1, 2)  # (N, S*hw, Cv)
    found = torch.softmax(q @ k, dim=-1) @ v  # (N, hw, Cv)
    return torch.unflatten(found.transpose(1, 2), 2, (height, width))
