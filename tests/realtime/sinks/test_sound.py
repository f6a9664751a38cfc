from __future__ import annotations

import logging
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import pytest

from rimlight.errors import SinkError
from rimlight.realtime.sinks.base import StreamInfo
from rimlight.realtime.sinks.file import FileSink
from tests.realtime.sources.media import numbered, read, write_sound, write_video

from .outputs import INFO, frames_for, leftovers, packets, write_all


def with_sound(path: Path) -> StreamInfo:
    return replace(INFO, sound_from=str(path))


def test_the_sound_of_a_real_clip_passes_bit_for_bit(shared: Path, tmp_path: Path) -> None:
    clip = shared / "clips" / "talking.mp4"
    with FileSink(tmp_path / "a.mp4", with_sound(clip)) as sink:
        write_all(sink, 120)
    assert packets(tmp_path / "a.mp4") == packets(clip)
    assert len(read(tmp_path / "a.mp4")) == 120


@pytest.mark.parametrize(
    ("source", "codec", "target", "alpha"),
    [
        ("a.m4a", "aac", "b.mp4", False),
        ("a.m4a", "aac", "b.mov", True),
        ("a.m4a", "aac", "b.mkv", True),
        ("a.ogg", "libopus", "b.webm", True),
        ("a.mp3", "libmp3lame", "b.mp4", False),
        ("a.wav", "pcm_s16le", "b.mov", False),
        ("a.flac", "flac", "b.mkv", False),
    ],
)
def test_every_codec_passes_bit_for_bit(tmp_path: Path, source: str, codec: str, target: str, alpha: bool) -> None:
    sound = write_sound(tmp_path / source, codec)
    with FileSink(tmp_path / target, with_sound(sound), alpha=alpha) as sink:
        write_all(sink, 20)
    content = b"".join(data for _, data in packets(tmp_path / target))
    assert content == b"".join(data for _, data in packets(sound))


def test_several_languages_all_pass(tmp_path: Path) -> None:
    one = write_sound(tmp_path / "one.m4a", "aac")
    both = tmp_path / "both.mkv"
    with av.open(str(both), "w") as output, av.open(str(one)) as first:
        copies = [output.add_stream_from_template(first.streams.audio[0]) for _ in range(2)]
        for copy, language in zip(copies, ("deu", "eng"), strict=True):
            copy.metadata["language"] = language
        for packet in first.demux(audio=0):
            if packet.size:
                packet.stream = copies[0]
                output.mux(packet)
        with av.open(str(one)) as second:
            for packet in second.demux(audio=0):
                if packet.size:
                    packet.stream = copies[1]
                    output.mux(packet)
    with FileSink(tmp_path / "a.mkv", with_sound(both)) as sink:
        write_all(sink, 5)
    with av.open(str(tmp_path / "a.mkv")) as container:
        assert [stream.language for stream in container.streams.audio] == ["deu", "eng"]


def test_a_file_without_sound_gives_one_without(tmp_path: Path) -> None:
    silent = write_video(tmp_path / "silent.mp4", numbered(3))
    with FileSink(tmp_path / "a.mp4", with_sound(silent)) as sink:
        write_all(sink, 3)
    with av.open(str(tmp_path / "a.mp4")) as container:
        assert len(container.streams) == 1


def test_sound_longer_than_the_pictures_is_not_cut(tmp_path: Path) -> None:
    sound = write_sound(tmp_path / "a.m4a", "aac")
    with FileSink(tmp_path / "b.mp4", with_sound(sound)) as sink:
        write_all(sink, 6)  # 0.2 s, of 2 s of sound
    assert packets(tmp_path / "b.mp4") == packets(sound)


def test_broken_off_the_sound_ends_with_the_pictures(tmp_path: Path) -> None:
    sound = write_sound(tmp_path / "a.m4a", "aac")

    def work() -> None:
        with FileSink(tmp_path / "b.mp4", with_sound(sound)) as sink:
            write_all(sink, 30)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        work()
    whole, part = packets(sound), packets(tmp_path / "b.mp4")
    assert part == whole[: len(part)]
    assert part[-1][0] is not None
    assert 0.9 < part[-1][0] / 48_000 < 1.1
    assert len(read(tmp_path / "b.mp4")) == 30


@pytest.mark.parametrize("delay", [Fraction(0), Fraction(1, 2)])
@pytest.mark.parametrize("name", ["b.mp4", "b.mkv"])
def test_sound_and_pictures_stay_together(tmp_path: Path, name: str, delay: Fraction) -> None:
    times = [delay + Fraction(index, 30) for index in range(30)]
    source = write_video(tmp_path / "a.mp4", numbered(30), times=times, sound="aac")
    with FileSink(tmp_path / name, with_sound(source)) as sink:
        for frame, wanted in zip(read(source), frames_for(sink, 30), strict=True):
            sink.write(replace(wanted, pts_s=frame.pts_s))
    assert _lead_s(tmp_path / name) == pytest.approx(_lead_s(source), abs=2e-3)
    assert _lead_s(source) == pytest.approx(float(delay), abs=0.05)


def _lead_s(path: Path) -> float:
    """By how much the first packet of sound comes before the first picture; the encoder's silence counts as sound."""
    with av.open(str(path)) as container:
        picture = next(container.decode(video=0)).time
    with av.open(str(path)) as container:
        packet = next(container.demux(audio=0))
        return float(picture - packet.pts * packet.time_base)


def test_sound_and_pictures_are_stored_side_by_side(shared: Path, tmp_path: Path) -> None:
    with FileSink(tmp_path / "a.mp4", with_sound(shared / "clips" / "talking.mp4")) as sink:
        write_all(sink, 120)
    latest = {"audio": 0.0, "video": 0.0}
    with av.open(str(tmp_path / "a.mp4")) as container:
        stored = sorted(
            (packet.pos or 0, packet.stream.type, float((packet.dts or 0) * packet.time_base))
            for packet in container.demux()
            if packet.size
        )
    for _, kind, time_s in stored:
        latest[kind] = time_s
        assert abs(latest["audio"] - latest["video"]) < 1.0


@pytest.mark.parametrize(("source", "codec", "target"), [("a.m4a", "aac", "b.webm"), ("a.wav", "pcm_s16le", "b.webm")])
def test_sound_that_a_container_cannot_hold_is_told(tmp_path: Path, source: str, codec: str, target: str) -> None:
    sound = write_sound(tmp_path / source, codec)
    with pytest.raises(SinkError, match=rf"\.webm cannot hold the sound.*{codec}.*\.mkv"):
        FileSink(tmp_path / target, with_sound(sound), alpha=True)
    assert leftovers(tmp_path) == []


def test_a_missing_sound_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(SinkError, match=r"sound.*no file"):
        FileSink(tmp_path / "a.mp4", with_sound(tmp_path / "no.mp4"))
    assert list(tmp_path.iterdir()) == []


def test_sound_cut_off_is_kept_as_far_as_it_goes(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    sound = write_sound(tmp_path / "a.wav", "pcm_s16le")
    whole = packets(sound)
    sound.write_bytes(sound.read_bytes()[:200_000])
    with caplog.at_level(logging.WARNING), FileSink(tmp_path / "b.mov", with_sound(sound)) as sink:
        write_all(sink, 3)
    kept = b"".join(data for _, data in packets(tmp_path / "b.mov"))
    assert len(kept) > 190_000
    assert b"".join(data for _, data in whole).startswith(kept)
