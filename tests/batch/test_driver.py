from __future__ import annotations

from pathlib import Path

import pytest

from rimlight.batch.board import Board
from rimlight.batch.items import Item, attempt
from rimlight.batch.pool import News
from rimlight.errors import RimlightError, SinkError, SourceError
from tests.realtime.jobs.runs import same_images
from tests.realtime.sinks.outputs import packets
from tests.realtime.sources.media import numbered, read, write_video

from .runs import HerePool, breaks_off, dies, digests, left_over, run_here, states, videos


def test_every_video_has_an_output_in_the_same_folder_with_its_frames_and_sound(tmp_path: Path) -> None:
    clips = videos(tmp_path / "in")
    lines = run_here(clips, tmp_path / "out")
    assert set(states(lines).values()) == {"done"}
    assert {name: line.digest for name, line in lines.items()} == digests(tmp_path / "out")
    assert left_over(tmp_path / "out") == []
    for name in digests(tmp_path / "out"):
        assert [frame.pts_s for frame in read(tmp_path / "out" / name)] == [frame.pts_s for frame in read(clips / name)]
        assert packets(tmp_path / "out" / name, "audio") == packets(clips / name, "audio")


@pytest.mark.parametrize("kind", [".mkv", ".mov"])
def test_a_split_video_is_what_one_part_gives(tmp_path: Path, kind: str) -> None:
    clips = videos(tmp_path / "in", short=0)
    pools = {frames: HerePool() for frames in (40, 10_000)}
    for frames, pool in pools.items():
        run_here(clips, tmp_path / str(frames), pool, part_frames=frames, kind=kind, backdrop="transparent")
    tasks = {frames: [item.task for item in pool.given] for frames, pool in pools.items()}
    assert tasks == {40: ["begin", *["part"] * 3, "join"], 10_000: ["begin"]}
    assert same_images(*[tmp_path / str(frames) / "sub" / f"long{kind}" for frames in pools])


def test_a_real_network_sees_no_border_between_parts(tmp_path: Path) -> None:
    clips = videos(tmp_path / "in", short=0, long_frames=80)
    for frames in (40, 10_000):
        run_here(
            clips, tmp_path / str(frames), part_frames=frames, kind=".mkv", backdrop="transparent", backend="onnx"
        )  # fmt: skip
    assert same_images(*[tmp_path / str(frames) / "sub" / "long.mkv" for frames in (40, 10_000)])


@pytest.mark.parametrize("kind", [".mp4", ".mkv", ".webm"])
def test_two_runs_give_the_same_bytes(tmp_path: Path, kind: str) -> None:
    clips = videos(tmp_path / "in", short=1)
    for name in ("one", "two"):
        run_here(clips, tmp_path / name, kind=kind, sound=kind != ".webm")
    assert digests(tmp_path / "one") == digests(tmp_path / "two")


def test_what_is_done_is_not_done_again(tmp_path: Path) -> None:
    clips = videos(tmp_path / "in")
    run_here(clips, tmp_path / "out")
    write_video(clips / "new.mp4", numbered(9))
    pool = HerePool()
    run_here(clips, tmp_path / "out", pool)
    assert [Path(item.source).name for item in pool.given] == ["new.mp4"]


