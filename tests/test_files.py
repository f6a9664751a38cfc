"""Files of the cache are there whole or not at all, and never too many."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from rimlight.files import cache_folder, mark_used, read_if_there, trim, write_if_possible, write_whole


def used(folder: Path, name: str, second: int, size_bytes: int = 1) -> Path:
    """A file that was last used in that second."""
    path = folder / name
    path.write_bytes(bytes(size_bytes))
    os.utime(path, (second, second))
    return path


def names(folder: Path) -> list[str]:
    return sorted(os.listdir(folder))


def test_those_not_used_for_longest_go_first(tmp_path: Path) -> None:
    for second, name in enumerate("dbcae"):
        used(tmp_path, name, second)
    trim(tmp_path, most_files=2)
    assert names(tmp_path) == ["a", "e"]


def test_large_files_leave_room_for_fewer(tmp_path: Path) -> None:
    for second, name in enumerate("abcd"):
        used(tmp_path, name, second, 100)
    trim(tmp_path, most_bytes=299)
    assert names(tmp_path) == ["c", "d"]
    trim(tmp_path, most_bytes=10)
    assert names(tmp_path) == ["d"], "the newest stays"


@pytest.mark.parametrize("use", [read_if_there, mark_used])
def test_what_is_used_stays(use: object, tmp_path: Path) -> None:
    paths = [used(tmp_path, name, second) for second, name in enumerate("abc")]
    assert callable(use)
    use(paths[0])
    trim(tmp_path, most_files=2)
    assert names(tmp_path) == ["a", "c"]


def test_only_files_of_the_folder_itself_are_removed(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    used(tmp_path / "folder", "inside", 0)
    (tmp_path / "link").symlink_to(tmp_path / "folder" / "inside")
    used(tmp_path, "a", 1), used(tmp_path, "b", 2)
    trim(tmp_path, most_files=1)
    assert names(tmp_path) == ["b", "folder", "link"]
    assert names(tmp_path / "folder") == ["inside"]


def test_a_folder_that_is_not_there_has_nothing_to_remove(tmp_path: Path) -> None:
    trim(tmp_path / "gone")
    assert not (tmp_path / "gone").exists()


def test_whoever_reads_sees_one_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "f"
    contents = [bytes([number]) * 100_000 for number in range(8)]
    with ThreadPoolExecutor(4) as pool:
        done = [pool.submit(write_whole, path, content) for content in contents]
        found = [read_if_there(path) for _ in range(50)]
        for one in done:
            one.result()
    assert set(found) <= {b"", *contents}
    assert names(tmp_path) == ["f"]


def test_what_cannot_be_written_costs_time_only(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").touch()
    write_if_possible(tmp_path / "file" / "inside", b"")
    assert "the next start takes longer" in caplog.text
    assert read_if_there(tmp_path / "file" / "inside") == read_if_there(None) == b""
    with pytest.raises(OSError):
        write_whole(tmp_path / "gone" / "f", b"")
    assert names(tmp_path) == ["file"]


def test_the_cache_is_the_users(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("LOCALAPPDATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder("engines") == tmp_path / "rimlight" / "engines"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setattr(Path, "home", lambda: tmp_path / "home")
    assert cache_folder("gpu") == tmp_path / "home" / ".cache" / "rimlight" / "gpu"
