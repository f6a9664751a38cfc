"""Single values of a config set by their path, as the command line gives them: video.plan.batch=4, seed=3."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from rimlight.errors import ConfigError
from rimlight.training.config import Config
from rimlight.training.plain import from_plain


def changed(config: Config, settings: Sequence[str]) -> Config:
    """The config with settings PATH=VALUE; a path begins with a stage's name or a field of the config.

    Values are JSON, or texts where they are none. steps and seconds of a stage displace each other.
    Raises ConfigError for a path that is not there, and for a value that does not fit.
    """
    table = asdict(config)
    for setting in settings:
        path, sign, text = setting.partition("=")
        if not sign or not path:
            raise ConfigError(f"expected PATH=VALUE, such as {config.stages[0].name}.plan.batch=4, got {setting!r}")
        _set(table, path, _value(text))
    found: Config = from_plain(Config, table, "config")
    return found


def _set(table: dict[str, Any], path: str, value: Any) -> None:
    *outer, last = path.split(".")
    stages = {stage["name"]: stage for stage in table["stages"]}
    place: Any = table
    for name in outer:
        place = stages.get(name, table.get(name)) if place is table else place.get(name)
        if not isinstance(place, dict):
            known = ", ".join([*stages, *(key for key in table if key != "stages")])
            raise ConfigError(f"--set {path}: there is no {name!r} with values in it; paths begin with {known}")
    if last not in place:
        raise ConfigError(f"--set {path}: there is no {last!r}; there are {', '.join(place)}")
    place[last] = value
    if place in stages.values() and last in ("steps", "seconds") and value is not None:
        place["seconds" if last == "steps" else "steps"] = None


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
