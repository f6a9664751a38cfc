"""How much memory there is for more work, and how much a process has taken."""

from __future__ import annotations

import re
import sys
from pathlib import Path

MEMINFO = Path("/proc/meminfo")
GROUP = Path("/sys/fs/cgroup")  # of this process, where a container holds it to less than the machine has
KIB = 1024


def free_bytes(meminfo: Path = MEMINFO, group: Path = GROUP) -> int | None:
    """Memory that may still be taken, by the machine and by the container; None where the system does not tell."""
    found = re.search(r"^MemAvailable:\s*(\d+) kB", _text(meminfo), re.MULTILINE)
    if found is None:
        return None
    free = int(found[1]) * KIB
    most, used = _text(group / "memory.max").strip(), _text(group / "memory.current").strip()
    if most.isdigit() and used.isdigit():
        cached = re.search(r"^inactive_file (\d+)", _text(group / "memory.stat"), re.MULTILINE)
        free = min(free, int(most) - int(used) + int(cached[1] if cached else 0))
    return max(0, free)


def resident_bytes(pid: int) -> int:
    """Memory that a process has now; 0 where the system does not tell."""
    return _status_bytes(pid, "VmRSS")


def peak_bytes() -> int:
    """The most that this process has had; 0 where the system does not tell."""
    known = _status_bytes("self", "VmHWM")  # rather than what getrusage has, where our parent's may count
    if known or sys.platform == "win32":
        return known
    import resource

    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * KIB


def _status_bytes(pid: int | str, name: str) -> int:
    found = re.search(rf"^{name}:\s*(\d+) kB", _text(Path(f"/proc/{pid}/status")), re.MULTILINE)
    return int(found[1]) * KIB if found else 0


def _text(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""
