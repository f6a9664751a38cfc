"""The last layers in compiled float32 equal those of the network."""

from __future__ import annotations

import numpy as np
import pytest

from rimlight import assets
from rimlight.kernels import tail
from rimlight.kernels.parallel import over_rows, threads
from rimlight.types import FloatArray

torch = pytest.importorskip("torch", reason="the torch extra is not installed")


def computed(image: FloatArray, hidden: FloatArray, packed: bool) -> tuple[FloatArray, FloatArray]:
    with np.load(assets.asset(f"{assets.DEFAULT}-tail.npz").path) as arrays:
        weights = tail.TailWeights(**arrays)
    height, width = image.shape[1:]
    scale, offset = np.zeros((2, 4, height, width), np.float32)
    rings, rows, runs = tail.scratch_for(threads(), width)
    bits = (np.ascontiguousarray(hidden.transpose(1, 2, 0)).view(np.uint32) >> 16).astype(np.uint16)
    nothing = np.empty((0, 0, 0), np.float32 if packed else np.uint16)
    given = (bits, nothing) if packed else (nothing, hidden)
    over_rows(tail.coefficients, height, rings, rows, rows.view(np.uint32), runs, image, *given, weights, scale, offset)
    return scale, offset


@pytest.mark.parametrize("size", [(32, 32), (160, 96), (304, 144)])
@pytest.mark.parametrize("packed", [False, True])
def test_the_tail_equals_the_network(size: tuple[int, int], packed: bool) -> None:
    from rimlight.model.weights import load_network

    network = load_network()
    generator = torch.Generator().manual_seed(0)
    image = torch.rand(1, 1, 3, *size, generator=generator)
    with torch.inference_mode():
        hidden = network.clip(image).hidden
        if packed:
            hidden = hidden.bfloat16().float()
        flat = image[0]
        raw = network.project(hidden) + torch.cat([flat, torch.zeros_like(flat[:, :1])], dim=1)
        scale, offset = network.refiner(flat, torch.clamp(raw, 0, 1), hidden)
    found_scale, found_offset = computed(image[0, 0].numpy(), hidden[0].numpy().copy(), packed)
    assert np.abs(found_scale - scale[0].numpy()).max() < 2e-5
    assert np.abs(found_offset - offset[0].numpy()).max() < 2e-5
