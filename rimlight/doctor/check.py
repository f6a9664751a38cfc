"""What one check says, and the place it looks at."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from platform import release as kernel_release
from typing import Literal, TypeAlias

Status = Literal["ok", "warn", "fail", "absent"]


def own_groups() -> frozenset[str]:
    """Names of the groups this process is in; none where the system has no such thing."""
    if sys.platform == "win32":
        return frozenset()
    import grp

    numbers = {*os.getgroups(), os.getegid()}
    return frozenset(group.gr_name for group in grp.getgrall() if group.gr_gid in numbers)


@dataclass(frozen=True, slots=True)
class Check:
    """One finding: what was looked at, how it is, and what to do about it.

    status: "ok"; "absent" for what need not be there; "warn" for what works badly; "fail" for what is broken.
    """

    name: str
    status: Status
    found: str
    fix: str = ""


@dataclass(frozen=True, slots=True)
class Place:
    """The machine as the checks see it; tests give trees and answers of their own.

    root: where the file system begins. platform: as sys.platform. release: of the kernel. groups: names of the groups
    this process is in. may_open: whether a device may be read and written. may_write: whether a folder may be.
    """

    root: Path = Path("/")
    platform: str = sys.platform
    release: str = field(default_factory=kernel_release)
    environ: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    home: Path = field(default_factory=Path.home)
    groups: frozenset[str] = field(default_factory=own_groups)
    is_root: bool = field(default_factory=lambda: getattr(os, "geteuid", lambda: 1)() == 0)
    may_open: Callable[[Path], bool] = lambda path: os.access(path, os.R_OK | os.W_OK)
    may_write: Callable[[Path], bool] = lambda path: os.access(path, os.W_OK)

    @property
    def linux(self) -> bool:
        return self.platform == "linux"

    def path(self, absolute: str) -> Path:
        """A path of the machine's below the root of this place."""
        return self.root / absolute.lstrip("/")

    def text(self, absolute: str) -> str:
        """What a small file holds, "" if it is not there."""
        path = self.path(absolute)
        return path.read_text(errors="replace").strip() if path.is_file() else ""


Checker: TypeAlias = Callable[[Place], Check]
