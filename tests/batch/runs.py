"""Videos to mat, batches run in this process or in one of their own, and what came of them."""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from rimlight.batch.board import Board
from rimlight.batch.driver import Driver
from rimlight.batch.items import Failed, Item, attempt
from rimlight.batch.manifest import Manifest
from rimlight.batch.plan import Order, prepare, state_folder
from rimlight.batch.pool import News
from rimlight.batch.tables import Line
from tests.realtime.sources.media import numbered, write_video

DIED = Failed("the process was ended by SIGKILL", final=False)
DUE_S = 120.0  # by when what is waited for has happened
PART_FRAMES = 40
FAKE: Mapping[str, Any] = {"backend": "fake", "detail": 128, "part_frames": PART_FRAMES}
OPTIONS = ("--backend", "fake", "--detail", "128", "--part-frames", str(PART_FRAMES))


class HerePool:
    """Does items in this process, one at a time, as processes would get them; answers may be put in their place."""

    def __init__(
        self, workers: Mapping[str, int] | None = None, instead: Callable[[Item], News | None] = lambda _: None
    ) -> None:
        self.workers = workers or {"cpu": 1}
        self.given: list[Item] = []
        self._instead = instead
        self._waiting: list[tuple[str, int, Item]] = []

    def takes(self, worker: str) -> bool:
        return sum(kind == worker for kind, _, _ in self._waiting) < self.workers[worker]

    def give(self, worker: str, ticket: int, item: Item) -> None:
        item = pickle.loads(pickle.dumps(item))
        self.given.append(item)
        self._waiting.append((worker, ticket, item))

    def news(self, wait_s: float) -> Iterator[tuple[int, News]]:  # noqa: ARG002 - nothing is waited for
        _, ticket, item = self._waiting.pop(0)
        yield ticket, self._instead(item) or attempt(item)

    def __enter__(self) -> HerePool:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing runs on."""


def videos(folder: Path, short: int = 3, long_frames: int = 120) -> Path:
    """Short ones with sound, and in a folder below a long one that is split."""
    (folder / "sub").mkdir(parents=True)
    for number in range(short):
        write_video(folder / f"{number}.mp4", numbered(24 + number), sound="aac")
    if long_frames:
        write_video(folder / "sub" / "long.mp4", numbered(40) * (long_frames // 40), options={"bf": "3"}, sound="aac")
    return folder


def run_here(
    source: Path | str, out: Path | str, pool: HerePool | None = None, *, tries: int = 3, board: Board | None = None,
    state: Path | None = None, restart: bool = False, **choices: Any,
) -> dict[str, Line]:  # fmt: skip
    """A batch with the fake backend; all its inputs by the names of their outputs."""
    order = Order([str(source)] if source else [], str(out), {**FAKE, **choices}, state, tries, restart=restart)
    with Manifest(state_folder(order.out, state)) as manifest:
        recipe, _ = prepare(order, manifest)
        Driver(manifest, pool or HerePool(), recipe, board or Board()).run()
        return {line.out: line for line in manifest.lines()}


def states(lines: Mapping[str, Line]) -> dict[str, str]:
    return {name: line.state for name, line in lines.items()}


def digests(folder: Path) -> dict[str, str]:
    """SHA-256 of every output, by its name below the folder."""
    found = [path for path in folder.rglob("*") if path.is_file() and ".rimlight" not in path.parts]
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in found
        if path.name != "report.html"
    }


def left_over(folder: Path) -> list[str]:
    """What is in the hidden folder besides the manifest and its lock, and drafts among the outputs."""
    hidden = folder / ".rimlight"
    inside = [path for path in hidden.rglob("*") if path.is_file() and ".sqlite" not in path.name]
    return [str(path) for path in (*inside, *folder.rglob("*.part*"))]


def begun(source: Path | str, out: Path, *options: object) -> subprocess.Popen[str]:
    """`rimlight batch` in a process and group of its own, with its events in OUT.jsonl."""
    sources = [source] if source else []
    command = [sys.executable, "-m", "rimlight.cli", "batch", *sources, "--out", out, "--events", events_file(out)]
    return subprocess.Popen(
        list(map(str, [*command, "--quiet", *OPTIONS, *options])), stderr=subprocess.PIPE, text=True,
        start_new_session=True, env=os.environ | {"PYTHONFAULTHANDLER": "1"},
    )  # fmt: skip


def ended(process: subprocess.Popen[str]) -> tuple[int, str]:
    """Exit code and what was said on stderr."""
    _, said = process.communicate(timeout=DUE_S)
    return process.returncode, said


def events_file(out: Path) -> Path:
    return out.with_suffix(".jsonl")


def events(out: Path, event: str = "") -> list[dict[str, Any]]:
    """What has been written so far, of that kind if one is named."""
    path = events_file(out)
    lines = path.read_text().split("\n")[:-1] if path.exists() else []
    found = [json.loads(line) for line in lines]
    return [one for one in found if not event or one["event"] == event]


def wait_for(happened: Callable[[], object], process: subprocess.Popen[str] | None = None) -> None:
    """Wait; fails with what a process said that ended meanwhile."""
    due_s = time.monotonic() + DUE_S
    while not happened():
        assert time.monotonic() < due_s
        assert process is None or process.poll() is None, ended(process)
        time.sleep(0.02)


def dies(times: int, task: str = "part") -> HerePool:
    """A pool whose worker dies so often over one kind of step."""
    left = [times]

    def instead(item: Item) -> News | None:
        if (item.task, item.number) != (task, 0) or left[0] == 0:
            return None
        left[0] -= 1
        return DIED

    return HerePool(instead=instead)


def breaks_off(task: str, number: int = 0) -> HerePool:
    """A pool whose driver is interrupted when it gives that step."""

    def instead(item: Item) -> News | None:
        if (item.task, item.number) == (task, number):
            raise KeyboardInterrupt
        return None

    return HerePool(instead=instead)
