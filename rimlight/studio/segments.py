"""An output written in short parts, so that a run that was killed goes on where it was and comes out the same.

Parts lie in a hidden folder beside the target. A part that is there is whole: it is renamed when it is finished, then
noted. Every run encodes the same parts, be it broken off or not.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from rimlight.errors import SinkError
from rimlight.realtime.jobs.outputs import FileOutput, Output, PicturesOutput, open_output
from rimlight.realtime.sinks import kind_of
from rimlight.realtime.sinks.base import Sink, StreamInfo
from rimlight.realtime.sinks.options import Options
from rimlight.studio.errors import ProjectError
from rimlight.studio.whole import write_whole

LENGTH = 24  # frames of a part: what a kill costs at most
KINDS = ("file", "pictures", "null")
Others = Literal["refuse", "discard", "restart"]


class Segments:
    """The parts of one output.

    identity: all that the pictures depend on; parts of a run with another are not mixed in: others says whether
    ProjectError speaks of them ("refuse") or they are thrown away ("discard"), or even those of this one ("restart").
    Raises SinkError as the sink would.
    """

    def __init__(
        self, sink: str, info: StreamInfo, options: Options, count: int, identity: Mapping[str, Any],
        *, others: Others = "refuse",
    ) -> None:  # fmt: skip
        if kind_of(sink)[0] not in KINDS:
            raise SinkError(f"the studio writes video files and numbered pictures, not {sink}; give --out out.mov")
        self._count = count
        self._begins: dict[int, float] = {}
        opened = open_output(sink, info, options)
        opened.remove()  # its folder has a name of chance; ours is found again
        self._folder: Path | None = None
        self._output: Output = opened
        if isinstance(opened, (FileOutput, PicturesOutput)):
            self._folder = _folder_of(opened)
            self._output = replace(opened, folder=self._folder / "parts")
            self._take_up({name: str(value) for name, value in identity.items()}, others)

    @property
    def start_s(self) -> float:
        """What is added to every frame's time."""
        return self._output.start_s

    @property
    def frames_done(self) -> int:
        """Frames in parts that are whole."""
        return sum(len(self._range(number)) for number in self._begins)

    def missing(self) -> Iterator[tuple[int, range]]:
        """Number and frames of the parts that are still to be made."""
        for number in range(-(-self._count // LENGTH)):
            if number not in self._begins:
                yield number, self._range(number)

    def part(self, number: int) -> Sink:
        """What the part's frames are written to."""
        return self._output.part(number, number * LENGTH)

    def done(self, number: int, begins_s: float) -> None:
        """Note that a part is whole; begins_s: when its first frame is shown, as written."""
        self._begins[number] = begins_s
        self._note()

    def finish(self) -> None:
        """Make the target of all parts and remove them."""
        begins = [self._begins[number] for number in range(-(-self._count // LENGTH))]
        if isinstance(self._output, FileOutput) and self._folder is not None:
            _linked(self._output, self._folder / "joining").finish(begins)
        else:
            self._output.finish(begins)
        self.remove()

    def remove(self) -> None:
        """Remove all parts."""
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _range(self, number: int) -> range:
        return range(number * LENGTH, min((number + 1) * LENGTH, self._count))

    def _take_up(self, identity: dict[str, str], others: Others) -> None:
        assert self._folder is not None
        self._identity = identity
        noted = None if others == "restart" else _noted(self._folder)
        other = [name for name in identity if noted and noted["identity"].get(name) != identity[name]]
        if other and others == "discard":
            noted = None
        if noted is None:
            shutil.rmtree(self._folder, ignore_errors=True)
            _make(self._folder / "parts")
            self._note()
            return
        if other:
            raise ProjectError(
                f"{self._folder} holds a run that was broken off, with another {' and '.join(other)}; "
                "give the same options to go on with it, --restart to begin anew, or another --out"
            )
        self._begins = {int(number): begins_s for number, begins_s in noted["begins_s"].items()}
        for draft in (self._folder / "parts").glob(".*"):  # of the part that was being written
            draft.unlink()

    def _note(self) -> None:
        if self._folder is not None:
            noted = {"identity": self._identity, "begins_s": self._begins}
            write_whole(self._folder / "run.json", json.dumps(noted, indent=1).encode())


def _folder_of(output: FileOutput | PicturesOutput) -> Path:
    target = output.target if isinstance(output, FileOutput) else output.pattern
    return target.with_name(f".{target.name.replace('%', '')}.studio")


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True)
    except OSError as error:
        raise SinkError(f"the folder {folder} cannot be made: {error.strerror}; choose another --out") from error


def _noted(folder: Path) -> dict[str, Any] | None:
    """What a run noted of itself; None where there is none, or too little to go on with."""
    try:
        noted = json.loads((folder / "run.json").read_text())
    except (OSError, ValueError):
        return None
    whole = isinstance(noted, dict) and {"identity", "begins_s"} <= noted.keys() and (folder / "parts").is_dir()
    return noted if whole else None


def _linked(output: FileOutput, folder: Path) -> FileOutput:
    """The output in another folder, its parts there a second time: joining removes what it has copied."""
    shutil.rmtree(folder, ignore_errors=True)
    _make(folder)
    for part in output.folder.iterdir():
        with suppress(OSError):
            os.link(part, folder / part.name)
        if not (folder / part.name).exists():  # a file system without hard links
            shutil.copyfile(part, folder / part.name)
    return replace(output, folder=folder)
