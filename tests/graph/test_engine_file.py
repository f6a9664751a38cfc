"""Engine files give back what was written, or say what is wrong with them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from rimlight.errors import WeightsError
from rimlight.graph.engine_file import LENGTH, MAGIC, EngineFile, read_engine, read_notes, write_engine

NOTES = {"rimlight.size": "160x96", "library": "11.4", "what": 'with "quotes" and ü'}
PLAN = bytes(range(256)) * 40


@pytest.fixture
def engine(tmp_path: Path) -> Path:
    path = tmp_path / "net.engine"
    write_engine(path, NOTES, PLAN)
    return path


def test_notes_and_plan_come_back(engine: Path) -> None:
    assert read_engine(engine) == EngineFile(NOTES, PLAN)
    assert read_notes(engine) == NOTES
    assert os.listdir(engine.parent) == [engine.name]


def test_writing_again_replaces_the_whole_file(engine: Path) -> None:
    write_engine(engine, {}, b"another")
    assert read_engine(engine) == EngineFile({}, b"another")


def test_what_cannot_be_written_leaves_nothing_behind(tmp_path: Path) -> None:
    folder = tmp_path / "net.engine"
    (folder / "in the way").mkdir(parents=True)
    with pytest.raises(OSError, match=r"net\.engine"):
        write_engine(folder, NOTES, PLAN)
    assert os.listdir(tmp_path) == [folder.name]


@pytest.mark.parametrize("place", [0, 7, 8, 11, 13, 40, -1, -9000])
def test_one_wrong_byte_is_noticed(engine: Path, place: int) -> None:
    data = bytearray(engine.read_bytes())
    data[place] ^= 0x81
    engine.write_bytes(data)
    with pytest.raises(WeightsError, match="build it again"):
        read_engine(engine)


@pytest.mark.parametrize("length", [0, 5, 8, 10, 12, 60, -1, -5000])
def test_a_file_that_is_cut_short_is_refused(engine: Path, length: int) -> None:
    engine.write_bytes(engine.read_bytes()[:length])
    with pytest.raises(WeightsError, match=r"net\.engine"):
        read_engine(engine)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"ftrt, a plan without a header", "no engine of rimlight"),
        (MAGIC[:-1] + b"\x07" + bytes(40), "layout 7, expected 1"),
        (MAGIC + LENGTH.pack(2**31) + bytes(40), "no JSON"),
        (MAGIC + LENGTH.pack(2) + b"[]", "incomplete"),
        (MAGIC + LENGTH.pack(12) + b'{"notes":{}}', "incomplete"),
    ],
)
def test_foreign_files_are_named(tmp_path: Path, data: bytes, said: str) -> None:
    (tmp_path / "talk.engine").write_bytes(data)
    for read in (read_engine, read_notes):
        with pytest.raises(WeightsError, match=rf"talk\.engine.*{said}"):
            read(tmp_path / "talk.engine")


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"cannot read gone\.engine"):
        read_engine(tmp_path / "gone.engine")