def test_a_changed_video_and_a_lost_output_are_made_anew(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    clips = videos(tmp_path / "in", long_frames=0)
    run_here(clips, tmp_path / "out")
    write_video(clips / "0.mp4", numbered(9))
    (tmp_path / "out" / "1.mp4").unlink()
    pool = HerePool()
    run_here(clips, tmp_path / "out", pool)
    assert sorted(Path(item.source).name for item in pool.given) == ["0.mp4", "1.mp4"]
    assert len(read(tmp_path / "out" / "0.mp4")) == 9
    assert "1 files were changed" in caplog.text
    assert "1 outputs, such as 1.mp4, are gone" in caplog.text


def test_a_video_that_changes_meanwhile_is_not_mixed(tmp_path: Path) -> None:
    clips = videos(tmp_path / "in", short=0)

    def instead(item: Item) -> News | None:
        if item.number == 1:
            write_video(clips / "sub" / "long.mp4", numbered(80))
        return None

    (line,) = run_here(clips, tmp_path / "out", HerePool(instead=instead)).values()
    assert line.state == "failed"
    assert "was changed since the batch looked at it" in line.reason
    assert set(states(run_here(clips, tmp_path / "out")).values()) == {"done"}
    assert len(read(tmp_path / "out" / "sub" / "long.mp4")) == 80


def test_a_video_that_is_still_written_to_while_its_end_is_matted_is_not_done(tmp_path: Path) -> None:
    clips = videos(tmp_path / "in", short=1, long_frames=0)

    def instead(item: Item) -> News | None:
        def grow(_: int) -> None:
            with (clips / "0.mp4").open("ab") as file:
                file.write(b"more")

        return attempt(item, grow)

    (line,) = run_here(clips, tmp_path / "out", HerePool(instead=instead)).values()
    assert (line.state, line.digest) == ("failed", "")
    assert digests(tmp_path / "out") == {}
    assert states(run_here("", tmp_path / "out")) == {"0.mp4": "done"}  # as it is now, without being put back


@pytest.mark.parametrize(
    ("source", "choices"), [("", {}), ("nowhere/*.mp4", {}), ("in", {"backend": "none"}), ("in", {"feather": -1.0})]
)
def test_a_restart_that_cannot_be_forgets_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str, choices: dict[str, object]
) -> None:
    monkeypatch.chdir(tmp_path)
    clips = videos(tmp_path / "in", short=1, long_frames=0)
    run_here(clips, tmp_path / "out")
    with pytest.raises(RimlightError):
        run_here(source, tmp_path / "out", restart=True, **choices)
    pool = HerePool()
    assert states(run_here(clips, tmp_path / "out", pool)) == {"0.mp4": "done"}
    assert pool.given == []


def test_a_restart_makes_everything_anew(tmp_path: Path) -> None:
    clips = videos(tmp_path / "in", short=1)
    run_here(clips, tmp_path / "out")
    pool = HerePool()
    lines = run_here(clips, tmp_path / "out", pool, restart=True, backdrop="green")
    assert set(states(lines).values()) == {"done"}
    assert len(pool.given) > len(lines)
    assert left_over(tmp_path / "out") == []


