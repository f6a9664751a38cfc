"""The command line run by tests: in this process, or in one of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from rimlight import cli

from .realtime.sources.media import numbered, write_video

FAKE = ("--backend", "fake", "--detail", "128")
RUN = ("run", "--source", "pattern:112x64@30:4", "--sink", "out.mp4")
TIMEOUT_S = 120


@dataclass(frozen=True)
class Ran:
    """How a command ended."""

    code: int
    out: str
    err: str


Runs = Callable[..., Ran]


def runner(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], folder: Path) -> Runs:
    """What runs the command line in this process, in a folder."""
    monkeypatch.chdir(folder)

    def run(*arguments: object) -> Ran:
        capfd.readouterr()
        monkeypatch.setattr(sys, "argv", ["rimlight", *map(str, arguments)])
        code = 0
        try:
            cli.main()
        except SystemExit as ended:
            code = int(ended.code or 0)
        captured = capfd.readouterr()
        return Ran(code, captured.out, captured.err)

    return run


@contextmanager
def started(*arguments: object, folder: Path, stdout: int = subprocess.DEVNULL) -> Iterator[subprocess.Popen[str]]:
    """A command in a process of its own, which does not outlive the block."""
    command = [sys.executable, "-m", "rimlight.cli", *map(str, arguments)]
    environment = os.environ | {"PYTHONFAULTHANDLER": "1"}
    with subprocess.Popen(
        command, cwd=folder, env=environment, stdout=stdout, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()


def finished(process: subprocess.Popen[str]) -> Ran:
    """Wait for the end."""
    out, err = process.communicate(timeout=TIMEOUT_S)
    return Ran(process.returncode, out or "", err)


def run_apart(*arguments: object, folder: Path) -> Ran:
    """Run a command in a process of its own to its end."""
    with started(*arguments, folder=folder) as process:
        return finished(process)


def refused(ran: Ran, *words: str) -> None:
    """One line on stderr that says the words, and exit code 2."""
    assert ran.code == 2, ran.err
    assert ran.err.startswith("rimlight: ")
    assert ran.err.count("\n") == 1
    assert ran.err.endswith("\n")
    assert "Traceback" not in ran.err
    assert ran.out == ""
    for word in words:
        assert word in ran.err


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


def video(path: Path, count: int = 4, **options: object) -> Path:
    return write_video(path, numbered(count), **options)  # type: ignore[arg-type]
