"""What the studio's networks start from: nothing, the live network's encoder, another one, or a file of their own."""

from __future__ import annotations

from pathlib import Path

from torch import Tensor, nn

from rimlight import assets
from rimlight.errors import WeightsError
from rimlight.model.studio.encoder import Encoder
from rimlight.training.start import NONE, SHIPPED, encoder_tensors, read_tensors

CONTEXT = "aspp."
MARKS = ".extra"  # ends the names of the trimap's weights, which no other encoder has


def begin(network: nn.Module, init: str) -> str:
    """Fill a studio network in place and say in a few words from what.

    init: "none", "shipped" (encoders from the live network), or a file: all tensors of it that fit by name and shape,
    or else an encoder, for every encoder of the network. What is left stays as it is: a network that fuses frames
    starts from the weights of one that does not.
    Raises WeightsError if the file cannot be read, or if nothing of it fits.
    """
    if init == NONE:
        return "random weights"
    path = assets.asset(f"{assets.DEFAULT}.safetensors").path if init == SHIPPED else Path(init)
    found = read_tensors(path)
    wanted = {name: tensor for name, tensor in network.state_dict().items() if tensor.is_floating_point()}
    fitting = {name: found[name] for name, tensor in wanted.items() if name in found and _same(found[name], tensor)}
    fitting = fitting or _encoders(network, found)
    if not fitting:
        raise WeightsError(f"nothing in {path.name} fits this network: neither its names nor an encoder of its kind")
    network.load_state_dict({name: tensor.float() for name, tensor in fitting.items()}, strict=False)
    return f"{len(fitting)} of {len(wanted)} tensors from {path.name}"


def _encoders(network: nn.Module, found: dict[str, Tensor]) -> dict[str, Tensor]:
    """Tensors for every encoder of the network, by the network's names, with the context pool where that fits too."""
    fitting: dict[str, Tensor] = {}
    for place, module in network.named_modules():
        if isinstance(module, Encoder):
            own = {name: one for name, one in module.backbone.state_dict().items() if not name.endswith(MARKS)}
            taken = encoder_tensors(found, own)
            fitting |= {f"{place}.backbone.{name}": tensor for name, tensor in taken.items()}
            pool = {f"{CONTEXT}{name}": one for name, one in module.aspp.state_dict().items()}
            fitting |= {f"{place}.{name}": found[name] for name, one in pool.items() if _same(found.get(name), one)}
    return fitting


def _same(one: Tensor | None, other: Tensor) -> bool:
    return one is not None and one.shape == other.shape and other.is_floating_point()
