"""Windows, their alignment and fusion, and how a network that fuses begins as one that does not."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from rimlight.errors import ConfigError, FrameError
from rimlight.model.studio.alignment import DeformAlign, flow_between, warp_by_flow
from rimlight.model.studio.config import Alignment, Fusion, StudioConfig, from_text, to_text
from rimlight.model.studio.matting import Features, VideoMatting, known, window_of

from .pictures import picture, trimap

TINY = StudioConfig(context_channels=16, decoder_channels=(8, 8, 8, 8), radius=1, reach=5)
WAYS: list[tuple[Alignment, Fusion]] = [
    ("none", "none"),
    ("none", "naive"),
    ("deform", "naive"),
    ("deform", "attention"),
    ("none", "cross"),
    ("flow", "naive"),
]


def seen(network: VideoMatting, height: int = 32, width: int = 48) -> list[Features]:
    """A window of different frames."""
    return [
        network.look(picture(height, width, seed), trimap(height, width, seed)) for seed in range(network.config.frames)
    ]


def opened(network: VideoMatting) -> VideoMatting:
    """The network with its fusions' shares away from 0, where nothing would be seen of them."""
    for name, parameter in network.named_parameters():
        if name.endswith(".share"):
            torch.nn.init.ones_(parameter)
    return network


@torch.inference_mode()
@pytest.mark.parametrize(("align", "fuse"), WAYS)
@pytest.mark.parametrize(("height", "width"), [(16, 16), (48, 80)])
def test_any_size_in_multiples_of_sixteen(align: Alignment, fuse: Fusion, height: int, width: int) -> None:
    network = VideoMatting(replace(TINY, align=align, fuse=fuse)).eval()
    alpha = network(seen(network, height, width))
    assert alpha.shape == (1, 1, height, width)
    assert 0 <= float(alpha.min()) <= float(alpha.max()) <= 1


@torch.inference_mode()
@pytest.mark.parametrize("radius", [0, 1, 2, 3, 4])
def test_windows_of_every_radius(radius: int) -> None:
    network = VideoMatting(replace(TINY, radius=radius)).eval()
    assert network(seen(network)).shape == (1, 1, 32, 48)
    with pytest.raises(FrameError, match=f"a window of {2 * radius + 1} frames, got {2 * radius + 2}"):
        network([*seen(network), seen(network)[0]])


@torch.inference_mode()
@pytest.mark.parametrize(("align", "fuse"), WAYS[1:])
def test_a_new_network_is_the_one_without_fusion(align: Alignment, fuse: Fusion) -> None:
    basic = VideoMatting(replace(TINY, align="none", fuse="none")).eval()
    fused = VideoMatting(replace(TINY, align=align, fuse=fuse)).eval()
    fused.load_state_dict(basic.state_dict(), strict=False)
    assert torch.equal(fused(seen(fused)), basic(seen(basic)))


@torch.inference_mode()
@pytest.mark.parametrize(("align", "fuse"), WAYS)
def test_neighbours_count_where_they_are_fused(align: Alignment, fuse: Fusion) -> None:
    network = opened(VideoMatting(replace(TINY, align=align, fuse=fuse)).eval())
    one = seen(network)
    other = [network.look(picture(32, 48, 9), trimap(32, 48, 9)), *one[1:]]
    assert torch.equal(network(one), network(other)) == (fuse == "none")


@torch.inference_mode()
def test_windows_side_by_side_are_windows_one_by_one() -> None:
    network = opened(VideoMatting(TINY).eval())
    one, two = seen(network), seen(network)[::-1]
    both = [Features(*(torch.cat(pair) for pair in zip(*frames, strict=True))) for frames in zip(one, two, strict=True)]
    assert torch.allclose(network(both), torch.cat([network(one), network(two)]), atol=1e-5)


def test_alignment_begins_as_the_identity() -> None:
    align = DeformAlign(8)
    middle, neighbour = torch.randn(2, 8, 6, 7), torch.randn(2, 8, 6, 7)
    assert torch.allclose(align(middle, neighbour), neighbour, atol=1e-5)


def test_without_offsets_alignment_is_a_plain_convolution() -> None:
    align = DeformAlign(8)
    torch.nn.init.normal_(align.weight)
    neighbour = torch.randn(1, 8, 6, 7)
    plain = functional.conv2d(neighbour, align.weight, padding=1)
    assert torch.allclose(align(torch.randn(1, 8, 6, 7), neighbour), plain, atol=1e-4)


def smooth(shift: int) -> Tensor:
    """A picture (1, 3, 64, 96) moved to the right by so many pixels."""
    big = functional.interpolate(picture(10, 16, 5), (80, 128), mode="bicubic", align_corners=False).clamp(0, 1)
    return big[:, :, 8:72, 16 - shift : 112 - shift]


def test_flow_brings_a_moved_neighbour_back() -> None:
    middle, neighbour = smooth(0), smooth(4)
    flow = flow_between(middle, neighbour)
    inner = (..., slice(12, -12), slice(12, -12))
    assert float((flow[:, 1][inner] - 4).abs().mean()) < 0.5
    before = (neighbour - middle).abs()[inner].mean()
    after = (warp_by_flow(neighbour, flow) - middle).abs()[inner].mean()
    assert float(after) < 0.2 * float(before)


def test_the_trimaps_word_is_final() -> None:
    alpha = torch.full((1, 1, 16, 16), 0.4)
    marks = trimap(16, 16)
    said = known(alpha, marks)
    assert set(said[marks[:, :1] == 1].tolist()) == {0.0}
    assert set(said[marks[:, 2:] == 1].tolist()) == {1.0}
    assert torch.equal(said[marks[:, 1:2] == 1], alpha[marks[:, 1:2] == 1])


@pytest.mark.parametrize("count", [1, 2, 3, 5, 9])
@pytest.mark.parametrize("radius", [0, 1, 2, 4])
def test_windows_are_the_same_backwards(count: int, radius: int) -> None:
    for frame in range(count):
        window = window_of(frame, count, radius)
        backwards = window_of(count - 1 - frame, count, radius)
        assert window[radius] == frame
        assert all(0 <= one < count for one in window)
        assert [count - 1 - one for one in backwards[::-1]] == list(window)


def test_a_window_within_the_video_is_its_neighbours() -> None:
    assert window_of(5, 20, 2) == (3, 4, 5, 6, 7)
    assert window_of(0, 20, 2) == (2, 1, 0, 1, 2)


def test_a_config_survives_its_text() -> None:
    config = replace(TINY, encoder="resnet34", fused=(8, 16), align="none")
    assert from_text(to_text(config)) == config


@pytest.mark.parametrize("text", ['{"encoder": "vgg"}', '{"deep": 3}', "[]", "", '{"radius": "2"}', '{"align": null}'])
def test_a_text_that_is_no_config_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="expected"):
        from_text(text)


def test_a_config_that_makes_no_network_is_refused() -> None:
    for change in ({"reach": 4}, {"radius": -1}, {"fused": (3,)}, {"align": "deform", "fuse": "none"}):
        with pytest.raises(ConfigError):
            replace(TINY, **change)
