"""The studio's networks learn in the same trainer: smoke recipes fall, legs are unbroken, starts are what they say."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from rimlight.errors import ConfigError
from rimlight.model.studio.config import StudioConfig
from rimlight.model.studio.weights import load_matting, load_propagation, notes_of
from rimlight.model.weights import load_network
from rimlight.training import recipes, systems, weights_out
from rimlight.training.config import Config
from rimlight.training.plain import from_json, to_json
from rimlight.training.synthesis.plan import Plan

from ..runs import differing
from .runs import MATTING, NARROW, PROPAGATION, curve, trained

BOTH = [MATTING, PROPAGATION]
MEAN_OF = 8  # steps at either end of a curve


@pytest.mark.parametrize("name", ["studio-propagation-smoke", "studio-matting-smoke"])
def test_smoke_recipes_learn(name: str, tmp_path: Path) -> None:
    trained(tmp_path, recipes.recipe(name))
    losses = curve(tmp_path)
    first, last = sum(losses[:MEAN_OF]) / MEAN_OF, sum(losses[-MEAN_OF:]) / MEAN_OF
    assert last < 0.6 * first


@pytest.mark.parametrize("config", BOTH, ids=lambda config: config.name)
def test_legs_come_to_the_unbroken_run_to_the_last_bit(config: Config, tmp_path: Path) -> None:
    whole = trained(tmp_path / "whole", config)
    parts = trained(tmp_path / "parts", config, legs=(1, 0, 2, None))
    assert differing(whole, parts) == []
    assert curve(tmp_path / "whole") == curve(tmp_path / "parts")


@pytest.mark.parametrize("config", BOTH, ids=lambda config: config.name)
def test_every_weight_learns(config: Config, tmp_path: Path) -> None:
    """From the fourth step on, too, those behind a share that starts at 0."""
    before = {name: one.clone() for name, one in systems.network_of(config).state_dict().items()}
    after = trained(tmp_path, config).network
    still = [name for name in after if "running" not in name and torch.equal(before[name], after[name])]
    assert still == []


def test_an_encoder_without_a_rate_rests_and_so_do_its_norms(tmp_path: Path) -> None:
    stage = MATTING.stages[0]
    config = replace(MATTING, stages=(replace(stage, rates=replace(stage.rates, encoder=0.0)),))
    before = {name: one.clone() for name, one in systems.network_of(config).state_dict().items()}
    after = trained(tmp_path, config).network
    moved = {name for name in after if not torch.equal(before[name], after[name])}
    assert moved
    assert not any("backbone" in name for name in moved)


def test_frozen_encoder_norms_rest_and_the_decoders_count(tmp_path: Path) -> None:
    config = replace(MATTING, stages=(replace(MATTING.stages[0], frozen_encoder_norms=True),))
    before = {name: one.clone() for name, one in systems.network_of(config).state_dict().items()}
    after = trained(tmp_path, config).network
    counted = {name for name in after if "running" in name and not torch.equal(before[name], after[name])}
    assert counted
    assert not any("backbone" in name for name in counted)


@pytest.mark.parametrize("config", BOTH, ids=lambda config: config.name)
def test_exported_weights_load_as_what_they_are(config: Config, tmp_path: Path) -> None:
    state = trained(tmp_path, config, legs=(1,))
    path = weights_out.export(state, tmp_path / "w.safetensors")
    network = (load_matting if config is MATTING else load_propagation)(path)
    assert network.config == config.studio
    notes = notes_of(path)
    assert (notes["recipe"], notes["steps"], notes["init"]) == (config.name, "1", "none")
    name = "head.weight"
    assert torch.allclose(network.state_dict()[name], state.average[name], atol=1e-3)


@pytest.mark.parametrize("job", ["propagation", "matting"])
def test_the_live_networks_encoder_is_a_start(job: str) -> None:
    studio = StudioConfig("propagation" if job == "propagation" else "matting")
    stage = (PROPAGATION if job == "propagation" else MATTING).stages[0]
    stage = replace(stage, plan=replace(stage.plan, frames=5))
    config = Config("start", (stage,), init="shipped", studio=studio)
    network = systems.network_of(config)
    assert "attention-memory-v0" in systems.begin(network, config)
    live, found = load_network().state_dict(), network.state_dict()
    places = ["encoder."] if job == "matting" else ["reference.", "target."]
    taken = [name for name in live if name.startswith(("backbone.", "aspp.")) and live[name].is_floating_point()]
    assert len(taken) > 200
    assert all(torch.equal(found[place + name], live[name]) for place in places for name in taken)


def test_a_network_that_fuses_starts_from_one_that_does_not(tmp_path: Path) -> None:
    basic = replace(MATTING, studio=replace(NARROW, align="none", fuse="none"))
    state = trained(tmp_path, basic, legs=(1,))
    path = weights_out.export(state, tmp_path / "w.safetensors")
    config = replace(MATTING, init=str(path))
    network = systems.network_of(config)
    systems.begin(network, config)
    assert torch.allclose(network.state_dict()["head.weight"], state.average["head.weight"], atol=1e-3)


@pytest.mark.parametrize("name", [name for name in recipes.RECIPES if name.startswith("studio")])
def test_recipes_survive_their_json(name: str) -> None:
    config = recipes.recipe(name)
    assert config.name == name
    assert from_json(Config, to_json(config)) == config


def test_configs_that_cannot_be_trained_are_refused() -> None:
    stage = MATTING.stages[0]
    for bad, said in (
        (replace(stage, marks=None), "expected marks for the studio's networks"),
        (replace(stage, plan=Plan((64, 64), 2, 2)), "expected clips of 3 frames or more, got 2"),
        (replace(stage, plan=replace(stage.plan, photos=2)), "take no photos"),
        (replace(stage, factors=(1,)), "no guided filter"),
    ):
        with pytest.raises(ConfigError, match=said):
            replace(MATTING, stages=(bad,))
    with pytest.raises(ConfigError, match="for them only"):
        replace(MATTING, studio=None)
