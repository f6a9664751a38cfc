"""The network reproduces its golden file, and a clip is the same as its steps."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the torch extra is not installed")

from rimlight import assets  # noqa: E402
from rimlight.errors import WeightsError  # noqa: E402
from rimlight.model.config import ModelConfig  # noqa: E402
from rimlight.model.guided import refine  # noqa: E402
from rimlight.model.network import MattingNetwork, Output  # noqa: E402
from rimlight.model.weights import load_network  # noqa: E402


@pytest.fixture(scope="module")
def network() -> MattingNetwork:
    return load_network()


@pytest.fixture(scope="module")
def small_network() -> MattingNetwork:
    torch.manual_seed(0)
    return MattingNetwork().eval()


def steps(network: MattingNetwork, clip: torch.Tensor) -> list[Output]:
    memory = network.empty_memory(clip.shape[0], *clip.shape[3:])
    found = []
    for t in range(clip.shape[1]):
        own = torch.full((clip.shape[0],), 1.0 if t < 2 else 0.0)
        out = network.step(clip[:, t], *memory, own)
        memory = (out.keys, out.values)
        found.append(out)
    return found


def check_golden(network: MattingNetwork, path: Path) -> None:
    """The network gives what the file holds; half precision is what three of its arrays are stored in."""
    golden = np.load(path)
    full = torch.from_numpy(golden["image_u8"]).permute(0, 3, 1, 2).float() / 255
    out = network.clip(torch.nn.functional.avg_pool2d(full, 2)[None])
    foreground, alpha = refine(out.scale[0], out.offset[0], full)
    assert np.abs(out.alpha[0, :, 0].numpy() - golden["alpha_low"]).max() < 1e-4
    assert np.abs(out.foreground[0].numpy() - golden["foreground_low"]).max() < 1e-3
    assert np.abs(alpha[:, 0].numpy() - golden["alpha_full"]).max() < 1e-3
    assert np.abs(out.keys[0].numpy() - golden["keys"][-2:]).max() < 1e-4
    assert np.abs(out.values[0].numpy() - golden["values"][-2:]).max() < 2e-3
    assert foreground.shape == (5, 3, 192, 320)


@torch.inference_mode()
def test_shipped_weights_reproduce_their_golden_clip(network: MattingNetwork) -> None:
    check_golden(network, Path(__file__).with_name(f"golden-{assets.DEFAULT}.npz"))


@torch.inference_mode()
def test_weights_v0_reproduce_the_golden_clip_of_where_they_were_trained(shared: Path) -> None:
    folder = shared / "weights"
    check_golden(load_network(folder / "attention-memory-v0.safetensors"), folder / "golden-v0.npz")


@pytest.mark.parametrize("encoder", ["mobilenet_v3_large", "resnet50"])
@torch.inference_mode()
def test_a_clip_equals_repeated_steps(encoder: str) -> None:
    torch.manual_seed(1)
    network = MattingNetwork(ModelConfig(encoder=encoder)).eval()  # type: ignore[arg-type]
    clip = torch.rand(2, 5, 3, 64, 96)
    whole = network.clip(clip)
    for t, out in enumerate(steps(network, clip)):
        for name in ("alpha", "foreground", "scale", "offset"):
            assert torch.allclose(getattr(out, name)[:, 0], getattr(whole, name)[:, t], atol=1e-4), (name, t)


@torch.inference_mode()
def test_a_frame_sees_exactly_the_two_frames_before(small_network: MattingNetwork) -> None:
    clip = torch.rand(1, 6, 3, 64, 64)
    changed = clip.clone()
    changed[:, 2] = torch.rand(3, 64, 64)
    before, after = small_network.clip(clip).raw, small_network.clip(changed).raw
    differs = [not torch.equal(before[0, t], after[0, t]) for t in range(6)]
    assert differs == [False, False, True, True, True, False]


@torch.inference_mode()
def test_nothing_of_the_memory_counts_after_a_cut_not_even_nan(small_network: MattingNetwork) -> None:
    image = torch.rand(1, 3, 64, 64)
    keys, values = small_network.empty_memory(1, 64, 64)
    fresh = small_network.step(image, keys, values, torch.ones(1))
    poisoned = small_network.step(image, keys + torch.nan, values + torch.nan, torch.ones(1))
    assert torch.equal(fresh.alpha, poisoned.alpha)


def test_parameter_count_is_below_the_papers(network: MattingNetwork) -> None:
    training_only = {"segment", "coarse"}
    used = sum(p.numel() for name, p in network.named_parameters() if name.split(".")[0] not in training_only)
    assert used <= 3.89e6


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    path = tmp_path / "other.safetensors"
    save_file({"something": torch.zeros(3)}, path)
    with pytest.raises(WeightsError, match="does not fit this network"):
        load_network(path)
    path.write_bytes(b"not weights")
    with pytest.raises(WeightsError, match="expected a safetensors file"):
        load_network(path)
