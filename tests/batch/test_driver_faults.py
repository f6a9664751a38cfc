"""Steps whose worker dies, inputs that are given up and tried again, and which worker an input stays with."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from rimlight.batch.items import Failed, Item, attempt
from rimlight.batch.manifest import Manifest
from rimlight.batch.plan import look_again
from rimlight.batch.pool import News
from tests.realtime.sources.media import numbered, write_video

from .runs import DIED, HerePool, breaks_off, dies, digests, run_here, states, videos


@pytest.mark.parametrize("task", ["begin", "part", "join"])
def test_a_dead_workers_step_is_done_again_with_the_same_bytes(tmp_path: Path, task: str) -> None:
    clips = videos(tmp_path / "in", short=1)
    run_here(clips, tmp_path / "one")
    lines = run_here(clips, tmp_path / "two", dies(2, task))
    assert set(states(lines).values()) == {"done"}
    assert sum(line.tries for line in lines.values()) == 2
    assert digests(tmp_path / "one") == digests(tmp_path / "two")


def test_a_join_that_could_not_put_its_output_in_place_keeps_the_parts(tmp_path: Path) -> None:
    clips = videos(tmp_path / "in", short=0)
    (tmp_path / "full").write_text("no folder, so nothing can be put below")
    left = [1]

    def instead(item: Item) -> News | None:
        if item.task != "join" or not left:
            return None
        left.clear()
        return attempt(replace(item, out=str(tmp_path / "full" / "long.mp4")))

    (line,) = run_here(clips, tmp_path / "out", HerePool(instead=instead)).values()
    assert (line.state, line.tries) == ("done", 1)


def test_an_input_that_breaks_its_workers_is_quarantined_and_can_be_tried_again(tmp_path: Path) -> None:
    clips = videos(tmp_path / "in", short=2)
    lines = run_here(clips, tmp_path / "out", dies(3))
    assert states(lines) == {"0.mp4": "done", "1.mp4": "done", "sub/long.mp4": "quarantined"}
    assert lines["sub/long.mp4"].reason == DIED.reason
    pool = HerePool()
    run_here(clips, tmp_path / "out", pool)
    assert pool.given == []
    with Manifest(tmp_path / "out" / ".rimlight") as manifest:
        assert look_again(manifest) == 1
    lines = run_here("", tmp_path / "out", pool)
    assert set(states(lines).values()) == {"done"}
    assert "begin" not in [item.task for item in pool.given]


def test_what_ends_after_its_input_was_given_up_does_not_bring_it_back(tmp_path: Path) -> None:
    clips = videos(tmp_path / "in", short=0)
    answers = {("part", 0): Failed("no", final=True), ("part", 1): DIED}
    pool = HerePool({"cpu": 3}, lambda item: answers.get((item.task, item.number)))
    assert states(run_here(clips, tmp_path / "out", pool)) == {"sub/long.mp4": "failed"}
    assert [item.task for item in pool.given] == ["begin", *["part"] * 3]


def test_a_retry_begins_anew_what_could_not_be_joined(tmp_path: Path) -> None:
    clips = videos(tmp_path / "in", short=0)
    assert states(run_here(clips, tmp_path / "out", dies(3, "join"))) == {"sub/long.mp4": "quarantined"}
    with Manifest(tmp_path / "out" / ".rimlight") as manifest:
        look_again(manifest)
    pool = HerePool()
    assert states(run_here("", tmp_path / "out", pool)) == {"sub/long.mp4": "done"}
    assert pool.given[0].task == "begin"


def test_a_retry_takes_a_file_as_it_is_now(tmp_path: Path) -> None:
    clips = videos(tmp_path / "in", short=1, long_frames=0)
    (clips / "bad.mp4").write_bytes(b"")
    assert states(run_here(clips, tmp_path / "out"))["bad.mp4"] == "failed"
    write_video(clips / "bad.mp4", numbered(9))
    with Manifest(tmp_path / "out" / ".rimlight") as manifest:
        assert look_again(manifest) == 1
    assert states(run_here("", tmp_path / "out"))["bad.mp4"] == "done"


def test_an_input_stays_with_one_kind_of_worker(tmp_path: Path) -> None:
    clips = videos(tmp_path / "in", short=4)
    pool = HerePool({"cpu": 1, "cuda": 1})
    lines = run_here(clips, tmp_path / "out", pool, batch=1)
    assert set(states(lines).values()) == {"done"}
    kinds = {(item.input, item.settings.device) for item in pool.given}
    assert {device for _, device in kinds} == {"cpu", "cuda"}
    assert len(kinds) == len(lines)


def test_an_input_waits_for_the_kind_of_worker_that_began_it(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    clips = videos(tmp_path / "in", short=0)

    first = breaks_off("part", 1)
    first.workers = {"cuda": 1}
    with pytest.raises(KeyboardInterrupt):
        run_here(clips, tmp_path / "out", first, batch=1)
    pool = HerePool()
    assert states(run_here("", tmp_path / "out", pool)) == {"sub/long.mp4": "pending"}
    assert pool.given == []
    assert "wait for it" in caplog.text
    assert states(run_here("", tmp_path / "out", HerePool({"cuda": 1}))) == {"sub/long.mp4": "done"}


def test_what_was_not_even_looked_through_waits_for_no_kind_of_worker(tmp_path: Path) -> None:
    clips = videos(tmp_path / "in", short=1)
    first = breaks_off("begin")
    first.workers = {"cuda": 1}
    with pytest.raises(KeyboardInterrupt):
        run_here(clips, tmp_path / "out", first, batch=1)
    assert set(states(run_here("", tmp_path / "out")).values()) == {"done"}
