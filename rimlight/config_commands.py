"""`rimlight config`: where the configuration file is, what it comes to, and a first one."""

from __future__ import annotations

from pathlib import Path

import click

from rimlight.config import Field, assignment, config_path, fields_of, load, template
from rimlight.errors import ConfigError


@click.group("config")
def config() -> None:
    """The file with your usual options of `rimlight run`."""


@config.command("path")
def path_command() -> None:
    """Where the file is, or would be."""
    click.echo(config_path())


@config.command("show")
@click.option("--config", "path", type=click.Path(path_type=Path), help="Another file.")
@click.option("--profile", help="A profile of the file.")
@click.pass_context
def show_command(context: click.Context, path: Path | None, profile: str | None) -> None:
    """What every option is, from the file or by default, as TOML."""
    path = path or (config_path() if profile or config_path().is_file() else None)
    fields = _fields(context)
    written = load(path, fields, profile) if path else {}
    click.echo(f"# {path or f'no file at {config_path()}; defaults only'}")
    for field in fields.values():
        click.echo(_shown(field, written))


@config.command("init")
@click.option("--config", "path", type=click.Path(path_type=Path), help="Another file.")
@click.pass_context
def init_command(context: click.Context, path: Path | None) -> None:
    """Write a file in which every option is explained and none is set; keeps one that is there."""
    path = path or config_path()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write(template(_fields(context)))
    except FileExistsError as error:
        raise ConfigError(f"{path} is there already and stays; remove it first, or name another by --config") from error
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror or error}") from error
    click.echo(path)


def _fields(context: click.Context) -> dict[str, Field]:
    root = context.find_root().command
    assert isinstance(root, click.Group)
    return fields_of(root.commands["run"])


def _shown(field: Field, written: dict[str, object]) -> str:
    if field.name in written:
        return assignment(field, written[field.name])
    return f"# {assignment(field, field.default)}"
