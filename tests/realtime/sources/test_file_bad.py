from __future__ import annotations

import logging
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest

from rimlight.errors import SourceError
from rimlight.realtime.sources.file import FileSource

from .media import SIZE, numbered, numbers, read, write_sound, write_video


def fails(path: Path, *words: str) -> None:
    with pytest.raises(SourceError) as caught:
        FileSource(path)
    text = str(caught.value)
    assert "\n" not in text
    assert path.name in text
    for word in words:
        assert word in text


def test_a_missing_file(tmp_path: Path) -> None:
    fails(tmp_path / "no.mp4", "no file", "check the path")


def test_an_empty_file(tmp_path: Path) -> None:
    path = tmp_path / "empty.mp4"
    path.touch()
    fails(path, "empty")


def test_a_folder(tmp_path: Path) -> None:
    fails(tmp_path, "folder")


@pytest.mark.parametrize("name", ["letter.txt", "letter.mp4", "letter.nfo"])
def test_text(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_text("Dear reader,\nthis is no video.\n" * 50)
    fails(path, "give")


def test_subtitles(tmp_path: Path) -> None:
    path = tmp_path / "words.srt"
    path.write_text("1\n00:00:00,000 --> 00:00:02,000\nhello\n")
    fails(path, "subtitle", "no moving pictures")


def test_noise(tmp_path: Path) -> None:
    path = tmp_path / "noise.mp4"
    path.write_bytes(np.random.default_rng(0).bytes(20_000))
    fails(path, "cannot be read as video")


@pytest.mark.parametrize(("name", "codec"), [("a.m4a", "aac"), ("a.wav", "pcm_s16le")])
def test_sound_only(tmp_path: Path, name: str, codec: str) -> None:
    fails(write_sound(tmp_path / name, codec), "audio", "no moving pictures")


def test_a_cover_picture_is_no_video(tmp_path: Path) -> None:
    path = tmp_path / "song.m4a"
    with av.open(str(path), "w", format="mp4") as output:
        cover = output.add_stream("png", width=16, height=16, pix_fmt="rgb24", disposition=1 << 10)
        output.mux(cover.encode(av.VideoFrame(16, 16, "rgb24")))
        output.mux(cover.encode(None))
    fails(path, "cover")


def test_an_mp4_cut_off_before_its_table(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", numbered(30))
    path.write_bytes(path.read_bytes()[:-2000])
    fails(path, "cut off")


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
def test_what_is_left_of_a_file_cut_off_comes_with_a_warning(
    tmp_path: Path, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    container = {"movflags": "faststart"} if name == "a.mp4" else None
    path = write_video(tmp_path / name, numbered(60), container=container)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 6 // 10])
    with caplog.at_level(logging.WARNING):
        found = numbers(read(path))
    assert 20 < len(found) < 60
    assert found[:20] == list(range(20))
    assert "cut off" in caplog.text


def test_a_whole_file_gives_no_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        read(write_video(tmp_path / "a.mp4", numbered(20)))
        read(write_video(tmp_path / "b.mkv", numbered(20)))
        read(tmp_path / "a.mp4", range(3, 9))
    assert not caplog.text


def _damage(path: Path, first: float) -> None:
    data = bytearray(path.read_bytes())
    places = np.random.default_rng(1).integers(round(len(data) * first), len(data) - 10, 120)
    for place in places:
        data[place] ^= 0x55
    path.write_bytes(data)


def test_damage_inside_does_not_end_the_file(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = write_video(tmp_path / "a.mp4", numbered(60), container={"movflags": "faststart"})
    _damage(path, 0.5)
    with caplog.at_level(logging.WARNING):
        frames = read(path)
    assert len(frames) > 30
    assert numbers(frames)[:20] == list(range(20))
    assert "damaged" in caplog.text


def test_neighbouring_ranges_of_a_damaged_file_share_no_frame(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", numbered(60), container={"movflags": "faststart"})
    _damage(path, 0.5)
    parts = [round(frame.pts_s * 30) for cut in (range(0, 33), range(33, 60)) for frame in read(path, cut)]
    assert parts[:20] == list(range(20))
    assert all(later > earlier for earlier, later in pairwise(parts))


def test_no_frame_that_decodes(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", numbered(3), container={"movflags": "faststart"})
    data = path.read_bytes()
    start = data.index(b"mdat") + 4
    path.write_bytes(data[:start] + bytes(len(data) - start))
    fails(path, "no frame", "damaged")


def test_a_name_with_a_colon_is_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_video(tmp_path / "a.mp4", numbered(2)).rename("take:1.mp4")
    with FileSource("take:1.mp4") as source:
        assert source.size == SIZE
