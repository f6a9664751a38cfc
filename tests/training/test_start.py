"""What a network starts from."""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from rimlight.errors import WeightsError
from rimlight.model.config import EncoderName, ModelConfig
from rimlight.model.network import MattingNetwork
from rimlight.model.weights import load_network
from rimlight.training import start


def network(seed: int = 0, encoder: EncoderName = "mobilenet_v3_large") -> MattingNetwork:
    torch.manual_seed(seed)
    return MattingNetwork(ModelConfig(encoder=encoder))


def weights(of: nn.Module, prefix: str, drop: str = "") -> dict[str, torch.Tensor]:
    """A state dict with other names, the head of a segmentation network beside it."""
    found = {prefix + name.removeprefix(drop): tensor.clone() for name, tensor in of.state_dict().items()}
    return found | {"classifier.0.0.weight": torch.zeros(3, 3), "classifier.0.1.bias": torch.zeros(3)}


@pytest.mark.parametrize("prefix", ["", "backbone.", "model.backbone."])
@pytest.mark.parametrize("drop", ["", "features."])
def test_an_encoder_is_found_under_any_prefix(tmp_path: Path, prefix: str, drop: str) -> None:
    given, taken = network(1), network(2)
    path = tmp_path / "encoder.pth"
    torch.save(weights(given.backbone, prefix, drop), path)
    rest = taken.aspp.local[0].weight.clone()
    assert "from encoder.pth" in start.begin(taken, str(path))
    for name, tensor in given.backbone.named_parameters():
        assert torch.equal(taken.backbone.get_parameter(name), tensor), name
    assert torch.equal(taken.aspp.local[0].weight, rest)


def test_a_resnet_is_found_too_without_its_last_layer(tmp_path: Path) -> None:
    given, taken = network(1, "resnet50"), network(2, "resnet50")
    path = tmp_path / "resnet50.pt"
    torch.save({"state_dict": weights(given.backbone, "") | {"fc.weight": torch.zeros(1000, 2048)}}, path)
    start.begin(taken, str(path))
    assert torch.equal(taken.backbone.get_parameter("layer4.2.conv3.weight"), given.backbone.layer4[2].conv3.weight)


class Wrapped(nn.Module):
    """As a trained segmentation network names its encoder."""

    def __init__(self, features: nn.Module) -> None:
        super().__init__()
        self.model = nn.ModuleDict({"backbone": features})

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x


def test_an_encoder_is_read_from_a_torchscript_archive(tmp_path: Path) -> None:
    given, taken = network(1), network(2)
    path = tmp_path / "scripted.pt"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # TorchScript is deprecated, its files are still about
        traced = torch.jit.trace(Wrapped(given.backbone.features), torch.zeros(1))  # type: ignore[no-untyped-call]
        torch.jit.save(traced, str(path))
    start.begin(taken, str(path))
    assert torch.equal(taken.backbone.features[16][0].weight, given.backbone.features[16][0].weight)


def test_the_shipped_weights_come_in_whole() -> None:
    taken = network()
    fitting, whole = start.begin(taken, "shipped").split()[:3:2]
    assert fitting == whole
    shipped = load_network().state_dict()
    assert all(torch.equal(tensor, shipped[name]) for name, tensor in taken.state_dict().items() if "num_b" not in name)


def test_of_weights_for_other_widths_what_fits_is_taken() -> None:
    torch.manual_seed(3)
    taken = MattingNetwork(ModelConfig(decoder_channels=(40, 40, 32, 16)))
    said = start.begin(taken, "shipped")
    fitting, whole = (int(word) for word in said.split()[:3:2])
    assert 0 < fitting < whole
    assert torch.equal(taken.project.weight, load_network().project.weight)


def test_random_weights_are_the_seeds() -> None:
    one, two = network(5), network(5)
    assert start.begin(one, "none") == "random weights"
    assert torch.equal(one.project.weight, two.project.weight)


def test_what_does_not_fit_or_cannot_be_read_is_refused(tmp_path: Path) -> None:
    foreign, broken, text = tmp_path / "a.safetensors", tmp_path / "b.safetensors", tmp_path / "c.pt"
    save_file({"something": torch.zeros(3)}, foreign)
    broken.write_bytes(b"not weights")
    text.write_text("no weights either")
    number = tmp_path / "d.pt"
    torch.save({"epoch": 3}, number)
    for path, said in (
        (foreign, "nothing in a.safetensors fits"), (broken, "cannot read"), (text, "cannot read"),
        (number, "no table of tensors"), (tmp_path / "none.pt", "cannot read"),
    ):  # fmt: skip
        with pytest.raises(WeightsError, match=said):
            start.begin(network(), str(path))
