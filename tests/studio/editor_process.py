"""The editor as a process of its own with the stand-in networks, for browsers: VIDEO PORT TOKEN, which may be empty."""

from __future__ import annotations

import sys
from pathlib import Path

from rimlight.realtime.session import Settings
from rimlight.studio.edit.run import Place, edit

from .standin import networks


def main(video: str, port: str, token: str) -> None:
    edit(
        Path(video),
        networks(),
        Settings(backend="fake"),
        Place(int(port), token=token or None),
        say=lambda text: print(text, flush=True),
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
