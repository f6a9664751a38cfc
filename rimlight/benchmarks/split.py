"""A file matted by several processes at once, each a share of its frames: the same mattes, bit for bit."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

import cv2

from rimlight.benchmarks.footage import backdrop, clip_file
from rimlight.realtime.jobs import plan_jobs, run_jobs
from rimlight.realtime.session import Settings

if TYPE_CHECKING:
    from rimlight.realtime.stats import Snapshot
    from rimlight.types import Size

FRAMES = 360  # of the file: long enough that the last share to end does not matter much


@dataclass(frozen=True, slots=True)
class SplitRun:
    """How a split run is made; processes and their threads are begun anew for every block."""

    size: Size
    source: Path | None
    sink: str
    backend: str
    jobs: int


class Split:
    """Blocks of a file through `--jobs`; a context manager that keeps the backdrop's file.

    The rate of a block counts from the first frame to the last: the processes' start, some seconds, is not in it.
    """

    def __init__(self, asked: SplitRun) -> None:
        self._asked = asked
        self._folder = tempfile.TemporaryDirectory()
        picture = str(Path(self._folder.name) / "backdrop.png")
        cv2.imwrite(picture, cv2.cvtColor(backdrop(asked.size), cv2.COLOR_RGB2BGR))
        self._settings = Settings(asked.backend, backdrop=picture, threads=1)
        path = asked.source or clip_file(asked.size, FRAMES)
        self._plan = plan_jobs(str(path), asked.sink, asked.jobs)

    def block(self) -> Snapshot:
        """Run the whole file once; raises RimlightError."""
        return run_jobs(self._plan, self._asked.sink, self._settings).snapshot

    def __enter__(self) -> Split:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._folder.cleanup()
