"""The configuration file: TOML with [run] and [profile.NAME], whose keys are the options of `rimlight run`.

The command line beats a profile, a profile beats [run], [run] beats the defaults.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import click

from rimlight.errors import ConfigError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

MOST_BYTES = 1024 * 1024
NOT_KEYS = ("config", "profile")  # options that say where to look, and so cannot be looked up
ALSO_NUMBERS = ("rate", "target-fps")  # texts on the command line, where a number is just as clear


@dataclass(frozen=True, slots=True)
class Field:
    """One key of the file: the option of the same name, and that option's name in Python."""

    key: str
    name: str
    option: click.Option

    @property
    def default(self) -> Any:
        """What the option is where nobody says anything; None where that depends on the source."""
        default = False if self.option.is_flag and self.option.default is not True else self.option.default
        return default if isinstance(default, str | int | float | bool) else None

    @property
    def takes(self) -> str:
        """What a value is to be, in words."""
        kind = self.option.type
        if isinstance(kind, click.Choice):
            return "one of " + ", ".join(kind.choices)
        words = {bool: "true or false", int: "a whole number", float: "a number", str: "a text"}[self._plain()]
        return "a number or a text" if self.key in ALSO_NUMBERS else words

    def read(self, value: object) -> Any:
        """The value as the option would give it; raises ValueError that says what was wanted."""
        plain = self._plain()
        fits = type(value) is plain or (plain is float and type(value) is int)
        if self.key in ALSO_NUMBERS and type(value) in (int, float):
            return str(value)
        if not fits:
            raise ValueError(f"expected {self.takes}, got {value!r:.60}")
        try:
            return self.option.type.convert(value, None, None)
        except click.BadParameter as error:
            raise ValueError(error.message) from error

    def _plain(self) -> type:
        if self.option.is_flag:
            return bool
        names = {"integer": int, "integer range": int, "float": float, "float range": float}
        return names.get(self.option.type.name, str)


def fields_of(command: click.Command) -> dict[str, Field]:
    """The keys that a file may hold, by name."""
    found = {}
    for option in command.params:
        if isinstance(option, click.Option) and option.name and option.name not in NOT_KEYS:
            key = next(text for text in option.opts if text.startswith("--"))[2:]
            found[key] = Field(key, option.name, option)
    return found


@dataclass(frozen=True, slots=True)
class Layers:
    """Where options come from: the command line (given), and a file that may be read again while a stream runs.

    path: None for no file. defaults: of every option, by its name in Python.
    """

    fields: dict[str, Field]
    defaults: Mapping[str, Any]
    given: Mapping[str, Any]
    path: Path | None = None
    profile: str | None = None

    def options(self) -> dict[str, Any]:
        """All options, from all layers; reads the file. Raises ConfigError."""
        written = load(self.path, self.fields, self.profile) if self.path else {}
        return {**self.defaults, **written, **self.given}


def layers_of(context: click.Context, options: Mapping[str, Any]) -> Layers:
    """The layers of a command that was parsed: --config or the usual file, --profile; raises ConfigError."""
    given = {name: value for name, value in options.items() if _is_given(context, name)}
    defaults = {name: value for name, value in options.items() if name not in given}
    asked, profile = options.get("config"), options.get("profile")
    usual = config_path()
    path = Path(asked) if asked else usual if usual.is_file() else None
    if profile and path is None:
        raise ConfigError(f"no profile {profile!r}: there is no file {usual}; write one: rimlight config init")
    return Layers(fields_of(context.command), defaults, given, path, profile)


def config_path() -> Path:
    """$XDG_CONFIG_HOME/rimlight/config.toml, or the same under ~/.config."""
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "rimlight" / "config.toml"


def load(path: Path, fields: Mapping[str, Field], profile: str | None = None) -> dict[str, Any]:
    """What a file says, with a profile over it, by the options' names in Python; all of the file is checked.

    Raises ConfigError that names the file, the key and what was wanted.
    """
    tables = _parse(path)
    _known(path, "", tables, ["run", "profile"])
    profiles = _table(path, "profile", tables.get("profile", {}))
    run = _values(path, "run", tables.get("run", {}), fields)
    read = {name: _values(path, f"profile.{name}", table, fields) for name, table in profiles.items()}
    if profile and profile not in read:
        raise ConfigError(f"{path}: no profile {profile!r}; {_suggestion(profile, list(read))}")
    return run | (read[profile] if profile else {})


def template(fields: Mapping[str, Field]) -> str:
    """A file in which everything is there and nothing is set."""
    lines = ["# Options of `rimlight run`; the command line beats a profile, a profile beats [run].", "", "[run]"]
    for field in fields.values():
        lines += [f"# {field.option.help}", f"# {assignment(field, field.default)}", ""]
    return "\n".join([*lines, "# [profile.talk]", '# backdrop = "blur:0.8"', ""])


def assignment(field: Field, value: object) -> str:
    """The line that sets a key, or a word on what it takes where it has no value."""
    return f"{field.key} = …  ({field.takes})" if value is None else f"{field.key} = {as_toml(value)}"


def as_toml(value: object) -> str:
    """A text, number or truth value as TOML writes it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return str(value)
    return '"' + re.sub(r'[\x00-\x1f\x7f"\\]', lambda odd: f"\\u{ord(odd[0]):04x}", str(value)) + '"'


def table(fields: Mapping[str, Field], while_running: tuple[str, ...]) -> str:
    """The reference of all keys in Markdown; while_running: keys whose changes a running stream takes."""
    lines = ["| key | takes | default | changes while running | |", "|---|---|---|---|---|"]
    for field in fields.values():
        default = "" if field.default in (None, "") else f"`{as_toml(field.default)}`"
        now = "yes" if field.key in while_running else ""
        lines.append(f"| `{field.key}` | {field.takes} | {default} | {now} | {field.option.help} |")
    return "\n".join(lines).replace(" | | ", " |  | ") + "\n"


def _is_given(context: click.Context, name: str) -> bool:
    source = context.get_parameter_source(name)
    return source is not None and source not in (
        click.core.ParameterSource.DEFAULT, click.core.ParameterSource.DEFAULT_MAP,
    )  # fmt: skip


def _parse(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            text = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror or error}") from error
    if len(text) > MOST_BYTES:
        raise ConfigError(f"{path} is larger than {MOST_BYTES} bytes; is it a configuration?")
    try:
        return tomllib.loads(text.decode())
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{path} is no TOML: {error}") from error


def _values(path: Path, section: str, found: object, fields: Mapping[str, Field]) -> dict[str, Any]:
    values = _table(path, section, found)
    _known(path, f"{section}.", values, list(fields))
    return {fields[key].name: _value(path, f"{section}.{key}", fields[key], value) for key, value in values.items()}


def _value(path: Path, where: str, field: Field, value: object) -> Any:
    try:
        return field.read(value)
    except ValueError as error:
        raise ConfigError(f"{path}: {where}: {error}") from error


def _table(path: Path, section: str, found: object) -> dict[str, Any]:
    if not isinstance(found, dict):
        raise ConfigError(f"{path}: expected a section [{section}], got {section} = {found!r:.40}")
    return found


def _known(path: Path, where: str, values: Mapping[str, Any], known: list[str]) -> None:
    for key in values:
        if key not in known:
            raise ConfigError(f"{path}: there is no {where}{key}; {_suggestion(key, known)}")


def _suggestion(name: str, known: list[str]) -> str:
    close = get_close_matches(name.replace("_", "-"), known, 1)
    return f"did you mean {close[0]}?" if close else f"there are {', '.join(known) or 'none'}"
