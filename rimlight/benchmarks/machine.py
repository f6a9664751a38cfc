"""What a figure was measured on: processor, memory, system, packages and load, ready for JSON."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

import cv2

Facts: TypeAlias = dict[str, Any]

ROOT = Path(__file__).resolve().parents[2]
FLAGS = ("avx2", "fma", "avx512f", "avx512_vnni", "avx512_bf16", "avx512_fp16", "avx_vnni", "amx_tile", "amx_bf16")
ARM_FLAGS = ("asimd", "asimddp", "bf16", "i8mm", "sve", "sme")
PACKAGES = ("numpy", "opencv-python-headless", "opencv-python", "onnxruntime", "openvino", "torch", "numba")
MORE_PACKAGES = ("tensorrt", "ai-edge-litert", "av", "aiortc", "rimlight")
BUSY_LOAD = 0.5  # load per core before the run, above which a timing is not to be trusted
BUSY_SPREAD = 0.25  # (p90 - p10) / median of one timing
BUSY_OTHERS = 0.1  # share of all processors that other programs took during the run


def describe_machine(root: Path = ROOT) -> Facts:
    """Facts of this machine and this moment, for a record; None where something cannot be told.

    load is the average over the last minute; memory_gib the whole machine's; cores the ones this process may use.
    """
    return {
        "cpu": cpu_model(),
        "cores": usable_cores(),
        "cores_of_machine": os.cpu_count(),
        "flags": cpu_flags(),
        "memory_gib": memory_gib(),
        "os": platform.platform(),
        "python": platform.python_version(),
        "packages": package_versions(),
        "load": load_average(),
        "git": git_revision(root),
    }


class Neighbours:
    """How much other programs take of the processors from now on."""

    def __init__(self) -> None:
        self._start = self._seconds()

    def share(self, more_s: float = 0.0) -> float | None:
        """0..1 of all processors since the start; None where the system does not tell.

        more_s: processor seconds of this run's children that have not ended; those that have are known.
        """
        now = self._seconds()
        if self._start is None or now is None or now[1] <= self._start[1]:
            return None
        busy, total, own = (after - before for after, before in zip(now, self._start, strict=True))
        return round(min(1.0, max(0.0, (busy - own - more_s) / total)), 3)

    @staticmethod
    def _seconds() -> tuple[float, float, float] | None:
        """Busy and all processor seconds of the machine, and those of this process."""
        line = re.match(r"cpu\s+([\d ]+)", _stat())
        if line is None:
            return None
        user, nice, system, idle, iowait, *rest = (int(field) / os.sysconf("SC_CLK_TCK") for field in line[1].split())
        busy = user + nice + system + sum(rest[:3])  # interrupts and stolen time; guests are in user already
        return busy, busy + idle + iowait, sum(os.times()[:4])


@contextmanager
def held_to(cores: int) -> Iterator[bool]:
    """Let this thread, the ones it starts and OpenCV use no more than this many processors.

    Yields whether the system can hold them to it. Threads that run already keep what they have.
    """
    threads = cv2.getNumThreads()
    cv2.setNumThreads(cores)
    allowed = os.sched_getaffinity(0) if hasattr(os, "sched_setaffinity") else set()
    if allowed:
        os.sched_setaffinity(0, sorted(allowed)[:cores])
    try:
        yield bool(allowed)
    finally:
        cv2.setNumThreads(threads)
        if allowed:
            os.sched_setaffinity(0, allowed)


def busy_note(facts: Facts, spread: float | None = None, others: float | None = None) -> str | None:
    """One line that says why the timings are doubtful, or None.

    spread: (p90 - p10) / median, from relative_spread. others: from Neighbours.share; where it is not known, the load
    before the run counts, which may be the load of the run before.
    """
    reasons = []
    load, cores = facts.get("load"), facts.get("cores") or 1
    if others is not None and others > BUSY_OTHERS:
        reasons.append(f"other programs took {others:.0%} of the processors")
    if others is None and load is not None and load > BUSY_LOAD * cores:
        reasons.append(f"load was {load:.1f} on {cores} cores before the run")
    if spread is not None and spread > BUSY_SPREAD:
        reasons.append(f"timings spread by {spread:.0%} of their median")
    return "busy machine: " + ", ".join(reasons) if reasons else None


def relative_spread(seconds: Sequence[float]) -> float:
    """(p90 - p10) / median of at least one timing above 0."""
    ordered = sorted(seconds)
    last = len(ordered) - 1
    low, middle, high = (ordered[round(last * part)] for part in (0.1, 0.5, 0.9))
    return (high - low) / middle


def cpu_model() -> str | None:
    """The processor's name as the system gives it."""
    match = re.search(r"^model name\s*:\s*(.+)$", _cpuinfo(), re.MULTILINE)
    return match.group(1).strip() if match else platform.processor() or platform.machine() or None


def cpu_flags() -> list[str]:
    """The instruction sets that decide which kernels a runtime takes; empty where the system does not list them."""
    match = re.search(r"^(?:flags|Features)\s*:\s*(.+)$", _cpuinfo(), re.MULTILINE)
    present = set(match.group(1).split()) if match else set()
    return [flag for flag in (*FLAGS, *ARM_FLAGS) if flag in present]


def usable_cores() -> int:
    """Cores this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def memory_gib() -> float | None:
    """Memory of the machine in GiB."""
    names = getattr(os, "sysconf_names", {})
    if "SC_PHYS_PAGES" not in names or "SC_PAGE_SIZE" not in names:
        return None
    return round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30, 1)


def load_average() -> float | None:
    """Mean number of running threads over the last minute."""
    try:
        return round(os.getloadavg()[0], 2)
    except (AttributeError, OSError):  # no such figure on Windows
        return None


def package_versions() -> dict[str, str]:
    """Versions of the installed packages that figures depend on."""
    versions = {name: _version(name) for name in (*PACKAGES, *MORE_PACKAGES)}
    return {name: version for name, version in versions.items() if version is not None}


def git_revision(root: Path = ROOT) -> str | None:
    """Commit of the checkout at root, with "+changes" where tracked files differ; None outside a checkout."""
    git = shutil.which("git")
    if git is None or not (root / ".git").exists():
        return None
    commit = _git_output(git, root, "rev-parse", "--short=12", "HEAD")
    if not commit:
        return None
    changed = _git_output(git, root, "status", "--porcelain", "--untracked-files=no")
    return commit + ("+changes" if changed else "")


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _git_output(git: str, root: Path, *arguments: str) -> str | None:
    done = subprocess.run([git, "-C", str(root), *arguments], capture_output=True, text=True, timeout=20, check=False)
    return done.stdout.strip() if done.returncode == 0 else None


def _cpuinfo() -> str:
    path = Path("/proc/cpuinfo")
    return path.read_text(errors="replace") if path.is_file() else ""


def _stat() -> str:
    path = Path("/proc/stat")
    return path.read_text(errors="replace") if path.is_file() else ""
