"""Boots the guest that scripts/integration_setup made and gives back what it printed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "rimlight"
QEMU = "qemu-system-x86_64"
# One kind of processor in the guest, so that what numba compiled on this machine can be loaded there.
PLAIN_CPU = {"NUMBA_CPU_NAME": "generic", "NUMBA_CPU_FEATURES": "+sse4.2"}
LIMIT_S = 600  # of a hung guest; it takes a tenth of that


@dataclass(frozen=True, slots=True)
class Guest:
    """What a guest told: its exit status (None if it never got there), the steps by name, and all it printed."""

    status: int | None
    steps: dict[str, dict[str, Any]]
    output: str


def missing() -> str:
    """What keeps the guest from being booted, empty if nothing."""
    if not shutil.which(QEMU):
        return f"{QEMU} is not installed; run scripts/test --integration"
    if not (CACHE / "qemu" / "guest.gz").exists():
        return "no guest was built; run scripts/test --integration"
    return ""


def boot(*steps: str) -> Guest:
    """Run the steps (all, if none is named) in a guest that sees this machine's files, and cannot change them."""
    compiled = {**os.environ, **PLAIN_CPU, "XDG_CACHE_HOME": str(CACHE.parent)}
    subprocess.run(
        [sys.executable, "-m", "tests.integration.guest.warm"], cwd=ROOT, env=compiled, timeout=LIMIT_S, check=True
    )
    settings = {
        "GUEST_FOLDER": str(ROOT),
        "GUEST_COMMAND": f'"{sys.executable} -m tests.integration.guest {" ".join(steps)}"',
        "XDG_CACHE_HOME": str(CACHE.parent),
        **PLAIN_CPU,
    }
    told = " ".join(f"{name}={value}" for name, value in settings.items())
    command = [
        QEMU, "-accel", "tcg,thread=multi", "-cpu", "max", "-smp", "2",
        "-m", "2048", "-nographic", "-no-reboot", "-nodefaults", "-serial", "stdio",
        "-kernel", str(CACHE / "qemu" / "kernel"), "-initrd", str(CACHE / "qemu" / "guest.gz"),
        "-append", f"console=ttyS0 quiet panic=-1 mitigations=off {told}",
        "-virtfs", "local,path=/,mount_tag=hostroot,security_model=none,readonly=on,multidevs=remap",
    ]  # fmt: skip
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=LIMIT_S, check=True
    )
    return _read(done.stdout)


def _read(output: str) -> Guest:
    lines = output.replace("\r", "").splitlines()
    told = [json.loads(line.removeprefix("RESULT ")) for line in lines if line.startswith("RESULT {")]
    status = [int(line.removeprefix("GUEST_RC=")) for line in lines if line.startswith("GUEST_RC=")]
    return Guest(status[0] if status else None, {step.pop("step"): step for step in told}, "\n".join(lines))
