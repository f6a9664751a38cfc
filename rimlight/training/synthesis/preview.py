"""A sheet of clips to look at before training: what the network is shown, and what it is told.

Letters: B clips, T frames, H, W size of the pictures.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from rimlight.errors import DataError
from rimlight.training.synthesis.clips import Batch, make
from rimlight.training.synthesis.plan import Plan
from rimlight.training.synthesis.pool import Pool
from rimlight.types import UInt8Array

SCREEN = (0.1, 0.75, 0.2)  # behind cut-out people: fringes show on it
GAP = 4
ABREAST = 2  # clips in a row of the sheet
TELLS_REAL = (230, 120, 20)  # colour of the bar beside natural scenes


def draw(pool: Pool, plan: Plan, path: Path, step: int = 0, seed: int = 0, stage: int = 0) -> Path:
    """Write the clips of a step as a PNG and return its path; raises DataError where it cannot be written."""
    picture = sheet(make(pool, plan, step, seed, stage=stage))
    encoded = cv2.imencode(".png", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))[1]
    try:
        path.write_bytes(np.asarray(encoded).tobytes())
    except OSError as error:
        raise DataError(f"{path}: cannot be written ({error.strerror}); give a folder that is there") from error
    return path


def sheet(batch: Batch) -> UInt8Array:
    """A picture (height, width, 3) with a block for each clip: image, alpha and cut-out person in three rows.

    Columns are the first, the middle and the last frame. Clips that keep their own background have a bar at the left.
    """
    count, frames = batch.images.shape[:2]
    columns = sorted({0, frames // 2, frames - 1})
    blocks = [_block(batch, index, columns) for index in range(count)]
    blocks += [np.zeros_like(blocks[0])] * (-count % ABREAST)
    rows = [np.hstack(blocks[start : start + ABREAST]) for start in range(0, len(blocks), ABREAST)]
    return np.vstack(rows)


def _block(batch: Batch, index: int, columns: list[int]) -> UInt8Array:
    image, alpha = batch.images[index, columns], batch.alpha[index, columns]  # (columns, C, H, W)
    screen = image.new_tensor(SCREEN).view(1, 3, 1, 1)
    cut_out = alpha * batch.foreground[index, columns] + (1 - alpha) * screen
    parts = [functional.pad(part, (0, GAP)) for part in (image, alpha.expand_as(image), cut_out)]
    block = _bytes(torch.cat([torch.cat(list(part), dim=2) for part in parts], dim=1))
    framed = np.pad(block, ((0, 2 * GAP), (2 * GAP, 0), (0, 0)))
    if batch.real[index]:
        framed[:, :GAP] = TELLS_REAL
    return framed


def _bytes(image: Tensor) -> UInt8Array:
    scaled = torch.round(torch.clamp(image, 0, 1) * 255).to(torch.uint8)
    return np.ascontiguousarray(scaled.permute(1, 2, 0).cpu().numpy())
