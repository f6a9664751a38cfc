"""An editor of one video for browsers to talk to, and a hand that draws in its page."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rimlight.studio.project import Project, project_path
from tests.studio.films import centre

from .servers import START_S, STOP_S, free_port

if TYPE_CHECKING:
    from .conftest import OpenTab
    from .tab import Tab

ROOT = Path(__file__).resolve().parents[2]
HEIGHT, WIDTH, FRAMES = 180, 320, 30
TOKEN = "a-token-of-the-tests-alone"
READY = "rimlight.shown === rimlight.wanted && rimlight.saving.idle && !rimlight.propagating"
PLACE = """([y, x]) => {
  const box = document.getElementById("canvas").getBoundingClientRect();
  const { offset, zoom } = rimlight.view;
  return [box.left + offset.x + x * zoom, box.top + offset.y + y * zoom];
}"""
PIXEL = """([y, x]) => {
  const { offset, zoom } = rimlight.view;
  const [left, top] = [offset.x + x * zoom, offset.y + y * zoom];
  const ratio = devicePixelRatio || 1;
  const drawing = document.getElementById("canvas").getContext("2d");
  return [...drawing.getImageData(Math.floor(left * ratio), Math.floor(top * ratio), 1, 1).data];
}"""


class EditorServer:
    """An editor of one video with the stand-in networks; started, killed and started again on the same port."""

    def __init__(self, video: Path) -> None:
        self.video, self.port = video, free_port()
        self.url = f"http://127.0.0.1:{self.port}/#token={TOKEN}"
        self._process: subprocess.Popen[bytes] | None = None
        self._log = video.with_name("editor.log")

    def start(self) -> None:
        """Returns once it answers."""
        command = [sys.executable, "-m", "tests.studio.editor_process", str(self.video), str(self.port), TOKEN]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log, env=os.environ.copy())
        deadline_s = time.monotonic() + START_S
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline_s:
                self.kill()
                raise AssertionError(f"the editor did not start:\n{self._log.read_text()}")
            time.sleep(0.1)

    def kill(self) -> None:
        """As kill -9 does."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait(STOP_S)
            self._process = None

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/", timeout=2) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return False


class Hand:
    """Draws in a tab, in pixels of the video."""

    def __init__(self, tab: Tab) -> None:
        self.tab = tab

    def stroke(self, kind: str, *points: tuple[float, float], size: int = 24) -> None:
        self.tab.page.get_by_test_id(f"class-{kind}").check(force=True)
        self.tab.page.get_by_test_id("size").fill(str(size))
        mouse = self.tab.page.mouse
        places = [self.tab.evaluate(PLACE, point) for point in points]
        mouse.move(*places[0])
        mouse.down()
        for place in places:
            mouse.move(*place, steps=4)
        mouse.up()
        self.tab.wait(READY)

    def person(self, frame: int = 0) -> None:
        """The disc in green, its ground in blue, and unknown between."""
        x, y = centre(frame, HEIGHT, WIDTH)
        self.stroke("backdrop", (12, 8), (12, 312), size=40)
        self.stroke("backdrop", (165, 8), (165, 312), size=40)
        self.stroke("foreground", (y - 8, x - 8), (y + 8, x + 8), size=30)

    def go(self, frame: int) -> None:
        self.tab.evaluate("frame => { rimlight.go(frame); }", frame)
        self.tab.wait(f"rimlight.shown === {frame} && {READY}")


def opened(open_tab: OpenTab, editor: EditorServer, **options: Any) -> tuple[Tab, Hand]:
    tab = open_tab(permissions=(), viewport={"width": 1280, "height": 900}, **options)
    tab.open(editor.url)
    tab.wait(READY)
    return tab, Hand(tab)


def saved(editor: EditorServer) -> Project:
    return Project.load(project_path(editor.video), editor.video)
