"""OpenVINO runs the same networks as PyTorch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rimlight.errors import BackendError
from rimlight.studio.networks import Matter
from rimlight.studio.trimaps import one_hot

from ..conftest import need
from .films import picture, true_trimap

torch = pytest.importorskip("torch")
from rimlight.model.studio.config import StudioConfig  # noqa: E402
from rimlight.model.studio.matting import VideoMatting  # noqa: E402
from rimlight.model.studio.propagation import TrimapPropagation  # noqa: E402
from rimlight.studio import opening  # noqa: E402
from rimlight.studio.on_torch import TorchMatter, TorchPropagator  # noqa: E402

from .weights import untrained  # noqa: E402

pytest.importorskip("openvino")
from rimlight.studio.on_openvino import OpenVinoMatter, OpenVinoPropagator, processor_precision  # noqa: E402

CPU = torch.device("cpu")
SMALL: dict[str, Any] = {"context_channels": 32, "decoder_channels": (16, 16, 8, 8)}
CONFIGS = {
    "aligned, with attention": StudioConfig(**SMALL),
    "one frame": StudioConfig(align="none", fuse="none", radius=0, **SMALL),
    "naive": StudioConfig(align="none", fuse="naive", radius=1, **SMALL),
    "attention over positions": StudioConfig(align="none", fuse="cross", radius=1, **SMALL),
    "coarse maps only": StudioConfig(fused=(8, 16), radius=3, reach=5, **SMALL),
}


def matting(config: StudioConfig) -> VideoMatting:
    """A network in which neighbours count: untrained fusion adds nothing."""
    torch.manual_seed(0)
    network = VideoMatting(config).eval()
    for name, parameter in network.named_parameters():
        if name.endswith("share"):
            torch.nn.init.constant_(parameter, 1000.0)
        if "offsets.2" in name:
            torch.nn.init.normal_(parameter, std=5.0)
    return network


def clip(frames: int, height: int = 64, width: int = 96) -> list[tuple[np.ndarray, np.ndarray]]:
    return [
        (
            picture(at, height, width).transpose(2, 0, 1).astype(np.float32) / 255,
            one_hot(true_trimap(at, height, width)),
        )
        for at in range(frames)
    ]


def alpha_of(matter: Matter, frames: Sequence[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
    return matter.alpha([matter.look(*frame) for frame in frames])


@pytest.mark.parametrize("name", CONFIGS)
def test_mattes_are_those_of_torch(name: str) -> None:
    network = matting(CONFIGS[name])
    frames = clip(network.config.frames)
    found = alpha_of(OpenVinoMatter(network, "f32", 1), frames)
    wanted = alpha_of(TorchMatter(network, CPU), frames)
    assert wanted.std() > 1e-3, "a flat matte would compare as equal to anything flat"
    np.testing.assert_allclose(found, wanted, atol=1e-5)


def test_neighbours_are_looked_at_in_their_order() -> None:
    network = matting(CONFIGS["aligned, with attention"])
    frames = clip(network.config.frames)
    matter = OpenVinoMatter(network, "f32", 1)
    assert np.abs(alpha_of(matter, frames) - alpha_of(matter, frames[::-1])).max() > 1e-4


def test_trimaps_are_those_of_torch() -> None:
    torch.manual_seed(0)
    network = TrimapPropagation().eval()
    (image, trimap), (other, _) = clip(2)
    both = (OpenVinoPropagator(network, "f32", 1), TorchPropagator(network, CPU))
    found, wanted = (one.classes(other, one.remember(image, trimap)) for one in both)
    np.testing.assert_allclose(found, wanted, atol=1e-5)


def test_half_precision_stays_near() -> None:
    need("bf16", processor_precision() == "bf16", "this processor has no bfloat16")
    network = matting(CONFIGS["aligned, with attention"])
    frames = clip(network.config.frames)
    apart = np.abs(alpha_of(OpenVinoMatter(network, "bf16", 1), frames) - alpha_of(TorchMatter(network, CPU), frames))
    assert apart.mean() < 0.02


def test_every_size_is_compiled_for_itself() -> None:
    network = matting(CONFIGS["naive"])
    matter, by_torch = OpenVinoMatter(network, "f32", 1), TorchMatter(network, CPU)
    for height, width in ((32, 48), (48, 32), (32, 48)):
        frames = clip(network.config.frames, height, width)
        np.testing.assert_allclose(alpha_of(matter, frames), alpha_of(by_torch, frames), atol=1e-5)


def test_threads_take_turns() -> None:
    network = matting(CONFIGS["naive"])
    matter = OpenVinoMatter(network, "f32", 1)
    clips = [clip(at + network.config.frames)[at:] for at in range(4)]
    alone = [alpha_of(matter, frames) for frames in clips]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda frames: alpha_of(matter, frames), clips * 4))
    for found, wanted in zip(together, alone * 4, strict=True):
        np.testing.assert_array_equal(found, wanted)


ENGINES: dict[str, Callable[[VideoMatting], Matter]] = {
    "openvino": lambda network: OpenVinoMatter(network, "f32", 1),
    "torch": lambda network: TorchMatter(network, CPU),
}


@pytest.mark.parametrize("engine", ENGINES)
def test_weights_that_give_no_numbers_are_noticed(engine: str) -> None:
    network = matting(CONFIGS["one frame"])
    torch.nn.init.constant_(network.head.bias, float("nan"))
    with pytest.raises(BackendError, match="numbers that are none"):
        alpha_of(ENGINES[engine](network), clip(1))


def test_the_processor_has_openvino_where_it_is_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = untrained(tmp_path)
    assert opening.open_networks(*files).device.startswith("OpenVINO")
    monkeypatch.setattr(opening, "on_openvino", None)
    assert opening.open_networks(*files).device == "PyTorch on cpu"


def test_optical_flow_stays_with_torch() -> None:
    network = VideoMatting(StudioConfig(align="flow", fuse="naive", radius=1, **SMALL)).eval()
    assert isinstance(opening.matter_on(network), TorchMatter)
