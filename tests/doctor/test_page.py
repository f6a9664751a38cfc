from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from rimlight import doctor
from rimlight.doctor import Check, Place, attempt, examine, page

from .test_machine import place

LONG = "sudo modprobe v4l2loopback exclusive_caps=1 card_label=rimlight video_nr=10 " * 2
SECTIONS = {
    "Network": [Check("onnx backend", "ok", "ONNX Runtime on CPU")],
    "Virtual camera": [Check("v4l2loopback", "warn", "not loaded " * 12, LONG), Check("Secure Boot", "fail", "", "")],
}


def fine(_: Place) -> Check:
    return Check("fine", "ok", "all is well")


def breaks(_: Place) -> Check:
    raise OSError("the disk is on fire")


def breaks_for(name: str, _: Place) -> Check:
    raise KeyError(name)


def test_a_check_that_breaks_fails_and_hides_no_other(tmp_path: Path) -> None:
    found = examine({"one": (breaks, fine), "two": (partial(breaks_for, "onnx"),)}, place(tmp_path))
    assert [check.status for check in found["one"]] == ["fail", "ok"]
    assert "OSError: the disk is on fire" in found["one"][0].found
    assert found["two"][0].name == "onnx breaks_for"
    assert list(found) == ["one", "two"]


def test_a_page_fits_80_columns_and_names_everything() -> None:
    text = click.unstyle(page.as_text(SECTIONS))
    assert max(map(len, text.splitlines())) <= 80
    for word in ("Network", "onnx backend", "-> sudo modprobe", "exclusive_caps=1", "1 ok, 1 warn, 1 fail"):
        assert word in text


def test_a_command_survives_the_lines_of_a_page() -> None:
    words = click.unstyle(page.as_text(SECTIONS)).split()
    first = words.index("->") + 1
    assert words[first : first + len(LONG.split())] == LONG.split()


def test_json_holds_the_same() -> None:
    found = json.loads(page.as_json(SECTIONS))
    assert [one["status"] for one in found["checks"]] == ["ok", "warn", "fail"]
    assert found["checks"][1]["section"] == "Virtual camera"
    assert found["checks"][1]["fix"] == LONG


@pytest.mark.parametrize(("check", "code"), [(fine, 0), (breaks, 1)])
def test_the_exit_code_tells_of_failures(monkeypatch: pytest.MonkeyPatch, check: doctor.Checker, code: int) -> None:
    monkeypatch.setattr(doctor, "sections", lambda: {"all": (check,)})
    for options in ([], ["--json"]):
        ran = CliRunner().invoke(doctor.doctor, options)
        assert ran.exit_code == code
        assert "\x1b" not in ran.output  # colours are for terminals


def test_colours_are_shown_on_terminals(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "sections", lambda: {"all": (fine,)})
    assert "\x1b[32mok" in CliRunner().invoke(doctor.doctor, [], color=True).output


def test_every_check_answers_on_a_bare_machine(tmp_path: Path) -> None:
    """No check fails for what is merely absent."""
    checks = {title: [one for one in some if not isinstance(one, partial)] for title, some in doctor.sections().items()}
    for one in (one for some in checks.values() for one in some):
        found = attempt(one, place(tmp_path, platform="linux", environ={}))
        assert found.status != "fail", found
        assert attempt(one, place(tmp_path, platform="win32", environ={})).status != "fail"


def test_it_is_a_command_of_rimlight() -> None:
    from rimlight.cli import cli

    assert "doctor" in cli.commands
