"""Engines are built once for all that they depend on; what cannot be used is built again, with a message."""

from __future__ import annotations

import os
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from rimlight.backends import tensorrt_cache
from rimlight.backends.tensorrt_cache import engine_path, engines_folder, found_or_built, notes_of, timings_path
from rimlight.backends.tensorrt_compat import Library
from rimlight.errors import BackendError, WeightsError
from rimlight.files import trim
from rimlight.gpu.resources import DeviceInfo
from rimlight.graph.engine_file import read_engine, write_engine

GPU = DeviceInfo("NVIDIA L4", (8, 9), 12040, 24 << 30)
LIBRARY = Library(None, "tensorrt", "10.13.0")
NOTES = notes_of(LIBRARY, GPU, b"graph", precision="f16")


class Engines:
    """Builds plans that count, and loads them."""

    def __init__(self) -> None:
        self.built = 0
        self.loaded: list[bytes] = []
        self.refuses: set[bytes] = set()

    def build(self) -> bytes:
        self.built += 1
        return b"plan %d" % self.built

    def load(self, plan: bytes) -> bytes:
        if plan in self.refuses:
            raise WeightsError("made by another version")
        self.loaded.append(plan)
        return plan

    def get(self, path: Path, notes: dict[str, str] = NOTES) -> bytes:
        return found_or_built(path, notes, self.load, self.build)


@pytest.fixture
def engines() -> Engines:
    return Engines()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return engine_path(NOTES, tmp_path / "engines")


def test_an_engine_is_built_once(engines: Engines, path: Path) -> None:
    assert engines.get(path) == engines.get(path) == b"plan 1"
    assert engines.built == 1
    assert [file.name for file in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize(
    "other",
    [
        notes_of(LIBRARY, replace(GPU, name="NVIDIA T4"), b"graph", precision="f16"),
        notes_of(LIBRARY, replace(GPU, capability=(8, 6)), b"graph", precision="f16"),
        notes_of(LIBRARY, replace(GPU, driver_version=12080), b"graph", precision="f16"),
        notes_of(replace(LIBRARY, version="10.14.0"), GPU, b"graph", precision="f16"),
        notes_of(replace(LIBRARY, kind="tensorrt-rtx"), GPU, b"graph", precision="f16"),
        notes_of(LIBRARY, GPU, b"another graph", precision="f16"),
        notes_of(LIBRARY, GPU, b"graph", precision="f32"),
    ],
    ids=["gpu", "capability", "driver", "version", "kind", "graph", "precision"],
)
def test_whatever_an_engine_depends_on_gives_it_another_file(other: dict[str, str], tmp_path: Path) -> None:
    assert engine_path(other, tmp_path) != engine_path(NOTES, tmp_path)


def test_timings_are_shared_by_graphs_but_not_by_gpus(tmp_path: Path) -> None:
    other_graph = notes_of(LIBRARY, GPU, b"another graph", precision="f32")
    other_gpu = notes_of(LIBRARY, replace(GPU, name="NVIDIA T4"), b"graph", precision="f16")
    assert timings_path(other_graph, tmp_path) == timings_path(NOTES, tmp_path)
    assert timings_path(other_gpu, tmp_path) != timings_path(NOTES, tmp_path)


@pytest.mark.parametrize("harm", ["cut", "flipped", "empty", "foreign"])
def test_a_damaged_engine_is_built_again_with_a_message(
    harm: str, engines: Engines, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    engines.get(path)
    whole = path.read_bytes()
    changed = {
        "cut": whole[:-3], "flipped": whole[:-1] + bytes([whole[-1] ^ 1]), "empty": b"", "foreign": b"ELF" * 50,
    }  # fmt: skip
    path.write_bytes(changed[harm])
    assert engines.get(path) == b"plan 2"
    assert engines.get(path) == b"plan 2"
    assert f"the engine {path.name} is not used" in caplog.text
    assert "it is built again" in caplog.text


def test_an_engine_for_something_else_under_this_name_is_built_again(
    engines: Engines, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path.parent.mkdir()
    write_engine(path, {**NOTES, "gpu": "NVIDIA T4"}, b"plan 0")
    assert engines.get(path) == b"plan 1"
    assert engines.loaded == [b"plan 1"]
    assert "built for something else" in caplog.text


def test_an_engine_that_the_library_refuses_is_built_again(
    engines: Engines, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    engines.get(path)
    engines.refuses = {b"plan 1"}
    assert engines.get(path) == b"plan 2"
    assert "made by another version" in caplog.text


def test_a_new_engine_that_is_refused_is_an_error_and_is_not_kept(engines: Engines, path: Path) -> None:
    engines.refuses = {b"plan 1"}
    with pytest.raises(WeightsError, match="another version"):
        engines.get(path)
    assert not path.exists()


def test_an_engine_is_not_built_again_where_memory_does_not_suffice(engines: Engines, path: Path) -> None:
    engines.get(path)

    def load(_: bytes) -> bytes:
        raise BackendError("out of memory")

    with pytest.raises(BackendError, match="out of memory"):
        found_or_built(path, NOTES, load, engines.build)
    assert engines.built == 1


def test_a_cache_that_cannot_be_written_costs_time_only(
    engines: Engines, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    assert engines.get(tmp_path / "file" / "an.engine") == b"plan 1"
    assert "built again at every start" in caplog.text


def test_engines_that_were_not_used_for_longest_make_room(
    engines: Engines, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tensorrt_cache, "trim", partial(trim, most_files=2))
    notes = [{**NOTES, "size": str(number)} for number in range(3)]
    paths = [engine_path(one, tmp_path / "engines") for one in notes]
    for second in range(2):
        engines.get(paths[second], notes[second])
        os.utime(paths[second], (second, second))
    engines.get(paths[0], notes[0])
    engines.get(paths[2], notes[2])
    assert set(paths[0].parent.iterdir()) == {paths[0], paths[2]}
    assert engines.built == 3


def test_the_file_says_what_the_engine_is_for(engines: Engines, path: Path) -> None:
    engines.get(path)
    assert read_engine(path).notes == NOTES
    assert NOTES["capability"] == "8.9"


def test_engines_are_kept_in_the_users_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("LOCALAPPDATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert engines_folder() == tmp_path / "rimlight" / "engines"
