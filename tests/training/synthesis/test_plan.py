"""Plans travel as JSON, can be set by path, and refuse what cannot be."""

from __future__ import annotations

from dataclasses import asdict, fields, is_dataclass, replace
from typing import Any

import pytest

from rimlight.errors import ConfigError
from rimlight.training.config import Config, Rates, Stage
from rimlight.training.overrides import changed
from rimlight.training.plain import from_json, to_json
from rimlight.training.synthesis.plan import SHARES, Faults, Looks, Motion, Placing, Plan, Scenes, Speeds

PLAN = Plan((32, 48), 2, 3)


def test_plans_come_back_from_json() -> None:
    plan = replace(PLAN, natural=0.5, scenes=Scenes(shapes=(2, 9)), motion=Motion(people=Speeds(1, 2, 3, 4)))
    assert from_json(Plan, to_json(plan)) == plan


def test_every_value_can_be_set_by_its_path() -> None:
    config = Config("one", (Stage("video", PLAN, Rates(1e-3, 1e-3), steps=1),))
    settings = ("video.plan.faults.noise=0.1", "video.plan.motion.people.turn=3", "video.plan.placing.head=[0.2, 0.3]")
    plan = changed(config, settings).stages[0].plan
    assert plan.faults.noise == 0.1
    assert plan.motion.people.turn == 3
    assert plan.placing.head == (0.2, 0.3)


def test_every_share_is_checked() -> None:
    """Fields that default to a share are either in the list of shares or are amounts."""
    amounts = {"exposure", "brightness", "contrast", "saturation", "gamma", "warmth", "defocus_radius", "soft_radius"}
    for group in ("scenes", "looks", "faults"):
        for one in fields(getattr(PLAN, group)):
            value = getattr(getattr(PLAN, group), one.name)
            if isinstance(value, float) and value <= 1 and one.name not in amounts:
                assert f"{group}.{one.name}" in SHARES


@pytest.mark.parametrize("name", SHARES)
@pytest.mark.parametrize("bad", [-0.1, 1.1])
def test_shares_beyond_0_and_1_are_refused(name: str, bad: float) -> None:
    table: Any = asdict(PLAN)
    group, _, last = name.rpartition(".")
    (table[group] if group else table)[last] = bad
    with pytest.raises(ConfigError, match=rf"{last}.* from 0 to 1|{last} of 0 or more"):
        rebuilt(table)


def rebuilt(table: dict[str, Any]) -> Plan:
    kinds: dict[str, Any] = {"scenes": Scenes, "motion": Motion, "placing": Placing, "looks": Looks, "faults": Faults}
    made = {name: kinds[name](**value) if name in kinds else value for name, value in table.items()}
    speeds = {name: Speeds(**value) for name, value in table["motion"].items() if isinstance(value, dict)}
    return Plan(**(made | {"motion": Motion(**(table["motion"] | speeds))}))


@pytest.mark.parametrize(
    ("part", "said"),
    [
        ({"size": (0, 48)}, "a size, a batch and frames of 1 or more"),
        ({"batch": 0}, "a size, a batch and frames"),
        ({"photos": -1}, "photos of 0 or more"),
        ({"motion": Motion(people=Speeds(-1, 0, 0, 0))}, "speeds of 0 or more in plan's people"),
        ({"motion": Motion(periods=(1.0, 5.0))}, r"plan.motion.periods from 2 to 1e\+06, got 1"),
        ({"placing": Placing(head=(0.5, 0.2))}, "plan's head as a range"),
        ({"placing": Placing(zoom=(0.5, 2.0))}, "plan.placing.zoom from 1 to 100"),
        ({"looks": Looks(exposure=-1.0)}, "plan's exposure of 0 or more"),
        ({"faults": Faults(rescale_to=(0.0, 1.0))}, "plan.faults.rescale_to from 0.05 to 1"),
        ({"faults": Faults(quality=(50.0, 101.0))}, "quality's end from 1 to 100"),
    ],
    ids=str,
)
def test_what_cannot_be_is_refused_with_its_name(part: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        replace(PLAN, **part)


def test_every_value_is_documented() -> None:
    for group in (PLAN, PLAN.scenes, PLAN.motion, PLAN.placing, PLAN.looks, PLAN.faults, PLAN.motion.people):
        said = type(group).__doc__ or ""
        for one in fields(group):
            known = is_dataclass(getattr(group, one.name)) or one.name.startswith("still_")
            assert known or one.name in said, f"{type(group).__name__}.{one.name} has no word of explanation"
