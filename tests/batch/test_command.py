from __future__ import annotations

import json
import os
import re
import urllib.request
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from rimlight.batch.board import Board, View
from rimlight.batch.items import Item
from rimlight.batch.manifest import Manifest
from rimlight.batch.pool import News, Wrote
from rimlight.batch.progress import CLEAR, EVERY_S, Collector, Lines, events_to, line_of
from rimlight.batch.readings import Readings
from rimlight.batch.report import render, throughput
from rimlight.batch_commands import batch
from rimlight.errors import RimlightError, SinkError, SourceError
from rimlight.realtime.telemetry import serve_collector

from .runs import OPTIONS, HerePool, begun, breaks_off, digests, ended, events, run_here, videos


def call(*arguments: object) -> Result:
    return CliRunner().invoke(batch, list(map(str, arguments)))


@pytest.fixture
def clips(tmp_path: Path) -> Path:
    """Two good ones and one that is empty."""
    found = videos(tmp_path / "in", short=2, long_frames=0)
    (found / "bad.mp4").write_bytes(b"")
    return found


def test_a_batch_can_be_looked_at_tried_again_and_reported(clips: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert ended(begun(clips, out, "--workers", 1))[0] == 3
    assert sorted(digests(out)) == ["0.mp4", "1.mp4"]
    status = call("status", out).output
    assert re.search(r"2 done\n +1 failed\n", status)
    assert f"failed: {clips / 'bad.mp4'}: is empty (0 bytes)" in status
    lines = [json.loads(line) for line in call("status", out, "--json").output.splitlines()]
    assert {line["out"]: line["digest"] for line in lines if line["state"] == "done"} == digests(out)
    (out / "report.html").unlink()
    assert call("report", out).output.strip() == str(out / "report.html")
    assert "is empty (0 bytes)" in (out / "report.html").read_text()
    assert call("retry", out).output.startswith("1 put back")
    assert re.search(r"1 pending\n", call("status", out).output)


def test_events_tell_the_whole_story(clips: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    ended(begun(clips, out, "--workers", 1))
    told = events(out)
    assert [told[0]["event"], told[-1]["event"]] == ["begin", "end"]
    done = {Path(event["source"]).name: event for event in events(out, "done")}
    assert {name: event["sha256"] for name, event in done.items()} == digests(out)
    (failed,) = events(out, "failed")
    assert (failed["state"], Path(failed["source"]).name) == ("failed", "bad.mp4")
    assert told[-1]["states"] == {"done": 2, "failed": 1, "quarantined": 0, "running": 0, "pending": 0}


@pytest.mark.parametrize("command", ["status", "retry", "report"])
def test_where_there_is_no_batch_none_is_made(tmp_path: Path, command: str) -> None:
    result = call(command, tmp_path)
    assert isinstance(result.exception, SourceError)
    assert "no batch in" in str(result.exception)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("none.mp4",), "Missing option '--out'"),
        (("*.mp4", "--out", "out", *OPTIONS), "no video in"),
        (("--out", "out"), "no sources"),
        (("a.mp4", "--out", "out", "--backend", "none"), "no backend 'none'"),
        (("a.mp4", "--out", "out", "--workers", "0", *OPTIONS), "expected workers"),
        (("a.mp4", "--out", "out", "--events", "none/e.jsonl", *OPTIONS), "events cannot be written"),
    ],
)
def test_what_cannot_be_begun_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    result = call(*arguments)
    assert result.exit_code != 0
    assert isinstance(result.exception, RimlightError | SystemExit)
    assert said in f"{result.output}{result.exception}"
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_may_not_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file")
    with pytest.raises(SinkError, match="cannot be made"):
        run_here(videos(tmp_path / "in", short=1, long_frames=0), tmp_path / "out")


# Progress


VIEW = View(
    {"done": 5, "failed": 1, "quarantined": 0, "running": 2, "pending": 4}, 12_345, 100.0, 123.45, 3725.0,
    ((65.0, "/a/slow.mp4"), (3.0, "/a/b.mp4")), 2, 1,
)  # fmt: skip


def test_a_line_says_totals_speed_time_to_go_and_the_slowest() -> None:
    assert line_of(VIEW) == (
        "5 of 12 files done, 1 failed, 2 at work, 12,345 frames, 123.5 frames/s, 1:02:05 left, slowest slow.mp4 0:01:05"
    )


def test_lines_come_now_and_then_where_there_is_no_terminal(tmp_path: Path) -> None:
    now = [0.0]
    with (tmp_path / "said").open("w+") as stream:
        lines = Lines(Board(), stream, lambda: now[0])
        lines.tick()
        now[0] = EVERY_S
        lines.tick()
        lines.tick()
        stream.seek(0)
        assert len(stream.readlines()) == 1


