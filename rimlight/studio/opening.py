"""The studio's networks with their weights, by what runs them best: OpenVINO on the processor, PyTorch elsewhere."""

from __future__ import annotations

import hashlib
from pathlib import Path

import torch

from rimlight.errors import BackendError
from rimlight.kernels.processors import processors
from rimlight.model.studio.matting import VideoMatting
from rimlight.model.studio.propagation import TrimapPropagation
from rimlight.model.studio.weights import load_matting, load_propagation
from rimlight.studio.networks import Matter, Networks, Propagator
from rimlight.studio.on_torch import TorchMatter, TorchPropagator

try:
    from rimlight.studio import on_openvino
except ImportError:  # PyTorch is on the processor too, only slower
    on_openvino = None  # type: ignore[assignment]

CPU = torch.device("cpu")


def open_networks(propagation: Path | None = None, matting: Path | None = None, device: str = "cpu") -> Networks:
    """Both networks with the weights at these paths, or the shipped ones.

    device: cpu, what PyTorch calls its others, or auto: a GPU of PyTorch's if there is one. Raises WeightsError where
    there are no weights, BackendError for a device that is not there.
    """
    place = _place(device)
    carries, mats = load_propagation(propagation), load_matting(matting)
    mark = hashlib.sha256()
    for network in (carries, mats):
        for name, tensor in sorted(network.state_dict().items()):
            mark.update(name.encode() + tensor.contiguous().numpy().tobytes())
    return Networks(propagator_on(carries, place), matter_on(mats, place), mark.hexdigest()[:16], words_of(place))


def untrained_networks(device: str = "cpu", threads: int | None = None) -> Networks:
    """Networks of the usual make with weights of chance, for measuring speed, which does not hang on weights.

    threads: of this process, None for all processors.
    """
    place = _place(device)
    carries, mats = TrimapPropagation().eval(), VideoMatting().eval()
    propagator, matter = propagator_on(carries, place, threads), matter_on(mats, place, threads)
    return Networks(propagator, matter, "untrained", words_of(place))


def propagator_on(network: TrimapPropagation, place: torch.device = CPU, threads: int | None = None) -> Propagator:
    """The network ready to run. threads: on the processor, None for all."""
    if _by_openvino(place):
        return on_openvino.OpenVinoPropagator(network, on_openvino.processor_precision(), _threads(threads))
    torch.set_num_threads(_threads(threads))
    return TorchPropagator(network, place)


def matter_on(network: VideoMatting, place: torch.device = CPU, threads: int | None = None) -> Matter:
    """The network ready to run. threads: on the processor, None for all."""
    if _by_openvino(place) and on_openvino.can_run(network.config):
        return on_openvino.OpenVinoMatter(network, on_openvino.processor_precision(), _threads(threads))
    torch.set_num_threads(_threads(threads))
    return TorchMatter(network, place)


def words_of(place: torch.device = CPU) -> str:
    """What runs networks there, for people."""
    if _by_openvino(place):
        return f"OpenVINO on the processor, {on_openvino.processor_precision()}"
    return f"PyTorch on {place}"


def _by_openvino(place: torch.device) -> bool:
    return place.type == "cpu" and on_openvino is not None


def _threads(wanted: int | None) -> int:
    return wanted or max(1, int(processors()))


def _place(name: str) -> torch.device:
    try:
        place = torch.device("cuda" if name == "auto" and torch.cuda.is_available() else name.replace("auto", "cpu"))
        torch.zeros(1, device=place)
    except (RuntimeError, AssertionError) as error:
        raise BackendError(f"PyTorch has no device {name!r} here: {str(error).splitlines()[0]}; use cpu") from error
    return place
