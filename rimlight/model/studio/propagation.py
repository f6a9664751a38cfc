"""Trimap propagation (paper section 4.1): the trimap of a marked frame, carried to another frame of the same video.

Letters: N pictures, Ck, Cv key and value channels, H, W internal size, h = H/16, w = W/16.
"""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor, nn
from torch.nn import functional

from rimlight.model.studio.config import StudioConfig
from rimlight.model.studio.correlation import recall
from rimlight.model.studio.decoder import SubPixelDecoder
from rimlight.model.studio.encoder import CLASSES, Encoder


class Reference(NamedTuple):
    """What is kept of a marked frame."""

    keys: Tensor  # (N, Ck, h, w)
    values: Tensor  # (N, Cv, h, w)


class TrimapPropagation(nn.Module):
    """Two encoders of one structure, one of which sees a trimap, a correlation layer, and a decoder to three classes.

    The paper's has ResNet-34 encoders; the decoder ends at half the size, from where logits are enlarged.
    """

    def __init__(self, config: StudioConfig | None = None) -> None:
        super().__init__()
        self.config = config = config or StudioConfig(job="propagation")
        width = config.context_channels
        self.reference = Encoder(config.encoder, width, marked=True)
        self.target = Encoder(config.encoder, width, marked=False)
        self.key = nn.Conv2d(width, config.key_channels, 3, padding=1)
        self.value = nn.Conv2d(width, width, 3, padding=1)
        self.query = nn.Conv2d(width, config.key_channels, 3, padding=1)
        half, quarter, eighth, _ = self.target.channels
        outputs = config.decoder_channels[:3]
        self.decoder = SubPixelDecoder(width, (eighth, quarter, half), outputs)
        self.head = nn.Conv2d(outputs[-1], CLASSES, 3, padding=1)

    def remember(self, image: Tensor, trimap: Tensor) -> Reference:
        """Keys and values of marked frames.

        image (N, 3, H, W) RGB 0..1, sides multiples of 16; trimap (N, 3, H, W) one-hot: backdrop, unknown, foreground.
        """
        deep = self.reference(image, trimap)[-1]
        return Reference(self.key(deep), self.value(deep))

    def forward(self, image: Tensor, reference: Reference) -> Tensor:
        """Logits (N, 3, H, W) of backdrop, unknown and foreground of frames (N, 3, H, W), by one reference each."""
        half, quarter, eighth, deep = self.target(image)
        found = deep + recall(self.query(deep), reference.keys, reference.values)
        hidden = self.decoder(found, (eighth, quarter, half))
        return functional.interpolate(self.head(hidden), image.shape[2:], mode="bilinear", align_corners=False)
