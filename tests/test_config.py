from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rimlight.cli import run_command
from rimlight.config import Layers, as_toml, config_path, fields_of, load, table, template
from rimlight.errors import ConfigError
from rimlight.live_command import CHANGES

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

FIELDS = fields_of(run_command)
DOCS = Path(__file__).resolve().parents[1] / "docs" / "live.md"


def written(folder: Path, text: str) -> Path:
    path = folder / "config.toml"
    path.write_text(text)
    return path


def test_the_keys_are_the_options_of_run() -> None:
    assert {"source", "sink", "backdrop", "size", "target-fps", "mirror", "sound", "metrics-port"} <= set(FIELDS)
    assert not {"config", "profile", "no-sound", "help"} & set(FIELDS)
    assert set(CHANGES) <= set(FIELDS)


def test_the_nearest_layer_wins(tmp_path: Path) -> None:
    path = written(
        tmp_path, "[run]\nfeather = 1\nshift = 0.1\ndetail = 256\n[profile.talk]\nshift = 0.2\ndetail = 128\n"
    )
    defaults = {"feather": 0.0, "shift": 0.0, "detail": 512, "mirror": False}
    layers = Layers(FIELDS, defaults, {"detail": 64}, path, "talk")
    assert layers.options() == {"feather": 1.0, "shift": 0.2, "detail": 64, "mirror": False}


def test_without_a_file_there_are_defaults_and_the_command_line() -> None:
    assert Layers(FIELDS, {"detail": 512, "shift": 0.0}, {"detail": 64}).options() == {"detail": 64, "shift": 0.0}


def test_values_come_as_the_options_have_them(tmp_path: Path) -> None:
    path = written(tmp_path, '[run]\nsize = "640x480"\ntarget-fps = 30\nsound = false\nfeather = 2\nthreads = 3\n')
    found = load(path, FIELDS)
    assert found == {"camera_size": "640x480", "target_fps": "30", "sound": False, "feather": 2, "threads": 3}


BAD = [
    ("[run]\nbakdrop = 'blur'", "there is no run.bakdrop; did you mean backdrop?"),
    ("[run]\ntarget_fps = 30", "did you mean target-fps?"),
    ("[run]\nxyz = 30", "there are source, sink"),
    ("[runs]\n", "there is no runs; did you mean run?"),
    ("[run]\nmirror = 'yes'", "run.mirror: expected true or false, got 'yes'"),
    ("[run]\ndetail = 1.5", "run.detail: expected a whole number, got 1.5"),
    ("[run]\ndetail = true", "run.detail: expected a whole number, got True"),
    ("[run]\nthreads = 0", "run.threads: 0 is not in the range"),
    ("[run]\nbackend = 'tpu'", "run.backend: 'tpu' is not"),
    ("[run]\nbackdrop = ['a']", "run.backdrop: expected a text"),
    ("[profile.talk]\nshift = 'x'", "profile.talk.shift: expected a number"),
    ("run = 3", "expected a section [run], got run = 3"),
    ("profile = 3", "expected a section [profile]"),
    ("[profile]\ntalk = 3", "expected a section [profile.talk]"),
    ("[run", "is no TOML"),
    ("[run]\na = " + "[" * 5000, "is no TOML"),
]


@pytest.mark.parametrize(("text", "said"), BAD, ids=[said for _, said in BAD])
def test_an_error_names_file_key_and_what_was_wanted(tmp_path: Path, text: str, said: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(ConfigError) as caught:
        load(path, FIELDS)
    assert said in str(caught.value)
    assert str(path) in str(caught.value)
    assert len(str(caught.value)) < 1000


def test_a_profile_that_there_is_not_is_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no profile 'tlk'; did you mean talk"):
        load(written(tmp_path, "[profile.talk]\n"), FIELDS, "tlk")


@pytest.mark.parametrize("make", [lambda _: None, lambda path: path.mkdir()], ids=["missing", "a folder"])
def test_a_file_that_cannot_be_read_is_said(tmp_path: Path, make: object) -> None:
    path = tmp_path / "config.toml"
    make(path)  # type: ignore[operator]
    with pytest.raises(ConfigError, match="cannot be read"):
        load(path, FIELDS)


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="larger than"):
        load(written(tmp_path, "#" * 2**21), FIELDS)


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "any.toml"
    path.write_bytes(b"[run]\n" + data)
    with suppress(ConfigError):
        assert isinstance(load(path, FIELDS), dict)


@given(st.text(max_size=30) | st.integers(-(2**60), 2**60) | st.booleans() | st.floats(allow_nan=False))
def test_a_value_is_written_as_it_is_read(value: object) -> None:
    assert tomllib.loads(f"a = {as_toml(value)}")["a"] == value


def test_the_template_is_a_file_that_sets_nothing(tmp_path: Path) -> None:
    assert load(written(tmp_path, template(FIELDS)), FIELDS) == {}


def test_the_templates_values_are_the_defaults(tmp_path: Path) -> None:
    lines = template(FIELDS).splitlines()
    unset = [f"# {field.key} = " for field in FIELDS.values() if field.default is None]
    set_all = [line.removeprefix("# ") for line in lines if " = " in line and not line.startswith(tuple(unset))]
    found = load(written(tmp_path, "\n".join(["[run]", *(line for line in set_all if "blur:0.8" not in line)])), FIELDS)
    assert found == {field.name: field.default for field in FIELDS.values() if field.default is not None}


def test_the_file_is_where_the_system_keeps_such(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", f"{os.sep}there")
    assert config_path() == Path(os.sep) / "there" / "rimlight" / "config.toml"
    monkeypatch.delenv("XDG_CONFIG_HOME")
    assert config_path() == Path.home() / ".config" / "rimlight" / "config.toml"


def test_the_reference_in_the_documentation_is_the_codes() -> None:
    """On failure: write `table(FIELDS, tuple(CHANGES))` between the two comments of docs/live.md."""
    text = DOCS.read_text(encoding="utf-8")
    _, _, rest = text.partition("<!-- keys: begin -->\n")
    found, _, _ = rest.partition("<!-- keys: end -->")
    assert found == table(FIELDS, tuple(CHANGES))


def test_every_key_is_explained() -> None:
    assert all(isinstance(field.option, click.Option) and field.option.help for field in FIELDS.values())
