"""A run in a process of its own that dies in its middle, as by kill -9: VIDEO OUT FRAMES."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from rimlight.studio.matte import Output, matte_film

from .films import film_of
from .runs import marks_of
from .standin import networks


def main(video: str, out: str, frames: str) -> None:
    film = film_of(Path(video))
    for done in matte_film(film, networks(), marks_of(film), Output(out)):
        if done >= int(frames):
            os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    main(*sys.argv[1:])
