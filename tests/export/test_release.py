"""What ships follows from the weights: made again it is the same, and weights of another network are refused."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the torch extra is not installed")
onnx = pytest.importorskip("onnx", reason="the export extra is not installed")

from safetensors import safe_open  # noqa: E402
from safetensors.torch import load, load_file, save_file  # noqa: E402

from rimlight import assets  # noqa: E402
from rimlight.errors import WeightsError  # noqa: E402
from rimlight.export.golden import frames  # noqa: E402
from rimlight.export.release import halved, release  # noqa: E402
from rimlight.model.config import ModelConfig  # noqa: E402
from rimlight.model.network import MattingNetwork  # noqa: E402
from rimlight.model.weights import load_network  # noqa: E402

NAME = assets.DEFAULT
SHIPPED = assets.FOLDER / f"{NAME}.safetensors"
GOLDEN = Path(__file__).parents[1] / "model" / f"golden-{NAME}.npz"


@pytest.fixture(scope="module")
def again(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("again")
    release(NAME, folder=folder, golden=folder)
    return folder


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights as another training would leave them: float32, with its note of the network."""
    torch.manual_seed(5)
    path = tmp_path_factory.mktemp("trained") / "weights.safetensors"
    tensors = {name: tensor.contiguous() for name, tensor in MattingNetwork().state_dict().items()}
    save_file(tensors, path, metadata={"model": json.dumps(asdict(ModelConfig()))})
    return path


def arrays(path: Path) -> dict[str, np.ndarray]:
    with np.load(path) as file:
        return {name: file[name] for name in file.files}


def test_the_shipped_weights_are_taken_as_they_are(again: Path) -> None:
    assert (again / SHIPPED.name).read_bytes() == SHIPPED.read_bytes()


def test_the_shipped_graph_is_that_of_the_shipped_weights(again: Path) -> None:
    graphs = [onnx.load(str(folder / f"{NAME}.onnx")).graph for folder in (again, assets.FOLDER)]
    assert [node.op_type for node in graphs[0].node] == [node.op_type for node in graphs[1].node]
    numbers = [{one.name: onnx.numpy_helper.to_array(one) for one in graph.initializer} for graph in graphs]
    assert numbers[0].keys() == numbers[1].keys()
    for name, array in numbers[0].items():
        np.testing.assert_allclose(array, numbers[1][name], rtol=1e-5, atol=1e-7, err_msg=name)


def test_the_shipped_last_layers_are_those_of_the_shipped_weights(again: Path) -> None:
    made, shipped = (arrays(folder / f"{NAME}-tail.npz") for folder in (again, assets.FOLDER))
    assert made.keys() == shipped.keys()
    for name, array in made.items():
        np.testing.assert_allclose(array, shipped[name], rtol=1e-5, atol=1e-7, err_msg=name)


def test_the_golden_file_is_that_of_the_shipped_weights(again: Path) -> None:
    made, kept = arrays(again / GOLDEN.name), arrays(GOLDEN)
    assert {name: (one.shape, one.dtype) for name, one in made.items()} == {
        "image_u8": ((5, 192, 320, 3), np.uint8),
        "alpha_low": ((5, 96, 160), np.float32),
        "foreground_low": ((5, 3, 96, 160), np.float16),
        "alpha_full": ((5, 192, 320), np.float16),
        "keys": ((5, 16, 6, 10), np.float32),
        "values": ((5, 64, 6, 10), np.float16),
    }
    assert np.array_equal(frames(), kept["image_u8"])
    for name in ("alpha_low", "keys"):
        assert np.abs(made[name] - kept[name]).max() < 1e-4
    assert (kept["alpha_full"].max(axis=(1, 2)) > 0.9).all()  # else there would be nothing to compare


def test_the_golden_file_is_small() -> None:
    assert GOLDEN.stat().st_size < 1.5e6


