"""Files by path or URL: looked at, fetched, put in place whole. URLs go through fsspec, the extra "cloud"."""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
import sys
import tempfile
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from stat import S_ISREG
from typing import Any
from urllib.parse import unquote, urlsplit

from rimlight.errors import MissingExtraError, RimlightError, SourceError

WEB = ("http://", "https://")
WHOLE = ("s3://", "s3a://", "gs://", "gcs://", "az://", "abfs://", "abfss://")  # show an object once all of it is there
FACTS = ("ETag", "etag", "md5Hash", "mtime")  # that stores give in lists as well as for one file; any will do
WILD = "*?["
LIBRARIES = (  # of stores, and the bases of the errors that fsspec's file systems let through besides OSError
    ("aiohttp", "ClientError"),
    ("azure.core.exceptions", "AzureError"),
    ("botocore.exceptions", "BotoCoreError"),
    ("botocore.exceptions", "ClientError"),
    ("gcsfs.retry", "ChecksumError"),
    ("gcsfs.retry", "HttpError"),
    ("google.auth.exceptions", "GoogleAuthError"),
    ("paramiko", "SSHException"),
)


class StoreError(RimlightError):
    """A store or disk did not give or take a file just now; trying again may help."""


@dataclass(frozen=True, slots=True)
class Stamp:
    """What a file was like when it was looked at. size: None, and mark: "", where the store did not tell."""

    size: int | None
    mark: str

    def agrees(self, other: Stamp) -> bool:
        """Whether the file may be the same as at another time, by all that was told at both."""
        sizes = None in (self.size, other.size) or self.size == other.size
        marks = "" in (self.mark, other.mark) or self.mark == other.mark
        return sizes and marks and (self == ABSENT) == (other == ABSENT)


ABSENT = Stamp(None, "")  # of what is not there: it is matted in vain, and so has its place in the report


def is_url(place: str) -> bool:
    """Whether a place is a URL, such as s3://bucket/clip.mp4, and not a path."""
    return "://" in place


def below(folder: str, name: str) -> str:
    """The place of that name, with / between its parts, in a folder."""
    return f"{folder.rstrip('/')}/{name}" if is_url(folder) else str(Path(folder, *PurePosixPath(name).parts))


def filesystem(url: str) -> tuple[Any, str]:
    """The fsspec file system of a URL, and the path in it; raises MissingExtraError, SourceError, StoreError."""
    try:
        import fsspec
    except ImportError as error:
        raise MissingExtraError(url, "fsspec", "cloud") from error
    scheme = url.partition("://")[0].partition("::")[0]
    try:
        fsspec.get_filesystem_class(scheme)
        with said(url):
            found: tuple[Any, str] = fsspec.core.url_to_fs(url)
    except ImportError as error:
        raise SourceError(f"{url} needs a package of its store: {error}") from error
    except ValueError as error:
        raise SourceError(
            f"{url} cannot be reached: no store is known as {scheme}; give s3://, gs://, http…"
        ) from error
    logging.getLogger("gcsfs").setLevel(logging.CRITICAL)  # it logs, with a traceback, what it raises
    found[0].invalidate_cache()  # what it listed a while ago may have changed
    return found


def normal(place: str) -> str:
    """A place in full, so that one file has one name; raises as filesystem does."""
    if not is_url(place):
        return os.path.abspath(place.removeprefix("file:"))
    system, path = filesystem(place)
    return str(system.unstrip_protocol(path))


def parts_of(place: str) -> tuple[str, ...]:
    """The folders and the name of a file, without what a web address asks after its ?, and without a password."""
    if place.startswith(WEB):
        url = urlsplit(place)
        place = f"{url.scheme}/{url.netloc.rpartition('@')[2]}{unquote(url.path)}"
    return tuple(part for part in place.replace(os.sep, "/").replace("://", "/").split("/") if part)


def name_of(place: str) -> str:
    """The name of a file without its folders; "" of the root of all."""
    return "".join(parts_of(place)[-1:])


@contextmanager
def said(place: str) -> Iterator[None]:
    """Say what a place's store or disk raises: SourceError of what is not there, StoreError of a store that fails."""
    try:
        yield
    except FileNotFoundError as error:
        raise SourceError(f"no file {place}; check the path") from error
    except _refusals(place) as error:
        kind = StoreError if is_url(place) else SourceError
        raise kind(f"{place} cannot be read: {_reason(error)}; check the store and its permissions") from error


def stamp(place: str) -> Stamp:
    """Size and mark of a file; raises SourceError where there is none, StoreError."""
    with said(place):
        if not is_url(place):
            known = os.stat(place)
            if not S_ISREG(known.st_mode):  # a pipe would never end
                raise SourceError(f"{place} is no file; name a video, or a folder of videos by itself")
            return Stamp(known.st_size, str(known.st_mtime_ns))
        system, path = filesystem(place)
        return stamp_of(system.info(path))


