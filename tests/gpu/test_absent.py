"""What lets scripts/gpu_check run where packages are missing: real ones stay, missing ones become placeholders."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def said(program: str) -> list[str]:
    """What a Python says in which none of the packages is installed."""
    hidden = (
        "import sys, importlib.machinery as m; find = m.PathFinder.find_spec\n"
        "hide = lambda name, *more: None if name in ('numba', 'av', 'tqdm') else find(name, *more)\n"
        "m.PathFinder.find_spec = staticmethod(hide)\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", hidden + program], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    return ran.stdout.split()


def test_missing_packages_are_named_and_stood_in_for() -> None:
    program = """
import tests.gpu.absent as absent
import numba
from av.error import FFmpegError
try:
    raise FFmpegError
except FFmpegError:
    print(numba.njit(nogil=True)(abs) is abs, *absent.lacking())
"""
    assert said(program) == ["True", "numba", "av", "tqdm"]


def test_the_frames_pass_can_be_imported_without_them() -> None:
    assert said("import tests.gpu.absent, rimlight.gpu.passes, rimlight.benchmarks.gpu.plan; print('there')") == [
        "there"
    ]


def test_without_it_they_are_missing() -> None:
    assert said("try: import numba\nexcept ModuleNotFoundError as error: print(error.name)") == ["numba"]
