"""Golden files: five small frames with what the PyTorch network says of them in float32, which later code must repeat.

The frames are crops of the shipped portrait under a slow pan; nothing has to be fetched to make them again.
Letters: T frames, H, W size of the frames, which the network sees at half of it; h = H/32, w = W/32.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from rimlight import assets
from rimlight.errors import WeightsError
from rimlight.model.guided import refine
from rimlight.model.network import MattingNetwork
from rimlight.model.weights import load_network
from rimlight.pixels import read_picture
from rimlight.types import Size, UInt8Array

PORTRAIT = "astronaut.jpg"
FRAMES = 5
SIZE = Size(192, 320)
SIDE = 448  # of the portrait when it is cropped: the head fills half a frame, which so small a picture needs
CORNER, PAN = (70, 0), (2, 2)  # of the crop in the first frame, and its way from frame to frame: across, down
TONES = 0xFC  # colours in steps of 4: a fifth less to keep

Arrays = dict[str, Any]


def write_golden(target: Path, weights: Path | None = None) -> None:
    """Write the golden file of weights, or of the shipped ones, to target.

    image_u8 (T, H, W, 3); of the network at half size alpha_low (T, H/2, W/2), foreground_low (T, 3, H/2, W/2), and
    keys (T, 16, h, w), values (T, 64, h, w) of every frame; alpha_full (T, H, W) of the guided filter.
    Raises WeightsError if the weights do not fit, or give numbers that are none.
    """
    arrays = golden_arrays(load_network(weights), frames())
    if not all(np.isfinite(array).all() for array in arrays.values()):
        raise WeightsError(f"{weights.name if weights else 'the weights'}: the network gives infinities; train anew")
    np.savez_compressed(target, **arrays)


def frames() -> UInt8Array:
    """The golden frames (T, H, W, 3) uint8 RGB."""
    portrait = read_picture(assets.asset(PORTRAIT).path.read_bytes(), PORTRAIT)
    small = np.asarray(cv2.resize(portrait, (SIDE, SIDE), interpolation=cv2.INTER_AREA), np.uint8)
    corners = [(CORNER[0] + PAN[0] * frame, CORNER[1] + PAN[1] * frame) for frame in range(FRAMES)]
    crops = [small[top : top + SIZE.height, left : left + SIZE.width] for left, top in corners]
    return np.stack(crops) & np.uint8(TONES)


@torch.inference_mode()
def golden_arrays(network: MattingNetwork, images: UInt8Array) -> Arrays:
    """What a golden file holds of images (T, H, W, 3) uint8, in the precision that it is stored in."""
    full = torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255  # (T, 3, H, W)
    low = torch.nn.functional.avg_pool2d(full, 2)
    out = network.clip(low[None])
    _, alpha = refine(out.scale[0], out.offset[0], full)
    alone = [network.clip(image[None, None]) for image in low]  # keys and values come from a frame alone
    return {
        "image_u8": images,
        "alpha_low": out.alpha[0, :, 0].numpy(),
        "foreground_low": out.foreground[0].numpy().astype(np.float16),
        "alpha_full": alpha[:, 0].numpy().astype(np.float16),
        "keys": torch.stack([one.keys[0, -1] for one in alone]).numpy(),
        "values": torch.stack([one.values[0, -1] for one in alone]).numpy().astype(np.float16),
    }
