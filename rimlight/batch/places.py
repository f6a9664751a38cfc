"""What the user names to what is to be matted: folders, patterns, lists, tables and URLs to single files."""

from __future__ import annotations

import csv
import glob
import io
import logging
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from rimlight.batch.storage import (
    ABSENT,
    WEB,
    WILD,
    Stamp,
    StoreError,
    below,
    filesystem,
    is_url,
    name_of,
    normal,
    parts_of,
    said,
    stamp,
    stamp_of,
)  # fmt: skip
from rimlight.compose import EdgeOptions
from rimlight.errors import FrameError, SourceError

log = logging.getLogger(__name__)

SUFFIXES = frozenset({
    ".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".ts", ".mts", ".m2ts", ".flv", ".wmv", ".3gp",
    ".ogv", ".mxf", ".y4m", ".h264", ".hevc",
})  # fmt: skip
LOOKS = ("backdrop", "feather", "shift")  # columns of a table that stand in for options
NUMBERS = ("feather", "shift")
COLUMNS = ("source", "out", *LOOKS)
HIDDEN = ".rimlight"  # folder of what a batch knows, below its outputs


@dataclass(frozen=True, slots=True)
class Asked:
    """A file to be matted. source: absolute path or URL. out: name below the folder of outputs, with / between parts.

    look: options of its row in a table, by name.
    """

    source: str
    out: str
    stamp: Stamp
    look: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class _Named:
    """A file and the name that it has below what the user named; the output's own name if out is set."""

    source: str
    name: str
    stamp: Stamp | None = None
    out: str = ""
    look: tuple[tuple[str, str], ...] = ()


def expand(sources: Iterable[str], out: str, suffix: str) -> list[Asked]:
    """All files that the sources name, once each, with the names of their outputs, ending in suffix.

    A source is a video, a folder (all videos in it), a pattern (**/*.mp4), @LIST (a path or URL per line) or a .csv
    with the column source and, as wanted, out, backdrop, feather, shift; paths in lists are relative to the working
    folder. Outputs keep the folders below what was named. What is in the folder of outputs is left out where that is
    below what was named. Raises SourceError where a source has no file, or where two files would have one output or an
    output be one of the files.
    """
    found: dict[str, Asked] = {}
    for source in sources:
        for one in _named(source, out):
            name = one.out or str(PurePosixPath(one.name).with_suffix(suffix))
            _check_name(one)
            found.setdefault(one.source, Asked(one.source, _inside(name), one.stamp or _stamp(one.source), one.look))
    _check(found.values(), out)
    return list(found.values())


def lasting(backdrop: str) -> str:
    """A backdrop's path in full, since workers may be in other folders; whatever is no path as it is."""
    return os.path.abspath(backdrop) if os.path.exists(backdrop) else backdrop


def _named(source: str, out: str) -> Iterator[_Named]:
    if source.startswith("@"):
        return _relative(_Named(normal(line), "") for line in _lines(Path(source[1:])))
    if source.lower().endswith(".csv"):
        return _relative(_rows(Path(source)))
    some = list(_remote(source, out) if is_url(source) else _local(source, out))
    if not some:
        raise SourceError(f"no video in {source}; known endings are {' '.join(sorted(SUFFIXES))}")
    return iter(some)


def _local(source: str, out: str) -> Iterator[_Named]:
    path, outputs = Path(normal(source)), Path(out).resolve()
    if path.is_dir():
        yield from _files_in(path, outputs)
    elif path.exists() or not any(sign in source for sign in WILD):
        yield _Named(str(path), path.name)
    else:
        root = _root(path.parts)
        below_root = Path(*root).resolve() in outputs.parents
        for one in sorted(glob.glob(str(path), recursive=True)):
            if below_root and outputs in (Path(one).resolve(), *Path(one).resolve().parents):
                continue
            if Path(one).is_dir():
                found = _files_in(Path(one), outputs)
                yield from (_Named(file.source, f"{_below(root, one)}/{file.name}") for file in found)
            else:
                yield _Named(one, _below(root, one))


def _files_in(folder: Path, besides: Path) -> Iterator[_Named]:
    """Videos at any depth, without hidden folders and without those of the folder of outputs below."""
    for here, folders, names in os.walk(folder, onerror=_left_out):
        folders[:] = sorted(
            name for name in folders if not name.startswith(".") and Path(here, name).resolve() != besides
        )  # fmt: skip
        for name in sorted(names):
            if Path(name).suffix.lower() in SUFFIXES and not name.startswith("."):
                path = Path(here, name)
                yield _Named(str(path), path.relative_to(folder).as_posix())


def _left_out(error: OSError) -> None:
    log.warning("%s cannot be read and is left out: %s", error.filename, error.strerror)


