"""Folders of clips are read in order, and a bad one is told in one line that names the file."""

from __future__ import annotations

import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from rimlight.benchmarks.testset import find_clips
from rimlight.errors import SourceError
from rimlight.types import Size


def write_clip(folder: Path, frames: int = 3, shape: tuple[int, int] = (12, 16), foreground: bool = False) -> Path:
    """A clip whose frame t has the colour (200, 100, t) and the alpha 51 t."""
    for part in ("src", "pha", *(["fgr"] if foreground else [])):
        (folder / part).mkdir(parents=True)
    for t in range(frames):
        picture = np.full((*shape, 3), (t, 100, 200), np.uint8)  # BGR
        cv2.imwrite(str(folder / "src" / f"{t:03}.png"), picture)
        cv2.imwrite(str(folder / "pha" / f"{t:03}.png"), np.full(shape, 51 * t, np.uint8))
        if foreground:
            cv2.imwrite(str(folder / "fgr" / f"{t:03}.png"), picture)
    return folder


def test_frames_come_in_order_as_rgb_and_alpha(tmp_path: Path) -> None:
    write_clip(tmp_path / "a")
    (clip,) = find_clips(tmp_path)
    frames = list(clip.frames())
    assert (clip.name, clip.size, len(frames)) == ("a", Size(12, 16), 3)
    for t, frame in enumerate(frames):
        assert tuple(frame.image[0, 0]) == (200, 100, t)
        assert frame.alpha[0, 0] == np.float32(51 * t / 255)
        assert frame.foreground is None


def test_true_foregrounds_are_read_where_they_lie(tmp_path: Path) -> None:
    write_clip(tmp_path / "a", foreground=True)
    frame = next(find_clips(tmp_path)[0].frames())
    assert frame.foreground is not None
    assert tuple(frame.foreground[0, 0]) == (200, 100, 0)


def test_small_clips_come_first(tmp_path: Path) -> None:
    write_clip(tmp_path / "a", shape=(24, 32))
    write_clip(tmp_path / "b")
    write_clip(tmp_path / ".hidden")
    (tmp_path / "notes.txt").write_text("not a clip")
    assert [clip.name for clip in find_clips(tmp_path)] == ["b", "a"]


def test_a_missing_or_empty_folder_is_told(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no folder"):
        find_clips(tmp_path / "gone")
    with pytest.raises(SourceError, match="CLIP/src"):
        find_clips(tmp_path)


@pytest.mark.parametrize("part", ["src", "pha"])
def test_a_clip_without_a_part_is_told(tmp_path: Path, part: str) -> None:
    shutil.rmtree(write_clip(tmp_path / "a") / part)
    with pytest.raises(SourceError, match=f"a/{part}"):
        find_clips(tmp_path)
    (tmp_path / "a" / part).mkdir()
    with pytest.raises(SourceError, match="got none"):
        find_clips(tmp_path)


def test_a_frame_without_its_truth_is_named(tmp_path: Path) -> None:
    (write_clip(tmp_path / "a") / "pha" / "001.png").unlink()
    with pytest.raises(SourceError, match="pair: 001"):
        find_clips(tmp_path)


def test_two_files_for_one_frame_are_named(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "a")
    shutil.copy(clip / "pha" / "002.png", clip / "pha" / "002.jpg")
    with pytest.raises(SourceError, match="pair: 002"):
        find_clips(tmp_path)


@pytest.mark.parametrize("data", [b"", b"no picture"])
def test_a_file_that_is_no_picture_is_named(tmp_path: Path, data: bytes) -> None:
    (write_clip(tmp_path / "a") / "pha" / "001.png").write_bytes(data)
    (clip,) = find_clips(tmp_path)
    with pytest.raises(SourceError, match=r"pha/001\.png"):
        list(clip.frames())


def test_a_frame_of_another_size_is_named(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "a")
    cv2.imwrite(str(clip / "src" / "002.png"), np.zeros((12, 18, 3), np.uint8))
    with pytest.raises(SourceError, match=r"src/002\.png to be 16x12.*got 18x12"):
        list(find_clips(tmp_path)[0].frames())
