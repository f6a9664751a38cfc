from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from av.video.stream import VideoStream

from rimlight.backends import installed
from rimlight.errors import BackendError, JobError, SinkError, SourceError
from rimlight.realtime import jobs
from rimlight.realtime.batch import batch_for
from rimlight.realtime.jobs import NOTHING_KEPT, Plan, plan_jobs, run_jobs
from rimlight.realtime.jobs.join import join
from rimlight.realtime.jobs.plan import LEAST_FRAMES, frame_times, share_out
from rimlight.realtime.jobs.worker import Job, Report, Wrote, mat
from rimlight.realtime.runner import run_stream
from rimlight.realtime.session import Settings
from rimlight.realtime.sinks.base import StreamInfo
from rimlight.realtime.sinks.file import FileSink
from rimlight.realtime.sinks.options import Alpha
from rimlight.realtime.sources import open_source
from rimlight.realtime.stats import Stats

from .sinks.outputs import INFO, packets, pictures, write_all
from .sources.media import numbered, read, write_video
from .sources.test_file_ranges import FILES

COUNT = 50
CLEAR = Settings(backend="fake", backdrop="transparent", long_side=128, threads=1)
KINDS: list[tuple[str, Alpha]] = [
    ("out.mp4", False),
    ("out.mov", False),
    ("out.mkv", False),
    ("out.webm", False),
    ("out.mov", True),
    ("out.mkv", True),
    ("out.webm", True),
    ("out.mp4", "side-by-side"),
]


class HereCrew:
    """Does the jobs in this process, one after the other, as processes would get them."""

    def __init__(self, given: Sequence[Job]) -> None:
        self.given: list[Job] = [pickle.loads(pickle.dumps(job)) for job in given]

    def __enter__(self) -> HereCrew:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing runs on."""

    def reports(self) -> Iterator[tuple[Job, Report]]:
        for job in self.given:
            wrote: list[Report] = []
            finished = mat(job, lambda: wrote.append(Wrote()))  # noqa: B023 - called in this round only
            yield from ((job, report) for report in [*wrote, finished])


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "Crew", HereCrew)


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """COUNT frames with B-frames, and sound."""
    return write_video(tmp_path / "clip.mp4", numbered(COUNT), options={"bf": "3"}, sound="aac")


def whole(clip: Path, out: Path, settings: Settings, alpha: Alpha = True, sound: bool = True) -> Path:
    """Written by one process."""
    with open_source(str(clip)) as source:
        run_stream(source, str(out), settings, alpha=alpha, sound_from=str(clip) if sound else None)
    return out


def split(clip: Path, out: Path, settings: Settings, alpha: Alpha = True, sound: bool = True, count: int = 3) -> Path:
    """Written by several jobs."""
    plan = plan_jobs(str(clip), str(out), count, settings.batch)
    assert len(plan.shares) == count
    run_jobs(plan, str(out), settings, alpha=alpha, sound_from=str(clip) if sound else None)
    return out


def images(path: Path) -> list[np.ndarray]:
    """(H, W, 4) of every frame of a file that holds alpha without loss."""
    return [picture.to_ndarray(format="bgra") for picture in pictures(path)]


def same_images(one: Path, other: Path) -> bool:
    pairs = zip(images(one), images(other), strict=True)
    return all(np.array_equal(a, b) for a, b in pairs)


def head(path: Path) -> dict[str, object]:
    """What a file says of its pictures before the first."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        context = stream.codec_context
        names = ("name", "codec_tag", "profile", "pix_fmt", "width", "height", "extradata", "reorder_depth")
        colours = ("colorspace", "color_primaries", "color_trc", "color_range")
        facts: dict[str, object] = {name: getattr(context, name) for name in (*names, *colours)}
        tags = {key: value for key, value in stream.metadata.items() if key.lower() not in ("duration", "encoder")}
        return facts | {"tags": tags, "rate": stream.average_rate, "unit": stream.time_base, "long": container.duration}


def left_over(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if path.name.startswith(".") or "part" in path.name]


# Sharing out


