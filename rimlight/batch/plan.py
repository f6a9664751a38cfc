"""From what the user asks for to a manifest that is ready to be worked on, and the recipe that all inputs share."""

from __future__ import annotations

import logging
import os
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

from rimlight import __version__
from rimlight.backends import chosen
from rimlight.batch.driver import Recipe
from rimlight.batch.items import Item
from rimlight.batch.manifest import Manifest
from rimlight.batch.places import HIDDEN, Asked, expand, lasting
from rimlight.batch.storage import ABSENT, Stamp, StoreError, below, is_url, normal, present, remove, stamp
from rimlight.batch.tables import Line
from rimlight.compose import EdgeOptions
from rimlight.errors import SinkError, SourceError
from rimlight.realtime.backdrops import open_backdrop
from rimlight.realtime.session import Settings
from rimlight.realtime.sinks.formats import choose
from rimlight.realtime.sinks.options import Alpha, Options

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Choices:
    """All that decides what outputs look like, to the last bit; kept in the manifest, and not to be mixed.

    detail: internal long side. threads: of each worker's network and encoder. batch: 0 for 1 on processors, and for
    what a probe finds on other devices. kind: ending of the outputs.
    """

    backend: str = "auto"
    backdrop: str = "blur"
    feather: float = 0.0
    shift: float = 0.0
    decontaminate: bool = True
    detail: int = 512
    threads: int = 1
    batch: int = 0
    side_by_side: bool = False
    sound: bool = True
    part_frames: int = 900
    kind: str = ".mp4"


@dataclass(frozen=True, slots=True)
class Order:
    """What to mat, where to, and how. state: folder of the manifest, None for one below out. given: choices by name.

    overwrite: whether outputs may take the place of files that no batch knows of. restart: forget what was done.
    """

    sources: Sequence[str]
    out: str
    given: Mapping[str, Any]
    state: Path | None = None
    tries: int = 3
    overwrite: bool = False
    restart: bool = False


def state_folder(out: str, state: Path | None) -> Path:
    """Where the manifest of a folder of outputs is; raises SinkError for a URL without a state folder."""
    if state is not None:
        return state
    if is_url(out):
        raise SinkError(f"what a batch knows is kept on this machine; name a folder for it: --state, besides {out}")
    return Path(os.path.abspath(out)) / HIDDEN


def prepare(order: Order, manifest: Manifest) -> tuple[Recipe, Choices]:
    """Bring the manifest up to date with an order; raises SourceError and SinkError for what cannot be done."""
    out = normal(order.out)
    known, lines = manifest.settings(), manifest.lines()
    choices = _choices(order, known)
    settings = _settings(choices)
    asked = expand(order.sources, out, choices.kind)
    alphas = _alphas(asked, [] if order.restart else lines, choices)
    if not order.overwrite:
        ours = {line.out for line in lines}
        _check_foreign([one.out for one in asked if one.out not in ours], out)
    if order.restart:  # as late as this, so that an order that cannot be done leaves what is known
        manifest.clear()
        remove(_work(out, known.get("key", "")))
    manifest.settle(asdict(choices) | {"out": out})
    key = _key(manifest)
    added = manifest.add(asked)
    if added.changed:
        log.warning("%d files were changed since the batch looked at them; they are matted anew", added.changed)
    if not order.sources:
        _notice_changes(manifest)
    _look_for_lost(manifest, out)
    work = _work(out, key)
    item = Item(
        "begin", settings, scratch=None if is_url(out) else below(work, "scratch"),
        options=Options(threads=choices.threads), sound=choices.sound, part_frames=choices.part_frames,
    )  # fmt: skip
    return Recipe(item, out, below(work, "parts"), alphas, order.tries), choices


def look_again(manifest: Manifest) -> int:
    """Put what failed back on the list, anew where its file was changed; returns how many inputs that are."""
    count = manifest.retry()
    _notice_changes(manifest)
    return count


