"""Weights files say which network they are for, and nothing else is taken."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from rimlight.errors import WeightsError
from rimlight.model.studio.config import StudioConfig, to_text
from rimlight.model.studio.matting import VideoMatting
from rimlight.model.studio.propagation import TrimapPropagation
from rimlight.model.studio.weights import load_matting, load_propagation, ships

TINY = StudioConfig(context_channels=16, decoder_channels=(8, 8, 8, 8), radius=1)


def written(path: Path, network: torch.nn.Module, config: StudioConfig) -> Path:
    tensors = {name: one for name, one in network.state_dict().items() if one.is_floating_point()}
    save_file(tensors, path, metadata={"model": to_text(config)})
    return path


def test_a_file_builds_the_network_that_it_is_for(tmp_path: Path) -> None:
    network = VideoMatting(TINY)
    found = load_matting(written(tmp_path / "w.safetensors", network, TINY))
    assert found.config == TINY
    assert not found.training
    wanted = network.state_dict()
    assert all(torch.equal(one, wanted[name]) for name, one in found.state_dict().items())


def test_the_other_networks_file_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "w.safetensors", VideoMatting(TINY), TINY)
    with pytest.raises(WeightsError, match="is of the studio's matting network, expected weights of propagation"):
        load_propagation(path)


def test_a_file_that_lacks_a_tensor_is_refused(tmp_path: Path) -> None:
    network = TrimapPropagation(config := StudioConfig("propagation", context_channels=16))
    del network.head
    with pytest.raises(WeightsError, match=r"missing .*head"):
        load_propagation(written(tmp_path / "w.safetensors", network, config))


def test_a_file_without_a_config_is_refused(tmp_path: Path) -> None:
    save_file({"x": torch.zeros(1)}, tmp_path / "w.safetensors")
    with pytest.raises(WeightsError, match="does not say which studio network"):
        load_matting(tmp_path / "w.safetensors")


def test_no_file_at_all(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="cannot read weights"):
        load_matting(tmp_path / "none.safetensors")
    (tmp_path / "text.safetensors").write_text("no tensors")
    with pytest.raises(WeightsError, match="cannot read weights"):
        load_matting(tmp_path / "text.safetensors")


@pytest.mark.parametrize("job", ["propagation", "matting"])
def test_shipped_weights_load_or_the_error_says_what_to_do(job: str) -> None:
    load = load_propagation if job == "propagation" else load_matting
    if ships(job):  # type: ignore[arg-type]
        assert load().config.job == job
    else:
        with pytest.raises(WeightsError, match=f"train them with rimlight train --recipe studio-{job}, or name a file"):
            load()
