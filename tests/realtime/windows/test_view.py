from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest

from rimlight.errors import MissingExtraError, SinkError
from rimlight.realtime.windows import View, view

ECHO = """
import sys
say = lambda line: print(line, flush=True)
say("ready")
stream = sys.stdin.buffer
for _ in range(3):
    data = stream.read(int.from_bytes(stream.read(4), "big"))
    assert data.startswith(b"P6 3 2 255\\n") and len(data) == 11 + 18, data
    say("ready")
"""


@pytest.fixture
def screen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "screen.py"
    monkeypatch.setattr(view, "SCREEN", path)
    return path


def never() -> None:
    return None


def test_a_picture_is_sent_for_every_line(screen: Path) -> None:
    screen.write_text(ECHO)
    asked = threading.Semaphore(0)

    def picture() -> np.ndarray:
        asked.release()
        return np.zeros((2, 3, 3), np.uint8)

    shown = View("test", picture)
    assert all(asked.acquire(timeout=30) for _ in range(3))
    shown._process.wait(30)
    assert shown._process.returncode == 0
    assert not shown.open
    shown.close()


def test_a_window_that_hangs_holds_nobody_up(screen: Path) -> None:
    screen.write_text("import time\nprint('ready', flush=True)\ntime.sleep(1000)")
    given = threading.Event()

    def picture() -> np.ndarray:
        given.set()
        return np.zeros((2000, 2000, 3), np.uint8)  # more than a pipe holds

    shown = View("test", picture)
    assert given.wait(30)
    shown.close()
    assert not shown.open


def test_without_tkinter_it_says_what_to_install(screen: Path) -> None:
    screen.write_text("print('missing')")
    with pytest.raises(MissingExtraError, match="python3-tk"):
        View("test", never)


def test_without_a_display_it_is_told() -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DISPLAY", ":99999")
        with pytest.raises(SinkError, match=r"cannot open a window.*display"):
            View("test", never)


def test_a_window_that_never_comes_is_told(screen: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(view, "START_S", 0.05)
    screen.write_text("import time\ntime.sleep(1000)")
    with pytest.raises(SinkError, match=r"within 0\.05 s"):
        View("test", never)
