"""An export from the editor: begun, followed, broken off.

What was done is taken up by the next export with the same choices.
"""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from rimlight.errors import RimlightError
from rimlight.studio.edit.desk import Desk
from rimlight.studio.errors import ProjectError
from rimlight.studio.matte import Detail, Film, Output, matte_film
from rimlight.studio.work import digest_of

log = logging.getLogger(__name__)

NO_NAME = r"\x00-\x1f/\\:*?\"<>|%"  # what names of files cannot hold everywhere, and what numbers pictures
NAME = re.compile(rf"(?!\.)[^{NO_NAME}]{{1,120}}(\.(mov|webm|mkv|mp4)|/)")
MOST_STEM = 60  # letters of the name that is proposed
BACKDROP = re.compile(r"transparent|blur(:(0(\.\d{1,3})?|1))?|#[0-9a-fA-F]{6}")
InThread = Callable[..., Awaitable[Any]]


@dataclass(slots=True)
class Progress:
    """How far an export is. began_s: of time.perf_counter."""

    state: Literal["none", "running", "done", "failed", "stopped"] = "none"
    name: str = ""
    done: int = 0
    total: int = 0
    taken_up: int = 0
    began_s: float = 0.0
    error: str = ""

    def as_json(self) -> dict[str, Any]:
        """For the page; with frames per second of this run."""
        passed_s = time.perf_counter() - self.began_s
        rate = (self.done - self.taken_up) / passed_s if self.state == "running" and passed_s > 1 else 0.0
        return {
            "state": self.state, "name": self.name, "done": self.done, "total": self.total, "error": self.error,
            "fps": round(rate, 3),
        }  # fmt: skip


class Exporter:
    """One export at a time, in a thread of its own with files of its own: no stroke waits for it.

    in_desk: calls in the desk's thread, which alone knows the marks.
    """

    def __init__(self, desk: Desk, in_desk: InThread) -> None:
        self._desk, self._in_desk = desk, in_desk
        self._thread = ThreadPoolExecutor(1, "rimlight-export")
        self._task: asyncio.Task[None] | None = None
        self.progress = Progress()

    async def begin(self, name: str, backdrop: str, *, beside: bool, replace: bool) -> None:
        """Begin an export to a name beside the video; raises ProjectError for what cannot be."""
        check_choice(name, backdrop)
        frames = await self._in_desk(self._frames, name, backdrop, beside, replace)
        if self._task is not None and not self._task.done():
            raise ProjectError(f"{self.progress.name} is being exported; stop that first")
        total = self._desk.project.survey.count
        self.progress = Progress("running", name, 0, total, began_s=time.perf_counter())
        self._task = asyncio.create_task(self._follow(frames))

    def _frames(self, name: str, backdrop: str, beside: bool, replace: bool) -> Iterator[int]:
        """The export of the marks as they are now, which does nothing until it is asked for its first step."""
        project = self._desk.project
        project.check_video()
        if not project.frames:
            raise ProjectError("no frame is marked yet; draw a trimap or let one be made, then export")
        target = project.video.with_name(name.rstrip("/"))
        if target.exists() and target.samefile(project.video):
            raise ProjectError(f"{name} is the video itself, which is kept; choose another name")
        if target.exists() and not replace:
            raise ProjectError(f"{name} exists beside the video; choose another name, or allow replacing it")
        film = Film(project.video, project.survey, project.footprint.sha256)
        marks = project.marks()
        sink = f"{target}/" if name.endswith("/") else str(target)
        output = Output(sink, backdrop, beside, others="discard")
        detail = Detail(long_side=self._desk.long_side)
        return matte_film(film, self._desk.networks, marks, output, detail, digest_of(marks), self._desk.live)

    async def close(self) -> None:
        """Stop, and end the thread."""
        await self.stop()
        self._thread.shutdown()

    async def stop(self) -> None:
        """Break an export off; its parts stay for the next one."""
        if self._task is not None and not self._task.done():
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def _follow(self, frames: Iterator[int]) -> None:
        progress = self.progress
        try:
            progress.taken_up = progress.done = await self._step(frames)
            while (done := await self._step(frames)) is not None:
                progress.done = done
            progress.state = "done"
        except RimlightError as error:
            progress.state, progress.error = "failed", str(error)
        except asyncio.CancelledError:
            progress.state = "stopped"
            raise
        except Exception as error:  # the task's edge: the page is told, the log has the rest
            log.exception("an export failed")
            progress.state, progress.error = "failed", f"{type(error).__name__}: {error}"
        finally:
            await asyncio.shield(self._run(_end, frames))

    async def _step(self, frames: Iterator[int]) -> Any:
        return await self._run(next, frames, None)

    async def _run(self, function: Callable[..., Any], *arguments: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._thread, function, *arguments)


def proposed_name(video: Path) -> str:
    """A name that an export takes, for a video of any name."""
    stem = re.sub(f"[{NO_NAME}]", "_", video.stem).lstrip(".")[:MOST_STEM]
    return f"{stem or 'video'}.matte.mov"


def check_choice(name: str, backdrop: str) -> None:
    """Raise ProjectError for a name or backdrop that an export does not take."""
    if not NAME.fullmatch(name):
        raise ProjectError(
            "expected a file's name ending in .mov, .webm, .mkv or .mp4, or a folder's name with / at its end; "
            f"it is written beside the video, got {name[:60]!r}"
        )
    if not BACKDROP.fullmatch(backdrop):
        raise ProjectError(f"expected transparent, blur, blur:0.6 or a colour such as #1e90ff, got {backdrop[:40]!r}")


def _end(frames: Iterator[int]) -> None:
    """Let a generator free what it holds."""
    close = getattr(frames, "close", None)
    if close is not None:
        close()
