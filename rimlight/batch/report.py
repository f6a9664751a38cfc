"""The report of a batch: one HTML file that needs nothing else, drawn from the manifest."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable, Iterable, Sequence
from html import escape
from importlib.resources import files
from pathlib import Path, PurePosixPath
from string import Template
from urllib.parse import quote

from rimlight.batch.progress import clock
from rimlight.batch.readings import Readings
from rimlight.batch.storage import is_url, name_of
from rimlight.batch.tables import Line, State
from rimlight.errors import SinkError
from rimlight.files import write_whole

PAGE = "report_page.html"
MOST_ROWS = 500  # of one table; a page with more is no longer read
SLOWEST = 10
BINS = 60  # of the chart of throughput
CHART = (960, 170)  # width, height
COLOURS: dict[State, str] = {
    "done": "var(--good)", "failed": "var(--bad)", "quarantined": "var(--worse)", "running": "var(--work)",
    "pending": "var(--wait)",
}  # fmt: skip


def write_report(manifest: Readings, path: Path, now: Callable[[], float] = time.time) -> None:
    """Write the report so that the path holds all of it, or what it held; raises SinkError."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, render(manifest, now()).encode())
    except OSError as error:
        raise SinkError(f"the report {path} cannot be written: {error.strerror}; make room there") from error


def render(manifest: Readings, now_s: float) -> str:
    """The page."""
    lines, counts, settings = manifest.lines(), manifest.counts(), manifest.settings()
    failed = [line for line in lines if line.state in ("failed", "quarantined")]
    noted = [line for line in lines if line.notes and line.state == "done"]
    slow = sorted((line for line in lines if line.seconds > 0), key=lambda line: -line.seconds)[:SLOWEST]
    page = Template(files("rimlight.batch").joinpath(PAGE).read_text(encoding="utf-8"))
    return page.substitute(
        place=escape(str(settings.get("out", ""))),
        made=time.strftime("%Y-%m-%d %H:%M", time.localtime(now_s)),
        bar=_bar(counts), cards=_cards(lines, counts), chart=_chart(manifest.ended()),
        failures=_section("What failed", _failures(failed)) if failed else "",
        samples=_gallery(lines, manifest.samples(), str(settings.get("out", ""))),
        notes=_section("Done, with a remark", _notes(noted)) if noted else "",
        slowest=_section("What took longest", _slowest(slow)) if slow else "",
        settings=_settings(settings),
    )  # fmt: skip


def _bar(counts: dict[State, int]) -> str:
    whole = max(1, sum(counts.values()))
    parts = [
        f'<i style="width:{100 * count / whole:.3f}%;background:{COLOURS[state]}" title="{count} {state}"></i>'
        for state, count in counts.items()
        if count
    ]
    return "".join(parts)


def _cards(lines: Sequence[Line], counts: dict[State, int]) -> str:
    frames, seconds = sum(line.frames for line in lines), sum(line.seconds for line in lines)
    cards = [
        f'<div class="card"><b style="color:{COLOURS[state]}">{count:,}</b><span>{state}</span></div>'
        for state, count in counts.items()
        if count or state in ("done", "failed")
    ]
    others = {
        f"{frames:,}": "frames", clock(seconds): "of work, all workers together",
        f"{frames / seconds:.1f}" if seconds else "0": "frames/s of one worker",
    }  # fmt: skip
    cards += [f'<div class="card"><b>{value}</b><span>{label}</span></div>' for value, label in others.items()]
    return "".join(cards)


def throughput(ended: Sequence[tuple[float, int, float]], bins: int = BINS) -> tuple[list[float], float]:
    """Frames per second of even spans of time, each step's frames spread over the time it took; and a span's seconds.

    ended: as Readings.ended. Times in which nothing was done, such as between two runs, are left out.
    """
    steps = [(end_s - seconds, end_s, frames) for end_s, frames, seconds in ended if frames and seconds > 0]
    if not steps:
        return [], 0.0
    steps = _without_breaks(sorted(steps))
    first, last = min(step[0] for step in steps), max(step[1] for step in steps)
    span = (last - first) / bins
    found = [0.0] * bins
    for begin_s, end_s, frames in steps:
        rate = frames / (end_s - begin_s)
        for number in range(int((begin_s - first) / span), min(bins, int((end_s - first) / span) + 1)):
            low, high = first + number * span, first + (number + 1) * span
            found[number] += rate * max(0.0, min(high, end_s) - max(low, begin_s)) / span
    return found, span


