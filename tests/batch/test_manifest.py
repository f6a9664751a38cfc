"""What becomes of a manifest that is damaged, cannot be written, or is held by another."""

from __future__ import annotations

from pathlib import Path

import pytest

from rimlight.batch.manifest import Manifest
from rimlight.batch.plan import Order
from rimlight.batch.readings import LOCK, NAME, Readings
from rimlight.batch.run import Means, run_batch
from rimlight.errors import SinkError, SourceError

from .runs import FAKE, breaks_off, run_here, videos


def test_a_damaged_manifest_is_said(tmp_path: Path) -> None:
    (tmp_path / NAME).write_text("no manifest " * 99)
    with pytest.raises(SinkError, match=r"manifest\.sqlite cannot be kept: file is not a database"):
        Manifest(tmp_path)
    with pytest.raises(SinkError, match="file is not a database"), Readings(tmp_path) as readings:
        readings.counts()


def test_a_lock_that_cannot_be_had_is_not_taken_for_another_run(tmp_path: Path) -> None:
    (tmp_path / LOCK).mkdir()
    with pytest.raises(SinkError, match="unable to open database file"):
        Manifest(tmp_path)


def test_a_full_disk_ends_the_run_with_one_line_and_the_batch_goes_on_later(tmp_path: Path) -> None:
    def fill() -> None:
        with Manifest(tmp_path) as manifest:
            manifest.keep("a", 1)
            manifest._rows.execute("PRAGMA max_page_count = 1")
            with manifest._all_or_nothing():
                manifest.keep("b", "x" * 100_000)

    with pytest.raises(SinkError, match="database or disk is full; make room"):
        fill()
    with Manifest(tmp_path) as manifest:
        assert manifest.settings() == {"a": 1}


def test_errors_that_are_not_of_the_manifest_stay_what_they_are(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), Manifest(tmp_path):
        _ = 1 / 0


def test_who_is_refused_takes_nothing_from_who_works(tmp_path: Path) -> None:
    """Also at the first moment, when the other has not written anything yet."""
    clips, out = videos(tmp_path / "in", short=1, long_frames=0), tmp_path / "out"
    with Manifest(out / ".rimlight") as manifest:
        with pytest.raises(SinkError, match="another run works on"):
            run_batch(Order([str(clips)], str(out), FAKE), Means(quiet=True))
        assert manifest.folder.is_dir()


def test_an_order_that_cannot_be_leaves_the_files_of_others(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "mine").write_text("not of a batch")
    with pytest.raises(SourceError, match="no video in"):
        run_batch(Order(["*.mp4"], str(tmp_path / "out"), FAKE, tmp_path / "state"), Means(quiet=True))
    assert [path.name for path in (tmp_path / "state").iterdir()] == ["mine"]


def test_the_progress_of_a_split_video_is_known_to_the_next_run(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        run_here(videos(tmp_path / "in", short=0), tmp_path / "out", breaks_off("part", 2))
    with Readings(tmp_path / "out" / ".rimlight") as readings:
        (line,) = readings.lines()
    assert line.count == 120
    assert 0 < line.frames < 120
