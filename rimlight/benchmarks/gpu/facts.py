"""What a GPU's figures were measured on, as its driver says it."""

from __future__ import annotations

import csv
import shutil
import subprocess
from typing import Any

from rimlight.benchmarks.machine import package_versions

FIELDS = ("name", "driver_version", "memory.total", "clocks.sm", "clocks.max.sm", "temperature.gpu", "power.draw")
TIMEOUT_S = 20


def gpus(folders: str | None = None) -> list[dict[str, str]]:
    """One dict of FIELDS for each GPU of this machine; none where nvidia-smi is not there or fails.

    folders: where it is looked for, as in PATH, which is the default.
    """
    program = shutil.which("nvidia-smi", path=folders)
    if program is None:
        return []
    command = [program, f"--query-gpu={','.join(FIELDS)}", "--format=csv,noheader"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return []
    rows = csv.reader(done.stdout.splitlines() if done.returncode == 0 else [], skipinitialspace=True)
    return [dict(zip(FIELDS, row, strict=False)) for row in rows if len(row) == len(FIELDS)]


def before_and_after(before: list[dict[str, str]]) -> dict[str, Any]:
    """Facts of a run for its record: `before` as `gpus` gave it, and what clocks and heat are now."""
    return {"before": before, "after": gpus()}


if __name__ == "__main__":
    found = [", ".join(f"{name} {value}" for name, value in gpu.items()) for gpu in gpus()]
    print("\n".join(found) or "no NVIDIA GPU here")
    print(", ".join(f"{name} {version}" for name, version in package_versions().items()))