def stamp_of(info: dict[str, Any]) -> Stamp:
    """The stamp of a file as fsspec describes it."""
    return Stamp(info.get("size"), next((str(info[name]) for name in FACTS if info.get(name)), ""))


def fetch(place: str, folder: Path) -> Path:
    """A path to read a file from: its own, or of a copy in the folder; raises SourceError, StoreError."""
    if not is_url(place):
        return Path(place)
    system, path = filesystem(place)
    copy = folder / f"{uuid.uuid4().hex}{PurePosixPath(name_of(place)).suffix}"
    with said(place):
        system.get_file(path, str(copy))
    return copy


def put(path: Path, place: str, drafts: str = "") -> None:
    """Move a file to its place, where it appears whole or not at all; raises StoreError.

    drafts: folder in the same store for what is not whole yet, "" for beside the place.
    """
    advice = "check that its store is there and may be written to" if is_url(place) else "make room"
    try:
        if place.startswith(WHOLE):
            system, target = filesystem(place)
            system.put_file(str(path), target)
            path.unlink()
        elif is_url(place):
            _upload(path, place, below(drafts or place.rpartition("/")[0], f"{uuid.uuid4().hex}.part"))
        else:
            _move(path, Path(place))
    except _refusals(place) as error:
        raise StoreError(f"{place} cannot be written: {_reason(error)}; {advice}, or choose another folder") from error


def check_takes(folder: str) -> None:
    """Put a file of a few bytes into a folder and remove the folder; raises StoreError where it cannot be put."""
    with tempfile.TemporaryDirectory(prefix="rimlight-") as near:
        trial = Path(near, "trial")
        trial.write_bytes(b"trial")
        put(trial, below(folder, trial.name))
    remove(folder)


def remove(folder: str) -> None:
    """Remove a folder with all that is in it, if it is there; what a store does not let go of now stays."""
    if not is_url(folder):
        shutil.rmtree(folder, ignore_errors=True)
        return
    system, path = filesystem(folder)
    with suppress(*_refusals(folder)):
        if not (folder.startswith(WHOLE) and any(sign in path for sign in WILD)):
            system.rm(path, recursive=True)
            return
        for name in system.find(path):  # rm would take the path for a pattern
            system.rm_file(name)


def names_in(folder: str) -> list[str]:
    """Names of the folders and files in a folder, none where there is no such folder; raises StoreError."""
    if not is_url(folder):
        return os.listdir(folder) if Path(folder).is_dir() else []
    system, path = filesystem(folder)
    with said(folder):
        found = system.ls(path, detail=False) if system.isdir(path) else []
    return [name.rstrip("/").rpartition("/")[2] for name in found]


def present(folder: str, names: Iterable[str]) -> set[str]:
    """Which of the names, with / between their parts, a folder has files of; raises StoreError."""
    if not is_url(folder):
        return {name for name in names if Path(below(folder, name)).exists()}
    system, path = filesystem(folder)
    with said(folder):
        found = system.find(path) if system.isdir(path) else []
    root = path.rstrip("/") + "/"
    return {name.removeprefix(root) for name in found} & set(names)


def _upload(path: Path, place: str, draft: str) -> None:
    system, target = filesystem(place)
    _, near = filesystem(draft)
    for one in (near, target):
        system.makedirs(one.rpartition("/")[0], exist_ok=True)
    system.put_file(str(path), near)
    system.mv(near, target)
    path.unlink()


def _move(path: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if path.stat().st_dev == target.parent.stat().st_dev:
        _place(path, target)
        return
    near = target.with_name(f".{uuid.uuid4().hex}.part")
    try:
        shutil.move(path, near)
        _place(near, target)
    finally:
        near.unlink(missing_ok=True)


def _place(path: Path, target: Path) -> None:
    with path.open("r+b") as file:
        os.fsync(file.fileno())  # or a machine that goes down could keep the name and lose what it names
    path.replace(target)


def _refusals(place: str) -> tuple[type[Exception], ...]:
    """What a place's disk or store raises when it refuses. A library that was not imported cannot have raised.

    ValueError: of names, addresses and answers that a store or its library does not accept.
    """
    if not is_url(place):
        return (OSError,)
    bases = (getattr(sys.modules.get(module), name, None) for module, name in LIBRARIES)
    return (OSError, ValueError, asyncio.TimeoutError, *(base for base in bases if base is not None))


def _reason(error: Exception) -> str:
    """What an error says, on one line."""
    return " ".join(str(getattr(error, "strerror", None) or error or "").split()) or type(error).__name__
