"""Checkpoints: whole or not at all, in parts, and every kind of damage named."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from rimlight.errors import TrainingError
from rimlight.training import checkpoint, parts
from rimlight.training.checkpoint import State
from rimlight.training.schedule import Position

from .runs import TINY


def state(total: int = 3) -> State:
    random = torch.Generator().manual_seed(total)
    tensors = {"a.weight": torch.randn(40, 3, 3, generator=random), "b": torch.randn((), generator=random)}
    memory = {"a.weight/exp_avg": torch.randn(40, 3, 3, generator=random), "a.weight/step": torch.tensor(3.0)}
    turned = torch.randn(2, 4, 5, 6, generator=random).to(memory_format=torch.channels_last)
    return State(TINY, Position(1, 1, total, 2.5, 7.25), tensors | {"c": turned}, tensors, memory, 123)


def same(one: State, two: State) -> bool:
    pairs = [(one.network, two.network), (one.average, two.average), (one.optimiser, two.optimiser)]
    tensors = all(a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a) for a, b in pairs)
    return tensors and (one.config, one.position, one.log_bytes) == (two.config, two.position, two.log_bytes)


def test_a_checkpoint_comes_back_to_the_last_bit(tmp_path: Path) -> None:
    folder = checkpoint.write(state(), tmp_path)
    assert same(checkpoint.read(folder), state())


@pytest.mark.parametrize(("size", "limit", "count"), [(0, 8, 1), (7, 8, 1), (8, 8, 1), (9, 8, 2), (1000, 64, 16)])
def test_bytes_are_split_into_parts_of_limited_size_and_joined(
    tmp_path: Path, size: int, limit: int, count: int
) -> None:
    data = bytes(at % 251 for at in range(size))
    entry = parts.split(data, tmp_path, "x", limit)
    sizes = [path.stat().st_size for path in tmp_path.iterdir()]
    assert len(sizes) == count
    assert max(sizes) <= limit
    assert parts.join(tmp_path, entry) == data


def test_no_part_of_a_checkpoint_is_above_the_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts.split, "__defaults__", (1000,))
    folder = checkpoint.write(state(), tmp_path)
    sizes = [path.stat().st_size for path in folder.glob("*.part*")]
    assert len(sizes) > 3
    assert max(sizes) == 1000
    assert same(checkpoint.read(folder), state())


def lose(path: Path) -> None:
    path.unlink()


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))


@pytest.mark.parametrize(("harm", "said"), [(lose, "is missing"), (cut, "is damaged"), (flip, "is damaged")])
def test_a_harmed_part_is_named(tmp_path: Path, harm: Callable[[Path], None], said: str) -> None:
    folder = checkpoint.write(state(), tmp_path)
    harm(folder / "average.part0")
    with pytest.raises(TrainingError, match=f"average.part0 {said}"):
        checkpoint.read(folder)


def test_parts_in_another_order_do_not_belong_together(tmp_path: Path) -> None:
    entry = parts.split(bytes(range(64)), tmp_path, "x", 32)
    entry["parts"].reverse()
    with pytest.raises(TrainingError, match="do not belong together"):
        parts.join(tmp_path, entry)


def test_a_harmed_manifest_is_named(tmp_path: Path) -> None:
    folder = checkpoint.write(state(), tmp_path)
    manifest = folder / checkpoint.MANIFEST
    whole = json.loads(manifest.read_text())
    for text, said in (
        (manifest.read_text()[:-9], "cannot read"),
        (json.dumps(whole | {"schema": 99}), "schema 1 in .* got 99"),
        (json.dumps({name: value for name, value in whole.items() if name != "log_bytes"}), "is damaged: .*log_bytes"),
        (json.dumps(whole | {"config": whole["config"] | {"new": 1}}), "another version of rimlight: .*no new"),
    ):
        manifest.write_text(text)
        with pytest.raises(TrainingError, match=said):
            checkpoint.read(folder)


def test_a_write_that_fails_leaves_the_checkpoint_before_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checkpoint.write(state(3), tmp_path)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(TrainingError, match="No space left"):
        checkpoint.write(state(4), tmp_path)
    assert checkpoint.latest(tmp_path).name == "00000003"
    assert same(checkpoint.read(checkpoint.latest(tmp_path)), state(3))


def test_a_draft_left_by_a_kill_is_neither_read_nor_in_the_way(tmp_path: Path) -> None:
    draft = tmp_path / checkpoint.FOLDER / f"{checkpoint.DRAFT}00000004"
    draft.mkdir(parents=True)
    (draft / checkpoint.MANIFEST).write_text("{}")
    assert checkpoint.found(tmp_path) == []
    assert same(checkpoint.read(checkpoint.write(state(4), tmp_path)), state(4))
    assert not draft.exists()


def test_the_newest_checkpoints_stay(tmp_path: Path) -> None:
    for total in (9, 10, 100):
        checkpoint.write(state(total), tmp_path, kept=2)
    assert [folder.name for folder in checkpoint.found(tmp_path)] == ["00000010", "00000100"]


def test_a_leg_without_a_step_keeps_the_checkpoint_it_began_from(tmp_path: Path) -> None:
    first = checkpoint.write(state(3), tmp_path)
    before = (first / checkpoint.MANIFEST).stat().st_mtime_ns
    assert checkpoint.write(replace(state(3), log_bytes=5), tmp_path) == first
    assert (first / checkpoint.MANIFEST).stat().st_mtime_ns == before


def test_without_a_checkpoint_there_is_nothing_to_resume(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="no checkpoint"):
        checkpoint.latest(tmp_path / "none")
