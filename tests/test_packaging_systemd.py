"""The template of gateways and workers, judged by systemd, and by the command that it runs."""

from __future__ import annotations

import shlex

import pytest

from tests.conftest import ROOT
from tests.served import TOKENS, check_safe, check_scraped, would_serve
from tests.test_packaging import judged

FOLDER = ROOT / "packaging" / "systemd"
UNIT = FOLDER / "rimlight-serve@.service"
EXPOSURE = 15  # tenths, of 100: what `systemd-analyze security` may find at most


def settings() -> dict[str, str]:
    """The last value of each setting."""
    lines = [line for line in UNIT.read_text().splitlines() if "=" in line and not line.startswith("#")]
    return {name: value for name, _, value in (line.partition("=") for line in lines)}


def environment(role: str) -> dict[str, str]:
    """The shipped file of a role, filled in where it is left to the user."""
    lines = (FOLDER / f"{role}.env").read_text().splitlines()
    found = {name: value for name, _, value in (line.partition("=") for line in lines if not line.startswith("#"))}
    return {name: value or TOKENS.get(name, "") for name, value in found.items()}


def test_systemd_accepts_the_template() -> None:
    assert judged("systemd-analyze", "verify", str(UNIT)) == ""


def test_systemd_finds_little_to_harden() -> None:
    said = judged("systemd-analyze", "security", "--no-pager", "--offline=true", f"--threshold={EXPOSURE}", str(UNIT))
    exposure = said.rpartition("Overall exposure level")[2]
    assert float(exposure.split(":")[1].split()[0]) <= EXPOSURE / 10, exposure


def test_compiled_kernels_may_run_and_are_kept() -> None:
    assert "MemoryDenyWriteExecute" not in settings()
    folder = f"%C/{settings()['CacheDirectory']}"
    assert settings()["Environment"] == f"XDG_CACHE_HOME={folder} HOME={folder}"


@pytest.mark.parametrize("role", ["gateway", "worker"])
def test_the_command_takes_what_the_files_say(role: str, monkeypatch: pytest.MonkeyPatch) -> None:
    command = settings()["ExecStart"]
    assert command.endswith(" rimlight serve $RIMLIGHT_SERVE")
    given = environment(role)
    words = given.pop("RIMLIGHT_SERVE").strip('"').split()
    assert words[:2] == ["--role", role]
    found = would_serve(["serve", *words], given, monkeypatch)
    check_safe(found)
    check_scraped(found)
    if role == "worker":
        assert found.membership.gateways == (given["RIMLIGHT_GATEWAY"],)
        assert found.membership.advertised == given["RIMLIGHT_ADVERTISE"]
        assert float(settings()["TimeoutStopSec"]) > found.place.drain_s


def test_tokens_are_left_to_the_user() -> None:
    for role in ("gateway", "worker"):
        lines = (FOLDER / f"{role}.env").read_text().splitlines()
        tokens = [line for line in lines if line.partition("=")[0].endswith("_TOKEN")]
        assert tokens
        assert all(line.endswith("=") for line in tokens)


def test_the_path_to_the_program_is_the_one_that_the_file_says_to_make() -> None:
    assert '"PATH=/opt/rimlight/bin:' in settings()["ExecStart"]
    assert "python3 -m venv /opt/rimlight" in UNIT.read_text()
    assert shlex.split(settings()["ExecStart"])[0] == "/usr/bin/env"