def _without_breaks(steps: Iterable[tuple[float, float, int]]) -> list[tuple[float, float, int]]:
    """The steps moved together where none was at work; steps: in the order they began."""
    moved: list[tuple[float, float, int]] = []
    cut_s, busy_until = 0.0, None
    for begin_s, end_s, frames in steps:
        if busy_until is not None and begin_s > busy_until:
            cut_s += begin_s - busy_until
        busy_until = end_s if busy_until is None else max(busy_until, end_s)
        moved.append((begin_s - cut_s, end_s - cut_s, frames))
    return moved


def _chart(ended: Sequence[tuple[float, int, float]]) -> str:
    rates, span = throughput(ended)
    if not rates:
        return '<p class="quiet">No frame was written yet.</p>'
    width, height = CHART
    top = max(rates)
    points = [
        (width * (place + 0.5) / len(rates), height - (height - 12) * rate / top) for place, rate in enumerate(rates)
    ]
    path = "M" + " L".join(f"{x:.1f},{y:.1f}" for x, y in points)
    area = f"{path} L{points[-1][0]:.1f},{height} L{points[0][0]:.1f},{height} Z"
    return (
        f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="frames per second over time">'
        f'<path d="{area}" class="area"/><path d="{path}" class="line"/></svg>'
        f'<div class="axis"><span>0:00:00</span><span>highest {top:.1f} frames/s</span>'
        f"<span>{clock(span * len(rates))}</span></div>"
    )


def _section(title: str, body: str) -> str:
    return f"<section><h2>{title}</h2>{body}</section>"


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    head = "".join(f"<th>{escape(text)}</th>" for text in heads)
    body = "".join("<tr>" + "".join(f"<td>{text}</td>" for text in row) + "</tr>" for row in rows[:MOST_ROWS])
    more = len(rows) - MOST_ROWS
    rest = (
        f'<p class="quiet">and {more:,} more; <code>rimlight batch status --json</code> names all</p>'
        if more > 0
        else ""
    )
    return f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>{rest}'


def _failures(lines: Sequence[Line]) -> str:
    rows = [
        (_name(line), f'<span class="tag {line.state}">{line.state}</span>', str(line.tries), escape(line.why))
        for line in lines
    ]
    return _table(("file", "state", "tries", "why"), rows)


def _notes(lines: Sequence[Line]) -> str:
    return _table(
        ("file", "remark"), [(_name(line), escape(line.notes.replace(line.source, "").strip())) for line in lines]
    )


def _slowest(lines: Sequence[Line]) -> str:
    rows = [
        (_name(line), clock(line.seconds), f"{line.frames:,}", f"{line.frames / line.seconds:.1f}", escape(line.device))
        for line in lines
    ]
    return _table(("file", "time", "frames", "frames/s", "ran on"), rows)


def _name(line: Line) -> str:
    """The file with the folders that its output has; where it is in full, under the pointer."""
    name = PurePosixPath(line.out).with_name(name_of(line.source))
    return f'<span title="{escape(line.source)}">{escape(str(name))}</span>'


def _gallery(lines: Sequence[Line], samples: dict[int, bytes], out: str) -> str:
    shown = [line for line in lines if line.id in samples]
    if not shown:
        return ""
    figures = []
    for line in shown:
        data = base64.b64encode(samples[line.id]).decode()
        picture = f'<img alt="{escape(line.out)}" src="data:image/jpeg;base64,{data}">'
        linked = picture if is_url(out) else f'<a href="./{quote(line.out)}">{picture}</a>'
        figures.append(f"<figure>{linked}<figcaption>{escape(line.out)}</figcaption></figure>")
    return _section("A frame of some", f'<div class="gallery">{"".join(figures)}</div>')


def _settings(settings: dict[str, object]) -> str:
    rows = [(escape(name.replace("_", " ")), escape(str(value))) for name, value in settings.items() if name != "key"]
    return _table(("option", "value"), rows)