def test_a_line_fits_the_terminal_and_the_last_ones_name_the_report(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    stream = StringIO()
    monkeypatch.setattr(stream, "isatty", lambda: True)
    board = Board()
    monkeypatch.setattr(Board, "view", lambda _: VIEW)
    lines = Lines(board, stream)
    lines.tick()
    assert stream.getvalue() == f"{CLEAR}{line_of(VIEW)[:39]}"
    lines.finish(Path("out") / "report.html")
    assert stream.getvalue().endswith(
        f"{line_of(VIEW)}\nrimlight:   then b.mp4 0:00:03\nrimlight: report in out/report.html\n"
    )


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_events_that_cannot_be_written_are_said() -> None:
    with (
        pytest.raises(SinkError, match="events cannot be written to /dev/full: No space left"),
        events_to("/dev/full") as write,
    ):
        write({"event": "x"})


def test_events_are_added_to_a_file_line_by_line(tmp_path: Path) -> None:
    for number in range(2):
        with events_to(str(tmp_path / "e")) as write:
            write({"event": "x", "number": number})
    assert [json.loads(line)["number"] for line in (tmp_path / "e").read_text().splitlines()] == [0, 1]


def test_time_to_go_is_reckoned_by_bytes(clips: Path, tmp_path: Path) -> None:
    now, board = [0.0], Board(clock=lambda: now[0])
    seen = list[float | None]()

    def instead(item: Item) -> News | None:  # noqa: ARG001 - all alike
        seen.append(board.view().left_s)
        now[0] += 10
        return None

    run_here(clips, tmp_path / "out", HerePool(instead=instead), board=board)
    assert seen[0] is None
    sizes = [os.path.getsize(clips / name) for name in ("0.mp4", "1.mp4")]
    usual = sum(sizes) / 2  # of the empty one, which is the last
    assert seen[1] == pytest.approx(10 * (sizes[1] + usual) / sizes[0])


def test_time_to_go_is_known_in_the_middle_of_a_video_that_is_not_split(tmp_path: Path) -> None:
    now, left_s = [0.0], list[float | None]()
    board = Board(clock=lambda: now[0])

    class Telling(HerePool):
        def news(self, wait_s: float) -> Iterator[tuple[int, News]]:
            now[0] += 10
            yield self._waiting[0][1], Wrote(6, 24)
            left_s.append(board.view().left_s)
            yield from super().news(wait_s)

    run_here(videos(tmp_path / "in", short=1, long_frames=0), tmp_path / "out", Telling(), board=board)
    assert left_s == [pytest.approx(30)]


def test_time_to_go_is_known_of_a_video_that_an_earlier_run_split(tmp_path: Path) -> None:
    clips, now, left_s = videos(tmp_path / "in", short=0), [0.0], list[float | None]()
    board = Board(clock=lambda: now[0])

    def instead(item: Item) -> News | None:  # noqa: ARG001 - all alike
        now[0] += 10
        left_s.append(board.view().left_s)
        return None

    with pytest.raises(KeyboardInterrupt):
        run_here(clips, tmp_path / "out", breaks_off("part", 1))
    pool = HerePool(instead=instead)
    run_here(clips, tmp_path / "out", pool, board=board)
    second, third = (len(item.share.own) for item in pool.given if item.share is not None)
    assert left_s[:2] == [None, pytest.approx(20 * third / second)]


def test_figures_can_be_scraped(clips: Path, tmp_path: Path) -> None:
    pytest.importorskip("prometheus_client")
    board = Board()
    run_here(clips, tmp_path / "out", board=board)
    port, close = serve_collector(Collector(board), 0, "--metrics-port")
    try:
        said = urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics").read().decode()
    finally:
        close()
    assert 'rimlight_batch_inputs{state="done"} 2.0' in said
    assert "rimlight_batch_frames_total 49.0" in said
    assert "rimlight_batch_failures_total 1.0" in said


# Report


def test_the_report_names_what_failed_and_shows_frames_and_needs_nothing_else(clips: Path, tmp_path: Path) -> None:
    (clips / "<b>&.mp4").write_bytes(b"")
    run_here(clips, tmp_path / "out")
    with Readings(tmp_path / "out" / ".rimlight") as manifest:
        page = render(manifest, 0.0)
    assert page.count('src="data:image/jpeg;base64,') == 2
    assert page.count('class="tag failed"') == 2
    assert "&lt;b&gt;&amp;.mp4" in page
    assert "<b>&.mp4" not in page
    assert "http" not in page.replace("http-equiv", "")


def test_the_report_links_names_with_signs_and_tells_files_of_one_name_apart(tmp_path: Path) -> None:
    clips = videos(tmp_path / "in", short=1, long_frames=0)
    (clips / "0.mp4").rename(clips / "100% #1? ü&<b>.mp4")
    for folder in ("one", "two"):
        (clips / folder).mkdir()
        (clips / folder / "bad.mov").write_bytes(b"")
    run_here(clips, tmp_path / "out")
    with Readings(tmp_path / "out" / ".rimlight") as manifest:
        page = render(manifest, 0.0)
    assert 'href="./100%25%20%231%3F%20%C3%BC%26%3Cb%3E.mp4"' in page
    assert ">one/bad.mov<" in page
    assert ">two/bad.mov<" in page


@pytest.mark.parametrize("backdrop", ["transparent", "blur"])
@pytest.mark.parametrize("kind", [".mkv", ".mov", ".webm"])
def test_every_kind_has_a_sample(clips: Path, tmp_path: Path, kind: str, backdrop: str) -> None:
    run_here(clips / "0.mp4", tmp_path / "out", kind=kind, backdrop=backdrop, sound=False)
    with Readings(tmp_path / "out" / ".rimlight") as manifest:
        (sample,) = manifest.samples().values()
    assert sample.startswith(b"\xff\xd8")


def test_throughput_keeps_all_frames_and_leaves_out_breaks() -> None:
    ended_steps = [(10.0, 50, 10.0), (10.0, 30, 5.0), (1010.0, 20, 10.0)]  # two workers, a night, one worker
    rates, span = throughput(ended_steps, 20)
    assert span * len(rates) == pytest.approx(20.0)
    assert sum(rate * span for rate in rates) == pytest.approx(100)
    assert rates[0] == pytest.approx(5.0)
    assert rates[6] == pytest.approx(11.0)
    assert rates[-1] == pytest.approx(2.0)


def test_a_report_of_nothing_is_a_report(tmp_path: Path) -> None:
    with Manifest(tmp_path) as manifest:
        assert "No frame was written yet" in render(manifest, 0.0)
