"""Tables and charts of README and docs from the records, between markers, so that no figure is typed by hand.

A block is `<!-- bench:NAME -->` … `<!-- /bench:NAME -->`, each marker alone on its line; what is between is made anew.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from rimlight.benchmarks import captions, scale_captions
from rimlight.benchmarks.charts import can_draw, draw_peers, draw_quality, is_drawn_from
from rimlight.benchmarks.machine import ROOT
from rimlight.benchmarks.records import Record, read_record, results_folder, write_whole
from rimlight.benchmarks.scale_chart import draw_scale
from rimlight.errors import SinkError, SourceError

BLOCK = re.compile(r"^<!-- bench:(?P<name>[\w-]+) -->\n.*?^<!-- /bench:(?P=name) -->$", re.MULTILINE | re.DOTALL)
MARKER = re.compile(r"^<!-- /?bench:[\w-]+ -->$", re.MULTILINE)
USUAL_DOCUMENTS = (
    "README.md", "docs/performance.md", "docs/webrtc.md", "docs/cluster.md", "docs/scaling.md", "docs/batch.md",
    "docs/studio.md", "docs/studio-training.md",
)  # fmt: skip
CHARTS: dict[str, Callable[[Record, Path], Path]] = {"peers": draw_peers, "quality": draw_quality, "scale": draw_scale}


class Block(NamedTuple):
    """record: the one it is made from. render: its Markdown."""

    record: str
    render: Callable[[Record], str]


BLOCKS = {
    "peers": Block("peers", captions.peers),
    "endtoend": Block("endtoend", captions.endtoend),
    "stages": Block("latency", captions.stages),
    "streams": Block("latency", captions.streams),
    "macs": Block("macs", captions.macs),
    "quality": Block("quality", captions.quality),
    "memory": Block("memory", captions.memory),
    "serve": Block("serve", captions.serve),
    "gpu": Block("gpu", captions.gpu),
    "studio": Block("studio", captions.studio),
    "studio-edit": Block("studio-edit", captions.studio_edit),
    "gateway": Block("gateway", captions.gateway),
    "batch": Block("batch", captions.batch),
    "scale": Block("scale", scale_captions.scale),
    "scale-costs": Block("scale", scale_captions.scale_costs),
    "scale-gateways": Block("scale", scale_captions.gateways),
    "video-hours": Block("endtoend", scale_captions.hours),
}


@dataclass(frozen=True, slots=True)
class Places:
    """Where records, documents and charts lie."""

    results: Path
    documents: tuple[Path, ...]
    images: Path


def usual_places(
    results: Path | None = None, documents: Sequence[Path] = (), images: Path | None = None
) -> Places:  # fmt: skip
    """The given ones, else those of the checkout. Raises SourceError where a document that was named is not there."""
    for path in documents:
        if not path.is_file():
            raise SourceError(f"no document {path}; give files with bench markers")
    usual = tuple(ROOT / name for name in USUAL_DOCUMENTS)
    return Places(results or results_folder(), tuple(documents) or usual, images or ROOT / "docs" / "images")


def update(places: Places) -> list[Path]:
    """Write every block and chart anew; returns the files that changed.

    A record that is not there leaves a note in its block and no chart. Raises SourceError for a damaged record, an
    unknown block or a marker without its other end, SinkError where a file cannot be written, MissingExtraError where
    there is a chart to draw and no matplotlib.
    """
    records = load_records(places.results)
    changed = []
    for path, text, fresh in _documents(places.documents, records):
        if fresh != text:
            write_whole(path, fresh.encode())
            changed.append(path)
    for path, record, draw in _stale_charts(places.images, records):
        changed.append(draw(record, path))
    return changed


def check(places: Places) -> None:
    """Raise SinkError that names the files which `update` would change."""
    records = load_records(places.results)
    stale = [path.name for path, text, fresh in _documents(places.documents, records) if fresh != text]
    stale += [path.name for path, _, _ in _stale_charts(places.images, records)]
    if stale:
        raise SinkError(f"{', '.join(stale)} do not say what the records say; run: rimlight bench report")


def load_records(folder: Path) -> dict[str, Record]:
    """The records in a folder that blocks are made from, by name; none if there is no folder."""
    names = {block.record for block in BLOCKS.values()}
    return {path.stem: read_record(path) for path in sorted(folder.glob("*.json")) if path.stem in names}


def fill_blocks(text: str, records: dict[str, Record], where: str = "text") -> str:
    """The text with every block written anew; raises SourceError that names where for an unknown or open block."""
    filled = BLOCK.sub(lambda match: _filled(match["name"], records, where), text)
    if len(MARKER.findall(text)) != 2 * len(BLOCK.findall(text)):
        raise SourceError(f"{where} has a bench marker without its other end; write both, each on a line of its own")
    return filled


def _filled(name: str, records: dict[str, Record], where: str) -> str:
    block = BLOCKS.get(name)
    if block is None:
        raise SourceError(f"expected bench blocks out of {', '.join(BLOCKS)}, got {name!r} in {where}")
    record = records.get(block.record)
    body = block.render(record) if record else f"*Not measured yet: run `rimlight bench {block.record}`.*"
    return f"<!-- bench:{name} -->\n{body}\n<!-- /bench:{name} -->"


def _documents(paths: Sequence[Path], records: dict[str, Record]) -> list[tuple[Path, str, str]]:
    """Path, text and fresh text of each document that is there."""
    found = []
    for path in paths:
        if path.is_file():
            text = path.read_text(encoding="utf-8")
            found.append((path, text, fill_blocks(text, records, path.name)))
    return found


def _stale_charts(
    folder: Path, records: dict[str, Record]
) -> list[tuple[Path, Record, Callable[[Record, Path], Path]]]:
    found = []
    for name, draw in CHARTS.items():
        path, record = folder / f"{name}.png", records.get(name)
        if record and can_draw(record) and not is_drawn_from(path, record):
            found.append((path, record, draw))
    return found