def test_bad_files_among_good_ones_end_with_reasons(tmp_path: Path) -> None:
    clips = videos(tmp_path / "in", short=2, long_frames=0)
    (clips / "empty.mp4").write_bytes(b"")
    (clips / "text.mp4").write_text("no video at all\n" * 99)
    (clips / "huge.y4m").write_bytes(b"YUV4MPEG2 W16000 H12000 F30:1 Ip C420jpeg\nFRAME\n" + bytes(999))
    whole = (clips / "1.mp4").read_bytes()
    (clips / "cut.mp4").write_bytes(whole[: len(whole) // 2])
    lines = run_here(clips, tmp_path / "out")
    bad = {name: line.why for name, line in lines.items() if line.state == "failed"}
    assert sorted(bad) == ["cut.mp4", "empty.mp4", "huge.mp4", "text.mp4"]
    assert "empty (0 bytes)" in bad["empty.mp4"]
    assert "16000x12000 pixels" in bad["huge.mp4"]
    assert "no video file" in bad["text.mp4"]
    assert sorted(digests(tmp_path / "out")) == ["0.mp4", "1.mp4"]


def test_a_file_that_is_cut_off_is_done_with_a_remark(tmp_path: Path) -> None:
    clips = tmp_path / "in"
    clips.mkdir()
    whole = write_video(clips / "cut.mkv", numbered(90)).read_bytes()
    (clips / "cut.mkv").write_bytes(whole[: len(whole) // 2])
    (line,) = run_here(clips, tmp_path / "out", part_frames=900).values()
    assert line.state == "done"
    assert "damaged or cut off" in line.notes


def test_a_file_without_times_is_one_part(tmp_path: Path) -> None:
    clips = tmp_path / "in"
    clips.mkdir()
    write_video(clips / "a.h264", numbered(90))
    run_here(clips, tmp_path / "out")
    assert len(read(tmp_path / "out" / "a.mp4")) == 90


@pytest.mark.parametrize(
    ("choices", "said"),
    [
        ({"backdrop": "green"}, "backdrop was blur and now is green"),
        ({"part_frames": 61}, "part_frames was 40 and now is 61"),
        ({"kind": ".mkv"}, "kind was .mp4 and now is .mkv"),
    ],
)
def test_other_options_are_not_mixed(tmp_path: Path, choices: dict[str, object], said: str) -> None:
    clips = videos(tmp_path / "in", short=1, long_frames=0)
    run_here(clips, tmp_path / "out")
    with pytest.raises(SinkError, match=said):
        run_here(clips, tmp_path / "out", **choices)


def test_what_another_version_left_half_done_begins_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    clips = videos(tmp_path / "in", short=1)
    with pytest.raises(KeyboardInterrupt):
        run_here(clips, tmp_path / "out", breaks_off("part", 1))
    monkeypatch.setattr("rimlight.batch.plan.__version__", "99.0")
    pool = HerePool()
    assert set(states(run_here(clips, tmp_path / "out", pool)).values()) == {"done"}
    assert "this is 99.0; what is not done begins anew" in caplog.text
    assert [item.task for item in pool.given] == ["begin", *["part"] * 3, "join"]


def test_two_batches_with_one_folder_of_outputs_do_not_share_what_is_half_done(tmp_path: Path) -> None:
    clips = videos(tmp_path / "in", short=0)
    pools = {}
    for name in ("one", "two", "two"):
        table = tmp_path / f"{name}.csv"
        table.write_text(f"source,out\n{clips / 'sub' / 'long.mp4'},{name}.mp4\n")
        pools[name] = HerePool()
        run_here(table, tmp_path / "out", pools[name], state=tmp_path / name, restart=name in pools)
    places = [{item.parts for item in pool.given} | {item.scratch for item in pool.given} for pool in pools.values()]
    assert not places[0] & places[1]


def test_a_table_whose_outputs_are_no_videos_is_said_before_anything_is_done(tmp_path: Path) -> None:
    clips = videos(tmp_path / "in", short=1, long_frames=0)
    (tmp_path / "table.csv").write_text(f"source,out\n{clips / '0.mp4'},report.html\n")
    with pytest.raises(SinkError, match=r"html"):
        run_here(tmp_path / "table.csv", tmp_path / "out")


def test_files_of_others_are_not_replaced(tmp_path: Path) -> None:
    clips = videos(tmp_path / "in", short=1, long_frames=0)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "0.mp4").write_text("mine")
    with pytest.raises(SinkError, match=r"0\.mp4 exists"):
        run_here(clips, tmp_path / "out")
    assert (tmp_path / "out" / "0.mp4").read_text() == "mine"


def test_a_kind_that_cannot_hold_alpha_is_said_before_anything_is_done(tmp_path: Path) -> None:
    clips = videos(tmp_path / "in", short=1, long_frames=0)
    pool = HerePool()
    with pytest.raises(SinkError, match="cannot hold alpha"):
        run_here(clips, tmp_path / "out", pool, backdrop="transparent")
    assert pool.given == []


def test_there_must_be_something_to_go_on_with(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="to go on with"):
        run_here("", tmp_path / "out")


def test_the_board_ends_with_all_frames_and_nobody_at_work(tmp_path: Path) -> None:
    clips, board, told = videos(tmp_path / "in", short=2), Board(), list[str]()
    board.event = lambda event: told.append(event["event"])
    lines = run_here(clips, tmp_path / "out", dies(1), board=board)
    view = board.view()
    assert (view.frames, view.at_work, view.tries) == (sum(line.frames for line in lines.values()), 0, 1)
    assert view.frames == 24 + 25 + 120
    assert view.inputs["done"] == len(lines)
    assert view.left_s == 0
    assert (told[0], told[-1]) == ("begin", "end")


def test_rows_of_a_table_have_their_own_look(tmp_path: Path) -> None:
    clips = videos(tmp_path / "in", short=2, long_frames=0)
    table = tmp_path / "table.csv"
    table.write_text(f"source,out,backdrop\n{clips / '0.mp4'},first/a.mp4,#00ff00\n{clips / '1.mp4'},,\n")
    run_here(table, tmp_path / "out")
    run_here(clips, tmp_path / "blurred")
    assert sorted(digests(tmp_path / "out")) == ["1.mp4", "first/a.mp4"]
    assert digests(tmp_path / "out")["1.mp4"] == digests(tmp_path / "blurred")["1.mp4"]
    assert digests(tmp_path / "out")["first/a.mp4"] != digests(tmp_path / "blurred")["0.mp4"]