def _remote(source: str, out: str) -> Iterator[_Named]:
    system, path = filesystem(source)
    if source.startswith(WEB):  # a web server lists no folders, and ? begins a query
        yield _Named(normal(source), name_of(source))
        return
    with said(source):
        is_pattern = any(sign in path for sign in WILD) and not system.exists(path)
        root = "/".join(_root(path.split("/"))) if is_pattern else path.rstrip("/")
        is_file = not is_pattern and not system.isdir(path)
        found = {} if is_file else (system.glob if is_pattern else system.find)(path, detail=True)
    if is_file:
        yield _Named(normal(source), name_of(source))
        return
    outputs = f"{normal(out)}/" if is_url(out) else ""
    skip = outputs if outputs.startswith(f"{system.unstrip_protocol(root)}/") else None
    for name, info in sorted(found.items()):
        place, short = system.unstrip_protocol(name), name[len(root) :].strip("/")
        hidden = any(part.startswith(".") for part in short.split("/"))
        if info.get("type") != "file" or hidden or (skip and place.startswith(skip)):
            continue
        if PurePosixPath(name).suffix.lower() in SUFFIXES:
            yield _Named(place, short, stamp_of(info))


def _lines(path: Path) -> list[str]:
    lines = [line.strip() for line in _text(path).splitlines()]
    return [line for line in lines if line and not line.startswith("#")]


def _rows(path: Path) -> Iterator[_Named]:
    table = csv.DictReader(io.StringIO(_text(path), newline=""))
    try:
        names, rows = table.fieldnames or [], [(table.line_num, row) for row in table]
    except csv.Error as error:
        raise SourceError(f"{path}, line {table.line_num}: {error}; save it as comma-separated UTF-8 text") from error
    if "source" not in names or any(name not in COLUMNS for name in names):
        raise SourceError(
            f"{path}: expected columns source and perhaps {', '.join(COLUMNS[1:])}, got {', '.join(names)}"
        )
    for line, row in rows:
        where = f"{path}, line {line}"
        if not row["source"] or None in row:
            raise SourceError(f"{where}: expected a source and {len(names)} cells, quoted where they hold a comma")
        look = {name: row[name] for name in LOOKS if row.get(name)}
        _check_numbers(look, where)
        if "backdrop" in look:
            look["backdrop"] = lasting(look["backdrop"])
        yield _Named(normal(row["source"]), "", out=row.get("out") or "", look=tuple(look.items()))


def _check_numbers(look: dict[str, str], where: str) -> None:
    for name in NUMBERS:
        if not re.fullmatch(r"-?\d+(\.\d*)?", look.get(name, "0")):
            raise SourceError(f"{where}: expected a number as {name}, got {look[name]}")
    try:
        EdgeOptions(float(look.get("feather", 0)), float(look.get("shift", 0)))
    except FrameError as error:
        raise SourceError(f"{where}: {error}") from error


def _check_name(one: _Named) -> None:
    """Raise SourceError for what has no name, or none that the manifest can hold."""
    try:
        one.source.encode()
    except UnicodeEncodeError as error:
        raise SourceError(f"the name of {os.fsencode(one.source)!r} is no text in UTF-8; rename the file") from error
    if not one.name:
        raise SourceError(f"{one.source} names no file; give the address of a video")


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise SourceError(f"the list {path} cannot be read: {error}; it is to be a text in UTF-8") from error


def _relative(named: Iterable[_Named]) -> Iterator[_Named]:
    """Names below the folder that all of a list have in common."""
    files = list(named)
    parts = [parts_of(one.source) for one in files]
    shortest = min((len(names) - 1 for names in parts), default=0)
    common = next(
        (place for place in range(shortest) if len({names[place] for names in parts}) > 1), shortest
    )  # fmt: skip
    for one, names in zip(files, parts, strict=True):
        yield replace(one, name="/".join(names[common:]))


def _root(parts: Sequence[str]) -> list[str]:
    """The folders of a pattern before the first that is wild."""
    wild = next(place for place, part in enumerate(parts) if any(sign in part for sign in WILD))
    return list(parts[:wild])


def _below(root: list[str], path: str) -> str:
    return Path(path).relative_to(Path(*root)).as_posix()


def _stamp(source: str) -> Stamp:
    try:
        return stamp(source)
    except (SourceError, StoreError):  # its worker says why
        return ABSENT


def _inside(name: str) -> str:
    """The one way to write an output's name; raises SourceError for what is not below the folder of outputs."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or path.parts[:1] in ((), (HIDDEN,)):
        raise SourceError(f"expected an output's name below the folder of outputs, such as a/b.mp4, got {name}")
    return str(path)


def _check(asked: Iterable[Asked], out: str) -> None:
    owners: dict[str, str] = {}
    sources = {one.source for one in asked}
    for one in asked:
        other = owners.setdefault(one.out.casefold(), one.source)
        if other != one.source:
            raise SourceError(
                f"{other} and {one.source} would both be written to {one.out}; name outputs in a .csv, column out"
            )
        if normal(below(out, one.out)) in sources:
            raise SourceError(f"{one.out} in {out} is one of the files to be matted; choose another folder with --out")
