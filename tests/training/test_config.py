"""Configs: JSON and back, values by path, and every kind of mistake named with its place."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from typing import Any

import pytest

from rimlight.errors import ConfigError
from rimlight.training import recipes
from rimlight.training.config import Config, LossWeights, Rates
from rimlight.training.overrides import changed
from rimlight.training.plain import from_json, to_json
from rimlight.training.trainer import check_shares

from .runs import FULL, IMAGES, TINY, VIDEO


@pytest.mark.parametrize("name", recipes.RECIPES)
def test_recipes_come_back_from_json(name: str) -> None:
    config = recipes.recipe(name)
    assert config.name == name
    assert from_json(Config, to_json(config)) == config


def test_the_papers_recipe_has_the_papers_stages() -> None:
    images, video, full = recipes.paper().stages
    assert (images.plan.size, images.plan.frames) == ((512, 512), 1)
    assert (video.plan.size, video.plan.frames) == ((288, 512), 15)
    assert full.plan.frames == 7
    assert full.plan.size[1] == 1920
    assert images.rates == video.rates == Rates(encoder=1e-4, rest=2e-4)
    assert full.rates == Rates(encoder=1e-5, rest=1e-5, refiner=2e-4)
    assert all(stage.plan.photos for stage in (images, video, full))
    check_shares(recipes.paper(), 8)


def test_the_preview_takes_an_hour_with_shapes_that_stay() -> None:
    config = recipes.preview()
    assert sum(stage.length for stage in config.stages) <= 3600
    shapes = {(stage.plan.size, factor) for stage in config.stages for factor in stage.factors or (1,)}
    assert len(shapes) == 4


def test_an_unknown_recipe_is_refused_with_those_there_are() -> None:
    with pytest.raises(ConfigError, match=r"paper, preview, smoke, .*, got 'papre'"):
        recipes.recipe("papre")


def with_value(path: tuple[str | int, ...], value: Any) -> str:
    """TINY as JSON with another value at a path."""
    table = json.loads(json.dumps(asdict(TINY)))
    place = table
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return json.dumps(table)


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (("seed",), "3", "config.seed: expected int, got '3'"),
        (("seed",), True, "config.seed: expected int, got True"),
        (("clip_norm",), None, "config.clip_norm: expected float, got None"),
        (("precision",), "half", "config.precision: expected auto, float32, bfloat16, got 'half'"),
        (("betas",), [0.9], "config.betas: expected 2 values"),
        (("betas",), 0.9, "config.betas: expected a list"),
        (("stages", 1, "plan", "frames"), 2.5, r"config.stages\[1\].plan.frames: expected int"),
        (("stages", 0, "speed"), 1, r"config.stages\[0\]: there is no speed; there are name, plan"),
        (("stages", 0, "rates"), [1], r"config.stages\[0\].rates: expected a table of encoder"),
        (("model", "encoder"), "vgg", "config.model.encoder: expected mobilenet_v3_large, resnet50, got 'vgg'"),
        (("stages", 2, "factors", 0), 0, "factors of 1 or more"),
    ],
)
def test_a_wrong_value_is_named_with_its_place(path: tuple[str | int, ...], value: Any, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        from_json(Config, with_value(path, value))


def test_a_missing_value_and_what_is_no_json_are_named() -> None:
    table = asdict(TINY)
    del table["stages"][0]["plan"]
    with pytest.raises(ConfigError, match=r"config.stages\[0\]: .*'plan'"):
        from_json(Config, json.dumps(table))
    with pytest.raises(ConfigError, match=r"run\.json: expected JSON"):
        from_json(Config, "{", "run.json")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"steps": None}, "expected steps or seconds above 0"),
        ({"seconds": 3.0}, "expected steps or seconds above 0"),
        ({"steps": 0}, "expected steps or seconds above 0"),
        ({"factors": (3,)}, "multiples of 48 .*got .*32, 48"),
        ({"plan": replace(IMAGES.plan, size=(40, 48))}, "multiples of 16 .*got .*40, 48"),
        ({"rates": Rates(0, 0)}, "not all 0"),
        ({"rates": Rates(-1e-4, 1e-4)}, "of 0 or more"),
        ({"rates": Rates(1e-4, 1e-4, 1e-4)}, "a guided filter learns at full pictures only"),
        ({"losses": LossWeights(motion=-1)}, "weights of losses of 0 or more"),
    ],
)
def test_a_stage_that_cannot_be_is_refused(change: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        replace(IMAGES, **change)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"stages": ()}, "at least one stage"),
        ({"stages": (IMAGES, IMAGES)}, "each with its own name"),
        ({"stages": (IMAGES, replace(VIDEO, steps=None, seconds=3.0))}, "all in seconds"),
        ({"averaging": 1.0}, "averaging from 0 to below 1"),
        ({"betas": (0.9, 1.0)}, "betas from 0 to below 1"),
        ({"clip_norm": 0.0}, "clip_norm above 0"),
    ],
)
def test_a_config_that_cannot_be_is_refused(change: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        replace(TINY, **change)


def test_values_are_set_by_their_path() -> None:
    found = changed(TINY, ["seed=7", "video.plan.batch=4", "full.rates.refiner=2e-3", "init=shipped", "name=mine"])
    assert (found.seed, found.init, found.name) == (7, "shipped", "mine")
    assert found.stages == (
        IMAGES, replace(VIDEO, plan=replace(VIDEO.plan, batch=4)),
        replace(FULL, rates=replace(FULL.rates, refiner=2e-3)),
    )  # fmt: skip
    assert changed(TINY, []) == TINY


def test_steps_and_seconds_displace_each_other() -> None:
    settings = [f"{stage.name}.seconds=5" for stage in TINY.stages]
    found = changed(TINY, settings)
    assert [(stage.steps, stage.seconds) for stage in found.stages] == [(None, 5.0)] * 3
    assert [stage.steps for stage in changed(found, [f"{one.name}.steps=2" for one in TINY.stages]).stages] == [2, 2, 2]


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("seed", "expected PATH=VALUE, such as images.plan.batch=4, got 'seed'"),
        ("sneed=1", "there is no 'sneed'; there are name, stages"),
        ("vid.plan.batch=1", "there is no 'vid' .*paths begin with images, video, full"),
        ("video.plan.batsch=1", "there is no 'batsch'; there are size, batch"),
        ("video.plan.batch=many", r"config.stages\[1\].plan.batch: expected int, got 'many'"),
        ("seed.deep=1", "there is no 'seed' with values in it"),
        ("video.plan.size=[100,100]", "multiples of 16"),
    ],
)
def test_a_wrong_setting_is_named(setting: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        changed(TINY, [setting])
