"""An engine that `rimlight export` wrote, checked against what it is to run for and on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import cast, get_args

from rimlight.backends.tensorrt_compat import TITLES, Kind, Library, library
from rimlight.errors import BackendError, FrameError, WeightsError
from rimlight.graph.engine_file import read_engine
from rimlight.graph.metadata import Metadata, check_signature, parsed
from rimlight.graph.streams import Streams
from rimlight.signature import CallShape
from rimlight.types import Size


@dataclass(frozen=True, slots=True)
class GivenEngine:
    """name: of the file. kind, version: of the library that built it. targets: compute capabilities that it names."""

    name: str
    metadata: Metadata
    kind: Kind
    version: str
    targets: tuple[str, ...]
    plan: bytes

    @property
    def precision(self) -> str:
        return self.metadata.precision or "f32"

    @property
    def frames(self) -> int:
        return self.metadata.fixed_batch or 1

    @property
    def streams(self) -> Streams:
        return Streams.parse(self.metadata.streams or "1")

    def library(self) -> Library:
        """The library that built it; raises MissingExtraError without it, BackendError for another version of it."""
        found = library(self.kind)
        if found.version != self.version:
            raise BackendError(
                f"{self.name} was built by {TITLES[self.kind]} {self.version}, and {found.version} is installed; "
                f"build it again with rimlight export {self.kind}"
            )
        return found

    def check_size(self, size: Size) -> None:
        """Raise FrameError for another internal size."""
        if self.metadata.fixed_size != size:
            raise FrameError(
                f"{self.name} is for {self.metadata.size}, got {size}; export an engine with --size {size}, or open it "
                "at its own"
            )

    def check_capability(self, capability: str, gpu: str) -> None:
        """Raise BackendError for a GPU that it was not built for, as far as it says."""
        if self.targets and capability not in self.targets:
            raise BackendError(
                f"{self.name} is for compute capability {', '.join(self.targets)}, and {gpu} has {capability}; "
                f"export an engine with --sm {capability.replace('.', '')}"
            )

    def check_call(self, shape: CallShape, streams: Streams) -> None:
        """Raise FrameError for calls of that shape, or of any of those numbers of streams, if it does not take them."""
        if self.frames != shape.frames:
            raise FrameError(
                f"{self.name} takes {self.frames} frames per call, got {shape.frames}; export an engine with --batch "
                f"{shape.frames}, or open it at its own"
            )
        if not self.streams.least <= streams.least <= streams.most <= self.streams.most:
            raise FrameError(
                f"{self.name} takes {self.streams} streams per call, got {streams}; export an engine with --streams "
                f"{streams}"
            )


def read_given(path: Path) -> GivenEngine:
    """An exported engine, verified as far as that goes without its library.

    Raises WeightsError for a file that is missing, damaged or not an exported engine, or for another signature.
    """
    file = read_engine(path)
    kind, version = file.notes.get("kind"), file.notes.get("library")
    metadata = check_signature(parsed(file.notes, path.name), path.name)
    if kind not in get_args(Kind) or not version or metadata.fixed_size is None:
        raise WeightsError(f"{path.name} does not say its library and size; build it again with rimlight export")
    targets = tuple(filter(None, file.notes.get("targets", "").split(",")))
    return GivenEngine(path.name, metadata, cast("Kind", kind), version, targets, file.plan)