def test_the_manifest_vouches_for_every_file(again: Path) -> None:
    entries = json.loads((again / "manifest.json").read_text())
    shipped = json.loads(assets.MANIFEST.read_text())
    assert entries.keys() == {SHIPPED.name, f"{NAME}.onnx", f"{NAME}-tail.npz"}
    for name, notes in entries.items():
        assert notes["sha256"] == assets.checksum(again / name)
        assert notes | {"sha256": ""} == shipped[name] | {"sha256": ""}


def test_trained_weights_become_half_as_large_and_keep_their_notes(trained: Path, tmp_path: Path) -> None:
    path = tmp_path / "half.safetensors"
    path.write_bytes(halved(trained))
    full, half = load_file(trained), load_file(path)
    kept = {name for name, tensor in full.items() if tensor.is_floating_point()}
    assert half.keys() == kept < full.keys()
    assert all(torch.equal(half[name], full[name].half()) for name in kept)
    with safe_open(path, "pt") as file:
        assert json.loads(file.metadata()["model"])["encoder"] == "mobilenet_v3_large"
    assert path.stat().st_size == pytest.approx(SHIPPED.stat().st_size, rel=0.01)
    assert halved(path) == path.read_bytes()
    load_network(path)


def test_what_half_precision_cannot_hold_stays_as_it_is(trained: Path, tmp_path: Path) -> None:
    tensors = load_file(trained)
    tensors["project.bias"] = torch.full((4,), 1e6)
    save_file(tensors, tmp_path / "large.safetensors")
    found = load(halved(tmp_path / "large.safetensors"))
    assert torch.equal(found["project.bias"], tensors["project.bias"])


def test_a_name_that_is_taken_keeps_its_weights(trained: Path, tmp_path: Path) -> None:
    kept = tmp_path / SHIPPED.name
    kept.write_bytes(b"what others rely on")
    with pytest.raises(WeightsError, match="choose another name"):
        release(NAME, trained, folder=tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [kept.name]
    assert kept.read_bytes() == b"what others rely on"


def test_weights_that_give_no_numbers_are_refused(tmp_path: Path) -> None:
    tensors = load_file(SHIPPED)
    tensors["memory.key.0.bias"] = torch.full_like(tensors["memory.key.0.bias"], torch.inf)
    save_file(tensors, tmp_path / "bad.safetensors")
    with pytest.raises(WeightsError, match="infinities"):
        release("bad", tmp_path / "bad.safetensors", tmp_path / "out", tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("note", "said"),
    [
        (json.dumps(asdict(replace(ModelConfig(), key_channels=32))), "for another network"),
        (json.dumps({"encoder": "resnet50"}), "for another network"),
        ("{", "no JSON"),
    ],
)
def test_weights_of_another_config_are_refused(trained: Path, tmp_path: Path, note: str, said: str) -> None:
    path = tmp_path / "other.safetensors"
    save_file(load_file(trained), path, metadata={"model": note})
    with pytest.raises(WeightsError, match=said):
        release("other", path, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_weights_of_other_shapes_are_refused(tmp_path: Path) -> None:
    network = MattingNetwork(ModelConfig(key_channels=8))
    save_file(network.state_dict(), tmp_path / "narrow.safetensors")
    with pytest.raises(WeightsError, match="does not fit this network"):
        release("narrow", tmp_path / "narrow.safetensors", tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["", "../weights", "Attention v1", "v1.safetensors"])
def test_names_that_are_no_file_names_are_refused(name: str) -> None:
    with pytest.raises(WeightsError, match="expected a name"):
        release(name)


def test_a_file_that_is_no_weights_is_named(tmp_path: Path) -> None:
    (tmp_path / "talk.mp4").write_bytes(b"no weights")
    with pytest.raises(WeightsError, match=r"talk\.mp4"):
        release("talk", tmp_path / "talk.mp4", tmp_path)
    with pytest.raises(WeightsError, match=r"gone\.safetensors"):
        release("gone", tmp_path / "gone.safetensors", tmp_path)
