"""Steps are pure: the same seed makes the same run, and a run in legs is the run in one go."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from rimlight.errors import ConfigError, DataError, TrainingError
from rimlight.training import checkpoint, loop
from rimlight.training.config import LossWeights, Rates
from rimlight.training.shapes import Shapes
from rimlight.training.synthesis.clips import Batch
from rimlight.training.trainer import check_shares

from .runs import ALONE, FULL, IMAGES, TINY, VIDEO, curve, differing, trained, trainer_of


def test_legs_come_to_the_unbroken_run_to_the_last_bit(tmp_path: Path) -> None:
    """Legs end within a stage, between stages, and where nothing was done."""
    whole = trained(tmp_path / "whole")
    parts = trained(tmp_path / "parts", legs=(1, 0, 3, None))
    assert differing(whole, parts) == []
    assert curve(tmp_path / "whole") == curve(tmp_path / "parts")
    assert whole.position.total == parts.position.total == 6
    assert whole.position.stage == 3


def test_the_same_seed_gives_the_same_run_and_another_one_another(tmp_path: Path) -> None:
    one = trained(tmp_path / "1", legs=(3,))
    torch.rand(7)  # whoever else uses random numbers changes nothing
    assert differing(one, trained(tmp_path / "2", legs=(3,))) == []
    assert curve(tmp_path / "1") == curve(tmp_path / "2")
    trained(tmp_path / "3", replace(TINY, seed=1), legs=(3,))
    assert curve(tmp_path / "1") != curve(tmp_path / "3")


def test_training_leaves_the_callers_random_numbers_alone() -> None:
    torch.manual_seed(4)
    wanted = torch.rand(1)
    torch.manual_seed(4)
    trainer_of()
    assert torch.equal(torch.rand(1), wanted)


def test_parts_without_a_rate_stay_to_the_last_bit(tmp_path: Path) -> None:
    config = replace(TINY, stages=(replace(IMAGES, rates=Rates(encoder=0, rest=1e-3)),))
    before = {name: tensor.clone() for name, tensor in trainer_of(config).state().network.items()}
    after = trained(tmp_path, config).network
    moved = {name.partition(".")[0] for name in before if not torch.equal(before[name], after[name])}
    assert moved == {"aspp", "memory", "decoder", "project", "segment", "coarse"}


def test_frozen_norms_learn_but_do_not_count(tmp_path: Path) -> None:
    config = replace(TINY, stages=(replace(IMAGES, frozen_norms=True),))
    before = {name: tensor.clone() for name, tensor in trainer_of(config).state().network.items()}
    after = trained(tmp_path, config).network
    moved = {name for name in before if not torch.equal(before[name], after[name])}
    assert not [name for name in moved if "running" in name]
    assert "decoder.up8.skip.1.weight" in moved


def test_a_loss_of_weight_0_teaches_nothing(tmp_path: Path) -> None:
    """Nor does a head without a loss decay."""
    config = replace(TINY, stages=(replace(IMAGES, losses=LossWeights(coarse=0, segmentation=0)),))
    before = {name: tensor.clone() for name, tensor in trainer_of(config).state().network.items()}
    after = trained(tmp_path, config).network
    assert torch.equal(before["coarse.weight"], after["coarse.weight"])
    assert torch.equal(before["segment.weight"], after["segment.weight"])
    assert not torch.equal(before["project.weight"], after["project.weight"])


class Spoilt(Shapes):
    """A source that gives NaN at a step."""

    def __init__(self, at: int) -> None:
        super().__init__(TINY, ALONE.device)
        self._at = at

    def clip(self, stage: int, step: int) -> Batch:
        batch = super().clip(stage, step)
        return replace(batch, alpha=batch.alpha * torch.nan) if step == self._at else batch


def test_divergence_stops_the_run_and_keeps_the_last_good_state(tmp_path: Path) -> None:
    good = trained(tmp_path, legs=(2,))
    trainer = trainer_of(TINY, good)
    with pytest.raises(TrainingError, match=r"diverged at step 3 .*alpha is nan.*--set video.rates.rest=0.0005"):
        loop.run(trainer, Spoilt(3), tmp_path, loop.Leg(), good.log_bytes)
    kept = checkpoint.read(checkpoint.latest(tmp_path))
    assert kept.position.total == 2
    assert differing(good, kept) == []


def test_weights_are_not_touched_by_a_step_that_diverges() -> None:
    trainer = trainer_of()
    before = trainer.state().network["project.weight"].clone()
    with pytest.raises(TrainingError, match="diverged"):
        trainer.step(Spoilt(0))
    assert torch.equal(trainer.state().network["project.weight"], before)


def test_a_batch_that_does_not_divide_among_processes_is_refused() -> None:
    check_shares(TINY, 2)
    with pytest.raises(ConfigError, match=r"stage 'images': .* multiples of 3 processes, got 2 and 2"):
        check_shares(TINY, 3)


class Without(Shapes):
    """A source whose data has no masks."""

    def photos(self, stage: int, step: int) -> tuple[Tensor, Tensor] | None:  # noqa: ARG002
        return None


def test_photos_that_the_plan_wants_and_the_data_has_not_are_an_error() -> None:
    with pytest.raises(DataError, match=r"stage 'images': expected 2 photos .* got none"):
        trainer_of().step(Without(TINY, ALONE.device))


def test_a_checkpoint_of_another_network_is_refused(tmp_path: Path) -> None:
    state = trained(tmp_path, legs=(1,))
    other = replace(state, config=replace(TINY, model=replace(TINY.model, encoder="resnet50")))
    with pytest.raises(TrainingError, match="of another network"):
        trainer_of(other.config, other)


def test_the_average_is_what_the_weights_were_lately(tmp_path: Path) -> None:
    state = trained(tmp_path)
    between = state.average["project.weight"], state.network["project.weight"]
    assert not torch.equal(*between)
    assert torch.allclose(*between, atol=0.01)


def test_stages_may_come_in_any_order() -> None:
    """Shapes of pictures change between them."""
    trainer = trainer_of(replace(TINY, stages=(FULL, IMAGES, VIDEO)))
    source = Shapes(trainer.config, ALONE.device)
    stages = [trainer.step(source).row["stage"] for _ in range(6)]
    assert stages == ["full", "full", "images", "images", "video", "video"]
    assert trainer.done
