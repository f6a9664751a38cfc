"""The moving average of weights."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from rimlight.training import averaging


def layers() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 2, 1), nn.BatchNorm2d(2))


def test_the_average_is_that_of_the_formula() -> None:
    network, decay = layers(), 0.9
    average = averaging.started(network)
    wanted = {name: tensor.double().numpy() for name, tensor in average.items()}
    for step in range(30):
        with torch.no_grad():
            for tensor in averaging.floating(network).values():
                tensor.add_(0.1 * step)
        kept = averaging.decay_at(step, decay)
        averaging.update(average, network, kept)
        for name, tensor in averaging.floating(network).items():
            wanted[name] = kept * wanted[name] + (1 - kept) * tensor.double().numpy()
    for name, tensor in average.items():
        assert np.allclose(tensor.numpy(), wanted[name], rtol=1e-4), name


def test_statistics_of_batch_norms_are_averaged_and_their_counters_left_out() -> None:
    assert set(averaging.started(layers())) == {
        "0.weight", "0.bias", "1.weight", "1.bias", "1.running_mean", "1.running_var"
    }  # fmt: skip


def test_the_average_shares_no_memory_with_the_network() -> None:
    network = layers()
    average = averaging.started(network)
    before = average["0.weight"].clone()
    nn.init.constant_(network[0].weight, 7.0)
    assert torch.equal(average["0.weight"], before)


def test_at_first_little_is_kept() -> None:
    found = [averaging.decay_at(step, 0.999) for step in (0, 10, 100, 100_000)]
    assert found == sorted(found)
    assert found[0] == pytest.approx(0.1)
    assert found[-1] == 0.999
