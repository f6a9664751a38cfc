"""An exported file says what it is made of, and one for another network is refused."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import asdict, replace
from pathlib import Path

import onnx
import pytest

from rimlight import __version__, assets, signature
from rimlight.errors import WeightsError
from rimlight.export.files import read_file
from rimlight.export.metadata import read_onnx, verify
from rimlight.graph.metadata import SIGNATURE, Metadata, parsed, write_onnx
from rimlight.model.config import ModelConfig

WEIGHTS = assets.FOLDER / f"{assets.DEFAULT}.safetensors"


def test_a_file_says_what_it_is_made_of(fixed: Path) -> None:
    found = read_onnx(fixed)
    assert json.loads(found.config or "") == json.loads(json.dumps(asdict(ModelConfig())))
    assert replace(found, config=None) == Metadata(
        None, assets.DEFAULT, assets.checksum(WEIGHTS), str(SIGNATURE), "17", __version__, "160x96", "2", "f32"
    )
    assert found.fixed_batch == 2


def test_metadata_comes_back_as_it_was_written(tmp_path: Path, fixed: Path) -> None:
    model, written = onnx.load(str(fixed)), Metadata(weights='a name, with "quotes" and ü', precision="f16")
    write_onnx(model, written)
    onnx.save(model, str(tmp_path / "other.onnx"))
    assert read_onnx(tmp_path / "other.onnx") == written


def test_the_shipped_file_is_taken_although_it_says_little() -> None:
    found = read_onnx(assets.asset(f"{assets.DEFAULT}.onnx").path)
    assert found.signature is None
    assert verify(Metadata(), "silent.onnx") == Metadata()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"signature": "99"}, "version 99 of the network's signature"),
        ({"config": json.dumps(asdict(ModelConfig(key_channels=32)))}, "for another network"),
        ({"config": "{"}, "no JSON"),
    ],
)
def test_a_file_for_another_network_is_refused(changes: dict[str, str], said: str) -> None:
    with pytest.raises(WeightsError, match=f"old.onnx.*{re.escape(said)}.*export it again"):
        verify(replace(Metadata(), **changes), "old.onnx")


@pytest.mark.parametrize("changes", [{"size": "100x96"}, {"size": "wide"}, {"batch": "0"}, {"batch": "two"}])
def test_damaged_metadata_is_refused(changes: dict[str, str]) -> None:
    with pytest.raises(WeightsError, match="damaged metadata"):
        parsed({f"rimlight.{name}": value for name, value in changes.items()}, "old.onnx")


@pytest.mark.parametrize("name", ["talk.onnx", "talk.xml", "talk.pt2"])
def test_a_file_that_is_none_is_named(tmp_path: Path, name: str) -> None:
    if name.endswith(".xml"):
        pytest.importorskip("openvino")
    (tmp_path / name).write_bytes(b"no network, but long enough to look like something")
    with pytest.raises(WeightsError, match=f"cannot read {name}"):
        read_file(tmp_path / name)
    with pytest.raises(WeightsError, match="no file"):
        read_file(tmp_path / f"gone-{name}")


def test_a_half_written_file_is_refused(tmp_path: Path, fixed: Path) -> None:
    short = tmp_path / "short.onnx"
    shutil.copy(fixed, short)
    short.write_bytes(short.read_bytes()[:5000])
    with pytest.raises(WeightsError, match=r"short\.onnx"):
        read_file(short)


def test_a_changed_signature_needs_another_version() -> None:
    """Whoever changes one of these raises SIGNATURE, so that files made before are refused."""
    shape = signature.CallShape(signature.Size(32, 64), streams=2, frames=3)
    shapes = {name: shape.tensor(name) for name in (*signature.INPUTS, *signature.OUTPUTS, signature.HIDDEN)}
    assert SIGNATURE == 1
    assert shapes == {
        "images": (2, 3, 3, 32, 64),
        "keys": (2, 2, 16, 2, 4),
        "values": (2, 2, 64, 2, 4),
        "own": (2, 3),
        "scale": (2, 3, 4, 32, 64),
        "offset": (2, 3, 4, 32, 64),
        "next_keys": (2, 2, 16, 2, 4),
        "next_values": (2, 2, 64, 2, 4),
        "hidden": (6, 16, 32, 64),
    }