@pytest.mark.parametrize("batch", [1, 2, 3, 4, 8])
@pytest.mark.parametrize("count", [16, 50, 51, 119, 1000])
@pytest.mark.parametrize("asked", [1, 2, 3, 7])
def test_shares_cover_every_frame_once_and_read_two_frames_before(count: int, asked: int, batch: int) -> None:
    times = [index / 30 for index in range(count)]
    shares = share_out(times, asked, batch)
    assert [index for share in shares for index in share.own] == list(range(count))
    for share in shares:
        assert share.own.start % batch == share.read.start % batch == 0
        assert share.read.stop == share.own.stop
        assert share.read.start == 0 or share.own.start - share.read.start >= 2
        assert share.begins_s == times[share.own.start]
    sizes = [len(share.own) for share in shares]
    assert len(shares) == 1 or min(sizes) >= min(LEAST_FRAMES, max(sizes) - 2 * batch)


@pytest.mark.parametrize(("count", "expected"), [(1, 1), (LEAST_FRAMES, 1), (2 * LEAST_FRAMES, 2), (500, 8)])
def test_short_files_get_fewer_jobs(count: int, expected: int) -> None:
    assert len(share_out([index / 30 for index in range(count)], 8)) == expected


@pytest.mark.parametrize("name", FILES)
def test_times_are_those_of_the_frames(tmp_path: Path, name: str) -> None:
    path = write_video(tmp_path / name, numbered(COUNT), **FILES[name])  # type: ignore[arg-type]
    times = frame_times(path)
    assert times == ([] if name == "notimes.h264" else [frame.pts_s for frame in read(path)])


