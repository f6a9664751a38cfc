"""What the libraries of stores raise is said in a line, a bug is not hidden, and what a dead run left is removed."""

from __future__ import annotations

import asyncio
import importlib.util
import logging
import sys
import tempfile
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from rimlight.batch import storage
from rimlight.batch.items import Item, scratch_folder
from rimlight.batch.plan import Order
from rimlight.batch.run import Means, run_batch
from rimlight.errors import SourceError
from tests.conftest import need

from .runs import DIED, FAKE, HerePool, digests, run_here, states, videos


@pytest.fixture(autouse=True)
def registry() -> Any:
    """Of fsspec."""
    need("fsspec", importlib.util.find_spec("fsspec") is not None, "fsspec is not installed")
    return importlib.import_module("fsspec.registry")


@pytest.fixture
def raised(registry: Any, monkeypatch: pytest.MonkeyPatch) -> list[Exception]:
    """What the store failing:// raises whatever it is asked."""
    from fsspec import AbstractFileSystem

    errors: list[Exception] = []

    class Failing(AbstractFileSystem):  # type: ignore[misc]
        protocol = "failing"

        def info(self, path: str, **_: object) -> None:  # noqa: ARG002 - as it is called
            raise errors[0]

        ls = get_file = put_file = makedirs = rm = info

    monkeypatch.setitem(registry._registry, "failing", Failing)
    return errors


@pytest.mark.parametrize(("module", "name"), storage.LIBRARIES)
def test_an_error_of_a_stores_library_is_said(
    tmp_path: Path, raised: list[Exception], monkeypatch: pytest.MonkeyPatch, module: str, name: str
) -> None:
    base = type(name, (Exception,), {})
    fake = ModuleType(module)
    setattr(fake, name, base)
    monkeypatch.setitem(sys.modules, module, fake)
    raised.append(type("Special", (base,), {})("the quota\n  is used up"))
    (tmp_path / "a").write_bytes(b"a")
    with pytest.raises(storage.StoreError, match=r"^failing://a cannot be read: the quota is used up; check"):
        storage.stamp("failing://a")
    with pytest.raises(storage.StoreError, match=r"^failing://b/a cannot be written: the quota is used up; check"):
        storage.put(tmp_path / "a", "failing://b/a")
    storage.remove("failing://b")


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (asyncio.TimeoutError(), "cannot be read: TimeoutError; check"),
        (PermissionError("Forbidden"), "cannot be read: Forbidden; check"),
        (ValueError("Bad Request: a"), "cannot be read: Bad Request: a; check"),
    ],
)
def test_an_error_of_fsspec_is_said(raised: list[Exception], error: Exception, said: str) -> None:
    raised.append(error)
    with pytest.raises(storage.StoreError, match=said):
        storage.stamp("failing://a")


def test_a_bug_is_not_taken_for_a_stores_refusal(tmp_path: Path, raised: list[Exception]) -> None:
    raised.append(KeyError("a bug"))
    (tmp_path / "a").write_bytes(b"a")
    with pytest.raises(KeyError):
        storage.stamp("failing://a")
    with pytest.raises(KeyError):
        storage.put(tmp_path / "a", "failing://b/a")
    with pytest.raises(KeyError):
        storage.remove("failing://b")


def test_a_store_without_its_package_is_said(registry: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    needs = {"class": "no_such.FileSystem", "err": "Get it"}
    monkeypatch.setitem(registry.known_implementations, "absent", needs)
    with pytest.raises(SourceError, match="absent://a needs a package of its store: Get it"):
        storage.stamp("absent://a")


def test_what_is_raised_is_not_logged_as_well(caplog: pytest.LogCaptureFixture) -> None:
    storage.filesystem("memory://a")
    logging.getLogger("gcsfs").error("what it raises next")
    assert caplog.records == []


def files_below(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_what_a_dead_run_left_is_removed_and_another_batchs_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clips, out, temp = videos(tmp_path / "in", short=2, long_frames=0), tmp_path / "out", tmp_path / "temp"
    temp.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temp))
    monkeypatch.setattr("shutil.rmtree", lambda *_, **__: None)  # what a SIGKILL leaves, at the moment of the move
    with monkeypatch.context() as patch:
        patch.setattr("fsspec.implementations.local.LocalFileSystem.mv", interrupted)
        with pytest.raises(KeyboardInterrupt):
            run_here(clips, f"file://{out}", state=tmp_path / "state")
    (draft,) = files_below(out)
    assert draft.startswith(".rimlight/work-")
    assert files_below(temp)
    others = (out / ".rimlight" / "work-other" / "parts" / "drafts" / "a.part", temp / "rimlight-work-other" / "a.mp4")
    for other in others:
        other.parent.mkdir(parents=True)
        other.write_bytes(b"of a run that lives")
    monkeypatch.undo()
    monkeypatch.setattr(tempfile, "tempdir", str(temp))
    pool = HerePool(instead=lambda _: None if files_below(temp) == {"rimlight-work-other/a.mp4"} else DIED)
    assert set(states(run_here(clips, f"file://{out}", pool, state=tmp_path / "state", tries=1)).values()) == {"done"}
    assert files_below(out) - set(digests(out)) == {others[0].relative_to(out).as_posix()}
    assert files_below(temp) == {others[1].relative_to(temp).as_posix()}


def test_an_interrupted_run_leaves_nothing_of_its_workers_on_the_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def instead(item: Item) -> None:
        folder = scratch_folder(item.scratch or "")
        folder.mkdir()
        (folder / "rest").write_bytes(b"of a worker that was ended")
        raise KeyboardInterrupt

    temp = tmp_path / "temp"
    temp.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temp))
    monkeypatch.setattr("rimlight.batch.run._pool", lambda *_: HerePool(instead=instead))
    clips = videos(tmp_path / "in", short=1, long_frames=0)
    with pytest.raises(KeyboardInterrupt):
        run_batch(Order([str(clips)], f"file://{tmp_path}/out", FAKE, tmp_path / "state"), Means(quiet=True))
    assert list(temp.iterdir()) == []


def interrupted(*_: object, **__: object) -> None:
    raise KeyboardInterrupt
