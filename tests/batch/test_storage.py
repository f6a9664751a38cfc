"""Stores through fsspec: one in memory, and the local one by its URL."""

from __future__ import annotations

import errno
import importlib.util
import os
import tempfile
import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from rimlight.batch import storage
from rimlight.batch.manifest import Manifest
from rimlight.batch.plan import look_again
from rimlight.errors import MissingExtraError, SinkError, SourceError
from tests.conftest import need

from .runs import HerePool, begun, breaks_off, digests, ended, run_here, states, videos


@pytest.fixture(autouse=True)
def store() -> Iterator[str]:
    """An empty store in memory."""
    need("fsspec", importlib.util.find_spec("fsspec") is not None, "fsspec is not installed")
    import fsspec

    system = fsspec.filesystem("memory")
    yield "memory://bucket"
    system.store.clear()
    system.pseudo_dirs[:] = [""]


def upload(clips: Path, url: str) -> None:
    system, path = storage.filesystem(url)
    system.put(f"{clips}/", path, recursive=True)


def download(url: str, folder: Path) -> Path:
    system, path = storage.filesystem(url)
    for name in system.find(path):
        target = folder / name.removeprefix(path).lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        system.get_file(name, str(target))
    return folder


def test_a_store_gives_the_bytes_that_local_files_give(tmp_path: Path, store: str) -> None:
    clips = videos(tmp_path / "in", short=1)
    upload(clips, f"{store}/in")
    assert set(states(run_here(f"{store}/in", f"{store}/out", state=tmp_path / "state")).values()) == {"done"}
    run_here(clips, tmp_path / "out")
    assert digests(download(f"{store}/out", tmp_path / "fetched")) == digests(tmp_path / "out")
    (work,) = storage.names_in(f"{store}/out/.rimlight")
    assert storage.names_in(f"{store}/out/.rimlight/{work}/parts") == []


def test_a_store_is_gone_on_with(tmp_path: Path, store: str) -> None:
    upload(videos(tmp_path / "in", short=2, long_frames=0), f"{store}/in")
    for source in (f"{store}/in/0.mp4", f"{store}/in/*.mp4"):
        lines = run_here(source, f"{store}/out", state=tmp_path / "state")
    assert states(lines) == {"0.mp4": "done", "1.mp4": "done"}
    assert [line.tries for line in lines.values()] == [0, 0]
    system, path = storage.filesystem(f"{store}/out/0.mp4")
    system.rm(path)
    run_here("", f"{store}/out", state=tmp_path / "state")
    assert system.exists(path)


def test_processes_work_on_urls(tmp_path: Path) -> None:
    clips = videos(tmp_path / "in", short=1)
    run_here(clips, tmp_path / "wanted")
    out = tmp_path / "out"
    process = begun(f"file://{clips}", out, "--workers", 1)
    assert ended(process) == (0, "")
    assert digests(out) == digests(tmp_path / "wanted")


def test_a_store_needs_a_folder_for_the_manifest(tmp_path: Path, store: str) -> None:
    with pytest.raises(SinkError, match="--state"):
        run_here(videos(tmp_path / "in", short=1, long_frames=0), f"{store}/out")


def test_what_is_put_appears_whole_and_leaves_no_draft(tmp_path: Path, store: str) -> None:
    (tmp_path / "a").write_bytes(b"new")
    storage.put(tmp_path / "a", f"{store}/x/a")
    assert storage.names_in(f"{store}/x") == ["a"]
    assert not (tmp_path / "a").exists()
    copy = storage.fetch(f"{store}/x/a", tmp_path)
    assert copy.read_bytes() == b"new"


@pytest.mark.parametrize(
    ("url", "said"), [("nowhere://x/a.mp4", "no store is known as nowhere"), ("memory://none.mp4", "no file")]
)
def test_what_cannot_be_read_is_said(tmp_path: Path, url: str, said: str) -> None:
    with pytest.raises(SourceError, match=said):
        storage.stamp(url)
    with pytest.raises(SourceError, match=said):
        storage.fetch(url, tmp_path)


def test_without_fsspec_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "fsspec", None)
    with pytest.raises(MissingExtraError, match=r"rimlight\[cloud\]"):
        storage.stamp("memory://a.mp4")


@pytest.mark.parametrize("source", ["in", "in/**/*.mp4"])
def test_outputs_below_a_stores_folder_are_never_inputs(tmp_path: Path, store: str, source: str) -> None:
    upload(videos(tmp_path / "in", short=2, long_frames=0), f"{store}/in")
    for _ in range(2):
        lines = run_here(f"{store}/{source}", f"{store}/in/out", state=tmp_path / "state")
    assert states(lines) == {"0.mp4": "done", "1.mp4": "done"}


def test_a_store_that_does_not_answer_costs_no_work(
    tmp_path: Path, store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload(videos(tmp_path / "in", short=0), f"{store}/in")

    with pytest.raises(KeyboardInterrupt):
        run_here(f"{store}/in", f"{store}/out", breaks_off("part", 1), state=tmp_path / "state")
    with Manifest(tmp_path / "state") as manifest, monkeypatch.context() as patch:
        patch.setattr("rimlight.batch.plan.stamp", raises(storage.StoreError("no answer")))
        look_again(manifest)
    pool = HerePool()
    assert states(run_here("", f"{store}/out", pool, state=tmp_path / "state")) == {"sub/long.mp4": "done"}
    assert "begin" not in [item.task for item in pool.given]


def raises(error: Exception) -> Callable[..., None]:
    def answer(*_: object) -> None:
        raise error

    return answer


def test_a_web_address_is_one_video_whatever_it_asks_for(tmp_path: Path) -> None:
    need("aiohttp", importlib.util.find_spec("aiohttp") is not None, "aiohttp is not installed")
    clips = videos(tmp_path / "in", short=1, long_frames=0)
    asked = list[str]()

    class Handler(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            asked.append(f"{self.command} {self.path}")

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=clips)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/0.mp4?token={'a.b/' * 100}"
        assert states(run_here(url, tmp_path / "out")) == {"0.mp4": "done"}
        server.shutdown()
    run_here(clips / "0.mp4", tmp_path / "wanted")
    assert digests(tmp_path / "out") == digests(tmp_path / "wanted")
    assert sum(line.startswith("GET") for line in asked) == 1


def test_a_file_goes_to_another_disk_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    far = Path("/dev/shm")
    need("another file system", far.is_dir() and far.stat().st_dev != tmp_path.stat().st_dev, "no second one here")
    with tempfile.TemporaryDirectory(dir=far) as folder:
        (tmp_path / "a").write_bytes(b"new")
        storage.put(tmp_path / "a", f"{folder}/{'x' * 251}.mp4")  # a name as long as can be
        assert [path.read_bytes() for path in Path(folder).iterdir()] == [b"new"]
        (tmp_path / "b").write_bytes(b"new")
        monkeypatch.setattr(os, "fsync", raises(OSError(errno.ENOSPC, "No space left on device")))
        with pytest.raises(storage.StoreError, match="No space left on device; make room"):
            storage.put(tmp_path / "b", f"{folder}/b")
        assert len(list(Path(folder).iterdir())) == 1
