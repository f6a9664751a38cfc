"""Engines that were built before, in the user's cache folder, each under all that it depends on.

An engine is good for one GPU, driver, library and graph. Whatever cannot be used is said in the log and built again.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

from rimlight.backends.tensorrt_compat import Library
from rimlight.errors import WeightsError
from rimlight.files import cache_folder, mark_used, trim
from rimlight.gpu.resources import DeviceInfo
from rimlight.graph.engine_file import read_engine, write_engine

log = logging.getLogger(__name__)
Loaded = TypeVar("Loaded")


def engines_folder() -> Path:
    """Where engines are kept, until newer ones need their place: rimlight/engines in the user's cache."""
    return cache_folder("engines")


def notes_of(library: Library, device: DeviceInfo, graph: bytes, **more: object) -> dict[str, str]:
    """All that an engine depends on, by name; more: what people want to know of it besides."""
    major, minor = device.capability
    return {
        "kind": library.kind, "library": library.version, "gpu": device.name, "capability": f"{major}.{minor}",
        "driver": str(device.driver_version), "graph_sha256": hashlib.sha256(graph).hexdigest(),
        **{name: str(value) for name, value in more.items()},
    }  # fmt: skip


def engine_path(notes: Mapping[str, str], where: Path | None = None) -> Path:
    """The file of an engine with these notes."""
    return (where or engines_folder()) / f"{_key(notes, tuple(notes))}.engine"


def timings_path(notes: Mapping[str, str], where: Path | None = None) -> Path:
    """The file of timings, which all graphs share that are built for the same GPU by the same library."""
    return (where or engines_folder()) / f"{_key(notes, ('kind', 'library', 'gpu', 'capability', 'driver'))}.timings"


def found_or_built(
    path: Path, notes: Mapping[str, str], load: Callable[[bytes], Loaded], build: Callable[[], bytes]
) -> Loaded:
    """The engine in that file, loaded, or a new one, which is then kept there.

    load: raises WeightsError for a plan that is not to be used. Raises what build does, and WeightsError where not
    even the new engine can be loaded.
    """
    if path.is_file():
        try:
            file = read_engine(path)
            if file.notes != dict(notes):
                raise WeightsError("it was built for something else")
            loaded = load(file.plan)
            mark_used(path)
            return loaded
        except WeightsError as error:
            log.warning("the engine %s is not used: %s; it is built again", path.name, error)
    plan = build()
    loaded = load(plan)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_engine(path, notes, plan)
        trim(path.parent)
    except OSError as error:
        log.warning("%s cannot be written (%s); the engine is built again at every start", path, error.strerror)
    return loaded


def _key(notes: Mapping[str, str], names: tuple[str, ...]) -> str:
    text = "\n".join(f"{name}={notes[name]}" for name in sorted(names))
    return hashlib.sha256(text.encode()).hexdigest()[:32]
