"""How many processors this process may keep busy."""

from __future__ import annotations

import os
from pathlib import Path

QUOTA = Path("/sys/fs/cgroup/cpu.max")  # of a container: microseconds of processor in a period, and the period


def processors(quota: Path = QUOTA) -> float:
    """The processors it may run on, or what its container's quota leaves of them (Linux, cgroup v2)."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        most, period = quota.read_text().split()
        return min(float(usable), float(most) / float(period))
    except (OSError, ValueError):  # no container, or "max": no quota
        return float(usable)
