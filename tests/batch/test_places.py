from __future__ import annotations

import errno
import importlib.util
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from rimlight.batch.places import expand
from rimlight.batch.storage import ABSENT, stamp
from rimlight.errors import SourceError
from tests.conftest import need


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Files that need be no videos to be named."""
    for name in ("a.mp4", "b.MOV", "notes.txt", ".hidden.mp4", "sub/a.mp4", "sub/deep/c.mkv", "out/old.mp4"):
        path = tmp_path / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def outs(*sources: str, out: str = "far") -> list[str]:
    return [one.out for one in expand(sources, out, ".mp4")]


def test_a_folder_keeps_its_folders_and_leaves_out_what_is_hidden_and_the_outputs(tree: Path) -> None:
    assert outs("in", out=str(tree / "in" / "out")) == ["a.mp4", "b.mp4", "sub/a.mp4", "sub/deep/c.mp4"]


@pytest.mark.usefixtures("tree")
def test_a_pattern_keeps_the_folders_after_its_fixed_part() -> None:
    assert outs("in/s*/**/*.m*") == ["sub/a.mp4", "sub/deep/c.mp4"]
    assert outs("in/sub/*") == ["a.mp4", "deep/c.mp4"]


@pytest.mark.usefixtures("tree")
def test_a_file_has_its_own_name_even_if_it_is_not_there() -> None:
    (one,) = expand(["in/gone.mp4"], "far", ".mov")
    assert (one.out, one.stamp.size) == ("gone.mov", None)


def test_a_list_names_outputs_below_the_common_folder(tree: Path) -> None:
    (tree / "list.txt").write_text(f"# takes\nin/a.mp4\n\n{tree / 'in' / 'sub' / 'a.mp4'}\n")
    assert outs("@list.txt") == ["a.mp4", "sub/a.mp4"]


def test_a_table_names_outputs_and_looks(tree: Path) -> None:
    (tree / "table.csv").write_text("source,out,feather,backdrop\nin/a.mp4,x/one.mp4,1.5,green\nin/b.MOV,,,\n")
    one, two = expand(["table.csv"], "far", ".mp4")
    assert (one.out, dict(one.look)) == ("x/one.mp4", {"backdrop": "green", "feather": "1.5"})
    assert (two.out, two.look) == ("b.mp4", ())


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("name\nin/a.mp4\n", "expected columns source"),
        ("source,colour\nin/a.mp4,red\n", "colour"),
        ("source,feather\nin/a.mp4,soft\n", "expected a number as feather, got soft"),
        ("source,out\nin/a.mp4,../x.mp4\n", "below the folder of outputs"),
        ("source,out\nin/a.mp4,/x.mp4\n", "below the folder of outputs"),
        ("source,out\nin/a.mp4,.rimlight/x.mp4\n", "below the folder of outputs"),
        ("source,out\nin/a.mp4,.\n", "below the folder of outputs"),
        ("out,source\nx.mp4\n", r"line 2: expected a source and 2 cells"),
        ("source,out\nin/a.mp4,a.mp4,b.mp4\n", r"line 2: expected a source and 2 cells"),
        ("source,shift\nin/a.mp4,\nin/b.MOV,5\n", r"line 3: expected an edge shift of -1"),
        ("source,out\nin/a.mp4,x.mp4\nin/b.MOV,./x.mp4\n", r"a\.mp4 and .*b\.MOV would both be written to x\.mp4"),
        (f"source\n{'x' * 200_000}\n", "field larger than field limit"),
    ],
)
def test_a_table_that_cannot_be_meant_is_said(tree: Path, table: str, said: str) -> None:
    (tree / "table.csv").write_text(table)
    with pytest.raises(SourceError, match=said):
        outs("table.csv")


@pytest.mark.usefixtures("tree")
def test_a_file_named_twice_is_matted_once() -> None:
    assert outs("in/a.mp4", "in/a.mp4") == ["a.mp4"]


def test_two_files_never_share_an_output(tree: Path) -> None:
    (tree / "in" / "b.mp4").write_bytes(b"x")
    with pytest.raises(SourceError, match=r"b\.MOV and .*b\.mp4 would both be written to b\.mp4"):
        outs("in")


@pytest.mark.usefixtures("tree")
def test_an_output_is_never_an_input() -> None:
    with pytest.raises(SourceError, match=r"a\.mp4 in in is one of the files"):
        expand(["in/a.mp4"], "in", ".mp4")


@pytest.mark.parametrize("source", ["empty", "in/*.avi", "@none.txt", "in/notes.*/*"])
def test_a_source_without_videos_is_said(tree: Path, source: str) -> None:
    (tree / "empty").mkdir()
    with pytest.raises(SourceError, match=r"no video in|cannot be read"):
        outs(source)


@pytest.mark.usefixtures("tree")
@pytest.mark.parametrize("source", ["in", "in/*", "in/**/*.mp4", "in/**"])
@pytest.mark.parametrize("out", ["in/out", "link"])
def test_outputs_below_what_was_named_are_never_inputs(tree: Path, source: str, out: str) -> None:
    (tree / "link").symlink_to(tree / "in" / "out")
    found = [one.source for one in expand([source], out, ".mkv")]
    assert str(tree / "in" / "a.mp4") in found
    assert [one for one in found if "/out/" in one] == []


def test_what_is_named_may_be_below_the_outputs(tree: Path) -> None:
    assert outs("in/out/*", out=str(tree / "in")) == ["old.mp4"]
    assert outs("in/out", out=str(tree / "in")) == ["old.mp4"]


def test_a_cell_may_hold_a_line_break_and_a_number_may_be_a_files_name(tree: Path) -> None:
    (tree / "in" / "two\nlines.mp4").write_bytes(b"x")
    (tree / "2").write_text("a file, and yet no path is meant")
    (tree / "table.csv").write_text('source,feather\n"in/two\nlines.mp4",2\n')
    (one,) = expand(["table.csv"], "far", ".mp4")
    assert (one.out, dict(one.look)) == ("two\nlines.mp4", {"feather": "2"})


def test_a_list_may_name_paths_and_web_addresses(tree: Path) -> None:
    need("fsspec", importlib.util.find_spec("fsspec") is not None, "fsspec is not installed")
    (tree / "list.txt").write_text("in/a.mp4\nhttp://127.0.0.1:9/x/b%20c.mp4?token=d.e/f\n")
    one, two = expand(["@list.txt"], "far", ".mp4")
    assert one.out == f"{tree}/in/a.mp4"[1:]
    assert two.out == "http/127.0.0.1:9/x/b c.mp4"


def test_a_name_that_is_no_text_is_said(tree: Path) -> None:
    try:
        (tree / "in" / "\udcff.mp4").write_bytes(b"x")
    except (OSError, UnicodeEncodeError):
        pytest.skip("this file system has names in UTF-8 alone")
    with pytest.raises(SourceError, match=r"xff\.mp4' is no text in UTF-8"):
        outs("in")


def test_a_pipe_is_no_video(tree: Path) -> None:
    os.mkfifo(tree / "in" / "pipe.mp4")
    assert [one.stamp for one in expand(["in/pipe.mp4"], "far", ".mp4")] == [ABSENT]
    with pytest.raises(SourceError, match=r"pipe\.mp4 is no file"):
        stamp(str(tree / "in" / "pipe.mp4"))


def test_a_folder_that_may_not_be_read_is_said_and_left_out(
    tree: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    really = os.scandir

    def scandir(folder: str | Path) -> Iterator[os.DirEntry[str]]:
        if str(folder).endswith("deep"):
            raise PermissionError(errno.EACCES, "Permission denied", str(folder))
        return really(folder)

    monkeypatch.setattr(os, "scandir", scandir)
    assert outs("in/sub") == ["a.mp4"]
    assert f"{tree}/in/sub/deep cannot be read and is left out" in caplog.text
