"""Encoders of pictures, and of pictures with a trimap: the same layers, whose first convolution has more inputs.

Letters: N pictures, C channels, H, W height and width.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from rimlight.model.memory import ContextPool
from rimlight.model.mobilenet import MobileNetV3Large
from rimlight.model.network import MEAN, STD
from rimlight.model.resnet import ResNet50
from rimlight.model.studio.config import EncoderName
from rimlight.model.studio.resnet34 import ResNet34

CLASSES = 3  # backdrop, unknown, foreground


class WideConv(nn.Conv2d):
    """A convolution of pictures (N, 3, H, W) that takes further channels too, whose weights start at zero.

    The weights of the picture keep their name, so that those of an encoder without trimap load as they are, and it
    starts as that encoder.
    """

    def __init__(self, like: nn.Conv2d, extra: int) -> None:
        kernel, stride, padding = like.kernel_size[0], like.stride[0], int(like.padding[0])
        super().__init__(like.in_channels, like.out_channels, kernel, stride, padding, bias=False)
        self.extra = nn.Parameter(torch.zeros(like.out_channels, extra, *like.kernel_size))

    def forward(self, x: Tensor) -> Tensor:
        weight = torch.cat([self.weight, self.extra], dim=1)
        return functional.conv2d(x, weight, None, self.stride, self.padding)


class Encoder(nn.Module):
    """Features (N, C, H/s, W/s) at strides 2, 4, 8 and 16 of pictures, the last projected to `context` channels.

    marked: whether a trimap comes with the picture. Parameters are named `backbone.*` and `aspp.*`, as in the live
    network, whose weights a MobileNet can start from.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, name: EncoderName, context: int, marked: bool) -> None:
        super().__init__()
        self.backbone = _build(name)
        *skips, deep = self.backbone.channels
        self.channels = (*skips, context)
        self.aspp = ContextPool(deep, context)
        if marked:
            _widen(self.backbone, CLASSES)
        self.register_buffer("mean", torch.tensor(MEAN).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(STD).view(1, 3, 1, 1), persistent=False)

    def forward(self, image: Tensor, trimap: Tensor | None = None) -> list[Tensor]:
        """image (N, 3, H, W) RGB 0..1; trimap (N, 3, H, W) one-hot, where the encoder is a marked one."""
        x = (image - self.mean) / self.std
        *skips, deep = self.backbone(x if trimap is None else torch.cat([x, trimap], dim=1))
        return [*skips, self.aspp(deep)]


def _build(name: EncoderName) -> MobileNetV3Large | ResNet34 | ResNet50:
    if name == "mobilenet":
        return MobileNetV3Large()
    return ResNet34() if name == "resnet34" else ResNet50()


def _widen(backbone: MobileNetV3Large | ResNet34 | ResNet50, extra: int) -> None:
    if isinstance(backbone, MobileNetV3Large):
        stem = backbone.features[0]
        assert isinstance(stem, nn.Sequential)
        assert isinstance(stem[0], nn.Conv2d)
        stem[0] = WideConv(stem[0], extra)
    else:
        backbone.conv1 = WideConv(backbone.conv1, extra)