def test_a_file_without_times_is_not_split(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.h264", numbered(COUNT))
    assert plan_jobs(str(path), "null", 3).shares == ()


@pytest.mark.parametrize("source", ["camera:0", "pattern", "face.png"])
def test_only_files_are_split(source: str) -> None:
    with pytest.raises(SourceError, match="only video files"):
        plan_jobs(source, "out.mp4", 2)


@pytest.mark.parametrize("sink", ["-", "pipe:y4m", "window"])
def test_only_files_pictures_and_null_are_written_in_jobs(clip: Path, sink: str) -> None:
    with pytest.raises(SinkError, match="leave out --jobs"):
        plan_jobs(str(clip), sink, 2)


# Jobs give what one process gives


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(("name", "alpha"), KINDS)
def test_every_kind_of_file_is_joined_as_if_written_at_once(
    clip: Path, tmp_path: Path, name: str, alpha: Alpha
) -> None:
    settings = replace(CLEAR, backdrop="transparent" if alpha else "green")
    sound = not name.endswith(".webm")
    one = whole(clip, tmp_path / f"one-{name}", settings, alpha, sound)
    other = split(clip, tmp_path / f"other-{name}", settings, alpha, sound)
    assert head(other) == head(one)
    assert [picture.pts for picture in pictures(other)] == [picture.pts for picture in pictures(one)]
    assert not sound or packets(other) == packets(one)
    if name in ("out.mkv", "out.mov") and alpha is True:
        assert same_images(one, other)
    assert left_over(tmp_path) == []


@pytest.mark.usefixtures("here")
def test_alpha_of_webm_is_still_there(clip: Path, tmp_path: Path) -> None:
    out = split(clip, tmp_path / "out.webm", CLEAR, sound=False)
    decoded = pictures(out, decoder="libvpx-vp9")
    assert len(decoded) == COUNT
    assert all(picture.format.name == "yuva420p" for picture in decoded)


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("name", ["out.mp4", "out.mkv"])
def test_a_variable_rate_stays_one(tmp_path: Path, name: str) -> None:
    times = [Fraction(index * index, 300) for index in range(COUNT)]
    clip = write_video(tmp_path / "clip.mp4", numbered(COUNT), times=times, sound="aac")
    settings = replace(CLEAR, backdrop="green")
    one = whole(clip, tmp_path / f"one-{name}", settings)
    other = split(clip, tmp_path / f"other-{name}", settings)
    assert [frame.pts_s for frame in read(other)] == [frame.pts_s for frame in read(one)]
    decoded_at = decoding_times(other)
    assert all(before < after for before, after in pairwise(decoded_at))


def decoding_times(path: Path) -> list[int]:
    with av.open(str(path)) as container:
        found = [packet.dts for packet in container.demux(video=0) if packet.size]
    return [time for time in found if time is not None]


@pytest.mark.usefixtures("here")
def test_pictures_that_begin_after_the_sound_stay_in_time_with_it(clip: Path, tmp_path: Path) -> None:
    late = tmp_path / "late.mkv"
    with av.open(str(clip)) as source, av.open(str(late), "w") as output:
        copies = {stream.index: output.add_stream_from_template(stream) for stream in source.streams}
        for packet in source.demux():
            if packet.size and packet.pts is not None and packet.dts is not None:
                if isinstance(packet.stream, VideoStream):
                    delay = round(Fraction(217, 1000) / packet.time_base)
                    packet.pts, packet.dts = packet.pts + delay, packet.dts + delay
                packet.stream = copies[packet.stream.index]
                output.mux(packet)
    one, other = whole(late, tmp_path / "one.mp4", CLEAR, "side-by-side"), tmp_path / "other.mp4"
    split(late, other, CLEAR, "side-by-side")
    assert packets(other) == packets(one)
    assert [picture.pts for picture in pictures(other)] == [picture.pts for picture in pictures(one)]
    assert (pictures(other)[0].time or 0) > 0.2


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("batch", [2, 4])
def test_batches_and_jobs_together_change_nothing(clip: Path, tmp_path: Path, batch: int) -> None:
    one = whole(clip, tmp_path / "one.mkv", CLEAR)
    other = split(clip, tmp_path / "other.mkv", replace(CLEAR, batch=batch))
    assert same_images(one, other)


BACKENDS = [("onnx", {}), ("openvino", {"precision": "f32"}), ("openvino", {"precision": "bf16"})]


@pytest.fixture(params=BACKENDS, ids=["onnx", "openvino-f32", "openvino-bf16"])
def real(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings of a real backend whose precision is fixed."""
    name, fixed = request.param
    if not installed(name):
        pytest.skip(f"the {name} runtime is not installed")
    plain = Settings.backend_options
    monkeypatch.setattr(Settings, "backend_options", lambda settings: plain(settings) | fixed)
    settings = replace(CLEAR, backend=name)
    try:
        from rimlight.backends import open_backend
        from rimlight.types import Size

        open_backend(name, Size(64, 112), **settings.backend_options()).close()
    except BackendError as error:
        pytest.skip(str(error))
    return settings


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("batch", [1, 4])
def test_real_backends_give_the_same_bits_in_jobs(clip: Path, tmp_path: Path, real: Settings, batch: int) -> None:
    settings = replace(real, batch=batch)
    one = whole(clip, tmp_path / "one.mkv", settings, sound=False)
    other = split(clip, tmp_path / "other.mkv", settings, sound=False)
    assert same_images(one, other)


def test_batches_give_the_same_bits_as_single_frames(clip: Path, tmp_path: Path, real: Settings) -> None:
    one = whole(clip, tmp_path / "one.mkv", real, sound=False)
    other = whole(clip, tmp_path / "other.mkv", replace(real, batch=4), sound=False)
    assert same_images(one, other)


def test_openvino_gives_the_same_bits_on_any_number_of_threads(clip: Path, tmp_path: Path, real: Settings) -> None:
    if real.backend != "openvino":
        pytest.skip("ONNX Runtime adds in another order on another number of threads")
    one = whole(clip, tmp_path / "one.mkv", real, sound=False)
    other = whole(clip, tmp_path / "other.mkv", replace(real, threads=2), sound=False)
    assert same_images(one, other)


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("folder", ["out/", "out/take-%03d.png"])
def test_pictures_are_numbered_through(clip: Path, tmp_path: Path, folder: str) -> None:
    whole(clip, tmp_path / "one" if folder == "out/" else tmp_path / "one-%03d.png", CLEAR, sound=False)
    run_jobs(plan_jobs(str(clip), folder, 3), f"{tmp_path}/{folder}", CLEAR)
    found = sorted((tmp_path / "out").iterdir())
    expected = sorted(path for path in tmp_path.glob("one*/*.png" if folder == "out/" else "one*.png"))
    assert len(found) == COUNT
    assert [path.read_bytes() for path in found] == [path.read_bytes() for path in expected]
    assert left_over(tmp_path / "out") == []


def test_one_picture_cannot_take_a_film(clip: Path, tmp_path: Path) -> None:
    with pytest.raises(SinkError, match="write a number"):
        run_jobs(plan_jobs(str(clip), "a.png", 2), str(tmp_path / "a.png"), CLEAR)


# Joining


def test_parts_that_were_encoded_differently_are_not_joined(tmp_path: Path) -> None:
    for name, crf in (("a.mp4", 18), ("b.mp4", 20)):
        with FileSink(tmp_path / name, INFO, crf=crf, preset="veryfast" if crf == 18 else "ultrafast") as sink:
            write_all(sink, 5)
    with pytest.raises(JobError, match="encoded differently"):
        join([(tmp_path / "a.mp4", 0.0), (tmp_path / "b.mp4", 1.0)], tmp_path / "c.mp4", tmp_path / "out.mp4", INFO)


def test_a_full_disk_while_joining_is_said(tmp_path: Path) -> None:
    with FileSink(tmp_path / "a.mp4", INFO) as sink:
        write_all(sink, 5)
    with pytest.raises(SinkError, match=r"out\.mp4 cannot be written"):
        join(
            [(tmp_path / "a.mp4", 0.0)],
            tmp_path / "none" / "c.mp4",
            tmp_path / "out.mp4",
            StreamInfo(INFO.size, INFO.rate),
        )


# Processes


def run(plan: Plan, sink: Path, settings: Settings = CLEAR, written: Callable[[], None] = lambda: None) -> Stats:
    stats = Stats()
    run_jobs(plan, str(sink), settings, sound_from=str(plan.path), stats=stats, written=written)
    return stats


@pytest.fixture
def plan(clip: Path) -> Plan:
    return plan_jobs(str(clip), "out.mkv", 3)


def nothing_left(folder: Path) -> bool:
    return multiprocessing.active_children() == [] and [path.name for path in folder.iterdir()] == ["clip.mp4"]


def test_processes_give_the_same_bits(clip: Path, plan: Plan, tmp_path: Path) -> None:
    written: list[int] = []
    stats = run(plan, tmp_path / "out.mkv", written=lambda: written.append(1))
    assert len(written) == stats.snapshot().counts["out"] == COUNT
    assert stats.snapshot().stages["write"].count == COUNT + 4  # two frames before each share but the first
    assert left_over(tmp_path) == []
    assert multiprocessing.active_children() == []
    one = whole(clip, tmp_path / "one.mkv", CLEAR)
    assert same_images(one, tmp_path / "out.mkv")
    assert packets(one) == packets(tmp_path / "out.mkv")


def test_an_error_names_the_frames_and_leaves_nothing(plan: Plan, tmp_path: Path) -> None:
    with pytest.raises(JobError, match=r"frames \d+ to \d+ of .*clip\.mp4: .* has no device 'cuda'"):
        run(plan, tmp_path / "out.mkv", replace(CLEAR, backend="onnx", device="cuda"))
    assert nothing_left(tmp_path)


def test_a_killed_process_ends_all_and_leaves_nothing(plan: Plan, tmp_path: Path) -> None:
    def kill() -> None:
        pid = multiprocessing.active_children()[0].pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)

    with pytest.raises(JobError, match=r"frames \d+ to \d+ .* was ended by SIGKILL"):
        run(plan, tmp_path / "out.mkv", written=kill)
    assert nothing_left(tmp_path)


def test_an_interrupt_ends_all_and_says_that_nothing_is_kept(plan: Plan, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt, match=NOTHING_KEPT):
        run(plan, tmp_path / "out.mkv", written=lambda: signal.raise_signal(signal.SIGINT))
    assert nothing_left(tmp_path)


# Batches


@pytest.mark.parametrize(
    ("device", "long_side", "live", "batch"),
    [
        ("cpu", 512, False, 1),
        ("cuda", 512, False, 4),
        ("cuda", 1024, False, 2),
        ("gpu.0", 2048, False, 1),
        ("cuda", 512, True, 1),
    ],
)
def test_batches_are_for_files_on_devices_that_would_wait(device: str, long_side: int, live: bool, batch: int) -> None:
    assert batch_for(device, long_side, live=live) == batch
