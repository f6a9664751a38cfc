from __future__ import annotations

from pathlib import Path

import pytest

from rimlight.batch.places import expand
from rimlight.errors import SourceError


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
