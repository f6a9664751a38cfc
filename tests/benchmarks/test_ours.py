"""rimlight among the matters: the same mattes and pictures as its own session."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from rimlight import assets
from rimlight.benchmarks.blend import blend
from rimlight.benchmarks.footage import clip_file, pictures
from rimlight.benchmarks.ours import Ours
from rimlight.benchmarks.quality import Matter
from rimlight.errors import BackendError, WeightsError
from rimlight.realtime.session import Session, Settings
from rimlight.types import Frame, Size, UInt8Array

SIZE = Size(96, 128)


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> list[UInt8Array]:
    return pictures(clip_file(SIZE, 4, tmp_path_factory.mktemp("footage")), 4)


@pytest.fixture
def ours() -> Ours:
    found = Ours("fake")
    found.open(SIZE)
    return found


def test_it_is_a_matter_with_a_name_and_a_device(ours: Ours) -> None:
    matter: Matter = ours
    assert matter.name == "rimlight-fake"
    assert Ours().name == "rimlight"
    ours.matte(np.zeros((96, 128, 3), np.uint8))
    assert "numpy" in ours.device
    ours.close()
    assert "numpy" in ours.device


def test_mattes_are_those_of_a_session(ours: Ours, images: list[UInt8Array]) -> None:
    with Session(Settings("fake")) as session:
        for index, image in enumerate(images):
            alpha, foreground = ours.matte(image)
            wanted = session.matte(Frame(image, index / 30, 0.0, cut=index == 0))
            assert np.array_equal(alpha, wanted.alpha)
            assert np.array_equal(foreground, wanted.foreground)


def test_reset_forgets_the_frames_before(ours: Ours, images: list[UInt8Array]) -> None:
    bright = np.full((96, 128, 3), 255, np.uint8)
    first = ours.matte(images[0])[0].copy()
    ours.matte(bright)
    assert not np.array_equal(ours.matte(images[0])[0], first)
    ours.reset()
    assert np.array_equal(ours.matte(images[0])[0], first)


def test_the_composite_lies_between_foreground_and_backdrop(ours: Ours, images: list[UInt8Array]) -> None:
    backdrop = np.zeros((96, 128, 3), np.uint8)
    backdrop[:] = (0, 200, 0)
    alpha, foreground = ours.matte(images[0])
    ours.reset()
    found = ours.composite(images[0], backdrop)
    assert foreground is not None
    wanted = blend(foreground, backdrop, alpha, np.empty_like(backdrop))
    assert np.abs(found.astype(int) - wanted).max() <= 2


def test_the_blend_is_exact() -> None:
    random = np.random.default_rng(0)
    front, behind = random.integers(0, 256, (2, 70, 33, 3), np.uint8)
    alpha = random.random((70, 33), np.float32)
    wanted = behind + alpha[:, :, None].astype(float) * (front.astype(float) - behind)
    found = blend(front, behind, alpha, np.empty_like(front))
    assert np.abs(found - wanted).max() <= 0.5001


def test_an_unknown_backend_is_refused_before_anything_is_opened() -> None:
    with pytest.raises(BackendError, match=r"nothing.*openvino"):
        Ours("nothing")


def test_trained_weights_take_part_under_a_name_of_their_own(images: list[UInt8Array], tmp_path: Path) -> None:
    torch = pytest.importorskip("torch", reason="the torch extra is not installed")
    from safetensors.torch import load_file, save_file

    tensors = load_file(assets.asset(f"{assets.DEFAULT}.safetensors").path)
    same, other = tmp_path / "same.safetensors", tmp_path / "other" / "weights.safetensors"
    other.parent.mkdir()
    save_file(tensors, same)
    save_file(tensors | {"project.bias": tensors["project.bias"] + torch.tensor([0, 0, 0, 0.5])}, other)
    mattes = {}
    for matter in (Ours("torch"), Ours(weights=same), Ours(weights=other)):
        matter.open(SIZE, threads=1)
        mattes[matter.name] = matter.matte(images[0])[0].copy()
        assert "PyTorch" in matter.device
        matter.close()
    assert list(mattes) == ["rimlight-torch", "rimlight same", "rimlight other"]
    assert np.array_equal(mattes["rimlight-torch"], mattes["rimlight same"])
    assert mattes["rimlight other"].mean() > mattes["rimlight-torch"].mean() + 0.1


def test_weights_that_do_not_fit_are_refused_at_the_first_frame(images: list[UInt8Array], tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="the torch extra is not installed")
    (tmp_path / "bad.safetensors").write_bytes(b"none")
    matter = Ours(weights=tmp_path / "bad.safetensors")
    matter.open(SIZE, threads=1)
    with pytest.raises(WeightsError, match=r"bad\.safetensors"):
        matter.matte(images[0])


def test_it_must_be_opened_first() -> None:
    with pytest.raises(BackendError, match="open"):
        Ours("fake").matte(np.zeros((96, 128, 3), np.uint8))
