"""A `rimlight serve` process for browsers to talk to, on a port of its own that stays the same when it is restarted."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

START_S, STOP_S = 60.0, 20.0


class Server:
    """Started, killed and started again by tests; the backend is the fake one: its matte is an ellipse."""

    usual: tuple[str, ...] = ("--backend", "fake", "--drain", "0")

    def __init__(self, folder: Path, *arguments: str) -> None:
        self.port = free_port()
        self.url = f"http://localhost:{self.port}"
        self._log = folder / f"serve-{self.port}.log"
        self._arguments = arguments
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Returns once it answers."""
        command = [
            sys.executable, "-m", "rimlight.cli", "serve", "--port", str(self.port), *self.usual, *self._arguments,
        ]  # fmt: skip
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                command, stdout=log, stderr=log, env=os.environ | {"PYTHONFAULTHANDLER": "1"}
            )
        deadline_s = time.monotonic() + START_S
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline_s:
                self.stop()
                raise AssertionError(f"rimlight serve did not start:\n{self.log()}")
            time.sleep(0.1)

    def ask_to_stop(self) -> None:
        """It is to take nobody new and to end when all have left, or after --drain seconds."""
        assert self._process is not None
        self._process.terminate()

    def freeze(self) -> None:
        """It stops where it is: its connections stay, and nothing is answered."""
        assert self._process is not None
        os.kill(self._process.pid, signal.SIGSTOP)

    def ended(self) -> bool:
        """Whether its process has ended."""
        return self._process is None or self._process.poll() is not None

    def stop(self) -> None:
        """Kill it: it leaves without a word to anybody."""
        if self._process is None:
            return
        self._process.kill()
        self._process.wait(STOP_S)
        self._process = None

    def log(self) -> str:
        """What it said so far."""
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/healthz", timeout=2) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return False


class Gateway(Server):
    """A gateway; its workers are servers with its address."""

    usual = ("--role", "gateway")


def free_port() -> int:
    """A port that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
