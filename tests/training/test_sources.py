"""Batches out of data sets: which items a stage gets, when they are read, and which share of a batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from rimlight.errors import DataError
from rimlight.training import datasets, loop
from rimlight.training.config import Config
from rimlight.training.data.items import Item
from rimlight.training.sources import Synthesised, chosen
from rimlight.training.synthesis.pool import Pool

from ..commandline import runner
from .data import made
from .runs import ALONE, IMAGES, TINY, VIDEO, curve


@pytest.fixture(scope="module")
def items(tmp_path_factory: pytest.TempPathFactory) -> list[Item]:
    return datasets.items_of([str(made.packed(tmp_path_factory.mktemp("stored")))])


def test_processes_share_the_batch_of_one(items: list[Item]) -> None:
    whole = Synthesised(items, TINY, ALONE.device)
    parts = [Synthesised(items, TINY, ALONE.device, rank, 2) for rank in range(2)]
    assert torch.equal(torch.cat([part.clip(1, 3).images for part in parts]), whole.clip(1, 3).images)
    photos, wanted = [part.photos(0, 3) for part in parts], whole.photos(0, 3)
    assert wanted is not None
    assert torch.equal(torch.cat([two[0] for two in photos if two]), wanted[0])
    assert whole.photos(1, 3) is None


def test_the_seed_and_the_stage_change_the_clips(items: list[Item]) -> None:
    config = replace(TINY, stages=(IMAGES, replace(IMAGES, name="again")))
    one, two = Synthesised(items, config, ALONE.device), Synthesised(items, replace(config, seed=1), ALONE.device)
    pictures = [one.clip(0, 0).images, one.clip(1, 0).images, one.clip(0, 1).images, two.clip(0, 0).images]
    assert not any(torch.equal(a, b) for at, a in enumerate(pictures) for b in pictures[:at])
    assert torch.equal(one.clip(0, 0).images, pictures[0])


def test_a_stage_reads_the_items_that_it_wants_and_keeps_one_pool(items: list[Item]) -> None:
    asked = []

    def opener(some: Sequence[Item], device: torch.device, longest: int) -> Pool:
        asked.append(({item.key.split("/")[1] for item in some}, longest))
        return Pool(some, device, longest)

    stills = replace(IMAGES, data=("packed/face", "packed/bg/", "packed/photo"), longest=32)
    config = Config("three", (stills, replace(stills, name="same"), VIDEO))
    source = Synthesised(items, config, ALONE.device, opener=opener)
    assert asked == []
    source.prepare(0)
    assert len(asked) == 1
    for stage in (0, 0, 1, 2):
        source.clip(stage, 0)
    source.photos(0, 0)
    few = ({"face", "bg", "photo"}, 32)
    assert asked == [few, ({"face", "photo", "mask", "bg", "vid", "real", "bgv"}, 768), few]


def test_a_stage_without_its_data_is_refused(items: list[Item]) -> None:
    with pytest.raises(DataError, match="keys begin with 'aisegment/', there is none among 7, the first being packed/"):
        chosen(items, replace(IMAGES, data=("packed/face", "aisegment/")))
    with pytest.raises(DataError, match="expected scenes, or people and backdrops"):
        Synthesised(items, replace(TINY, stages=(replace(IMAGES, data=("packed/bg",)),)), ALONE.device).clip(0, 0)


def test_a_data_set_trains(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    made.packed(tmp_path / "stored")
    run = runner(monkeypatch, capfd, tmp_path)
    shapes = ["images.plan.size=[32,32]", "images.plan.batch=2", "images.plan.photos=2", "images.steps=2"]
    ran = run(
        "train", "--recipe", "smoke", *(word for shape in shapes for word in ("--set", shape)),
        "--data", "packed:stored", "--out", "run", "--steps", 2,
    )  # fmt: skip
    assert ran.code == 0, ran.err
    assert "7 items, 13 pictures" in ran.err
    assert curve(tmp_path / "run", "step") == [1, 2]
    assert (tmp_path / "run" / "split-packed.json").is_file()
    assert (tmp_path / "run" / loop.LOG).is_file()