def _work(out: str, key: str) -> str:
    """The folder of what is not finished. Every batch has its own, so that no worker of another's writes into it."""
    return below(below(out, HIDDEN), f"work-{key}")


def _key(manifest: Manifest) -> str:
    """What tells this batch from all others; remembers also which rimlight it is that works on it.

    Another version may compute other bits, so what it finds half-done it begins anew.
    """
    known = manifest.settings()
    before = known.get("version", __version__)
    if before != __version__:
        log.warning("the batch was begun by rimlight %s, this is %s; what is not done begins anew", before, __version__)
        manifest.begin_anew(_asked(line) for line in manifest.lines() if line.state != "done")
    manifest.keep("version", __version__)
    if "key" not in known:
        manifest.keep("key", uuid.uuid4().hex[:12])
    return str(manifest.settings()["key"])


def _notice_changes(manifest: Manifest) -> None:
    """Begin anew what is not done and was changed since."""
    now = [(line, _asked(line)) for line in manifest.lines() if line.state != "done"]
    manifest.begin_anew(one for line, one in now if not one.stamp.agrees(Stamp(line.size, line.mark)))


def _choices(order: Order, known: dict[str, Any]) -> Choices:
    """What was chosen: by the batch that goes on where no sources are named, and by the options that are given."""
    before = {name: known[name] for name in asdict(Choices()) if name in known}
    if not order.sources and order.restart:
        raise SourceError("--restart forgets what was named before; name the files or folders to mat")
    if not order.sources and not before:
        raise SourceError(f"no batch in {order.out} to go on with, and no sources; name files or folders to mat")
    choices = Choices(**((before if not order.sources else {}) | dict(order.given)))
    return replace(choices, backend=chosen(choices.backend), backdrop=lasting(choices.backdrop))


def _alphas(asked: Sequence[Asked], lines: Sequence[Line], choices: Choices) -> dict[str, Alpha]:
    """How transparency is written, by backdrop; raises BackdropError, SinkError before any work is done in vain."""
    outs = [(one.out, dict(one.look)) for one in asked] + [(line.out, line.look) for line in lines]
    found: dict[str, Alpha] = {choices.backdrop: _alpha(choices.backdrop, choices)}
    for suffix, backdrop in sorted({
        (PurePosixPath(out).suffix, look.get("backdrop", choices.backdrop)) for out, look in outs
    }):  # fmt: skip
        if backdrop not in found:
            found[backdrop] = _alpha(backdrop, choices)
        choose(Path(f"out{suffix}"), Options(found[backdrop]))
    return found


def _alpha(backdrop: str, choices: Choices) -> Alpha:
    opened = open_backdrop(backdrop)
    opened.close()
    return opened.transparent and ("side-by-side" if choices.side_by_side else True)


def _settings(choices: Choices) -> Settings:
    edges = EdgeOptions(choices.feather, choices.shift, choices.decontaminate)
    return Settings(
        choices.backend, choices.backdrop, edges, long_side=choices.detail, batch=choices.batch, threads=choices.threads
    )


def _check_foreign(names: Sequence[str], out: str) -> None:
    """Raise SinkError where an output would replace a file that this batch did not write."""
    foreign = present(out, names)
    if foreign:
        raise SinkError(f"{below(out, min(foreign))} exists; choose another --out, or allow it with --overwrite")


def _look_for_lost(manifest: Manifest, out: str) -> None:
    """Mat anew what was done and is no longer there."""
    done = [line for line in manifest.lines() if line.state == "done"]
    there = present(out, [line.out for line in done])
    lost = [line for line in done if line.out not in there]
    if lost:
        log.warning("%d outputs, such as %s, are gone; they are made anew", len(lost), lost[0].out)
        manifest.begin_anew(_asked(line) for line in lost)


def _asked(line: Line) -> Asked:
    try:
        now = stamp(line.source)
    except SourceError:
        now = ABSENT
    except StoreError:  # that the store does not answer just now says nothing of the file
        now = Stamp(line.size, line.mark)
    return Asked(line.source, line.out, now, tuple(line.look.items()))
