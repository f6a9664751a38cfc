from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from av.video.stream import VideoStream

from rimlight.backends import installed, open_backend
from rimlight.errors import BackendError, SinkError
from rimlight.realtime import jobs
from rimlight.realtime.jobs import plan_jobs, run_jobs
from rimlight.realtime.jobs.plan import share_out
from rimlight.realtime.session import Settings
from rimlight.realtime.sinks.options import Alpha
from rimlight.types import FloatArray, Size

from .jobs.runs import CLEAR, COUNT, HereCrew, left_over, same_images, split, whole, write_clip
from .sinks.outputs import packets, pictures
from .sources.media import numbered, read, write_video

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
BACKENDS = [("onnx", {}), ("openvino", {"precision": "f32"}), ("openvino", {"precision": "bf16"})]


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Jobs done in this process."""
    monkeypatch.setattr(jobs, "Crew", HereCrew)


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return write_clip(tmp_path)


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
        open_backend(name, Size(64, 112), **settings.backend_options()).close()
    except BackendError as error:
        pytest.skip(str(error))
    return settings


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("batch", [1, 4])
def test_real_backends_give_the_same_bits_in_jobs(clip: Path, tmp_path: Path, real: Settings, batch: int) -> None:
    one = whole(clip, tmp_path / "one.mkv", real, sound=False)
    other = split(clip, tmp_path / "other.mkv", replace(real, batch=batch), sound=False, count=2)
    assert same_images(one, other)


@pytest.mark.parametrize("batch", [1, 4])
@pytest.mark.parametrize("threads", [1, 2])
def test_a_share_of_onnx_has_the_very_floats_of_the_whole(threads: int, batch: int) -> None:
    size, count = Size(64, 112), 24
    images = np.random.default_rng(0).random((count, 3, size.height, size.width), np.float32)
    share = share_out([float(t) for t in range(count)], 2, batch)[1]
    found = [floats(images[frames.start :], batch, threads) for frames in (range(count), share.read)]
    own = len(share.own)
    assert np.array_equal(found[0][-own:], found[1][-own:])


def floats(images: FloatArray, batch: int, threads: int) -> FloatArray:
    """Scale and offset (T, 2, 4, h, w) of frames after a cut, in calls of a batch."""
    backend = open_backend("onnx", Size(*images.shape[2:]), batch, threads=threads)
    calls, memory = [], None
    for first in range(0, len(images), batch):
        found, memory = backend.clip(images[first : first + batch], memory, [t == first == 0 for t in range(batch)])
        calls.append(np.stack([np.stack([one.scale, one.offset]) for one in found]))
    backend.close()
    return np.concatenate(calls)


@pytest.mark.slow
def test_openvino_gives_the_same_bits_on_any_number_of_threads(clip: Path, tmp_path: Path, real: Settings) -> None:
    if real.backend != "openvino":
        pytest.skip("ONNX Runtime adds in another order on another number of threads")
    one = whole(clip, tmp_path / "one.mkv", real, sound=False)
    other = whole(clip, tmp_path / "other.mkv", replace(real, threads=2), sound=False)
    assert same_images(one, other)


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("folder", ["out/", "out/take-%03d.png"])
def test_pictures_are_numbered_through(clip: Path, tmp_path: Path, folder: str) -> None:
    whole(clip, f"{tmp_path}/{folder.replace('out', 'one')}", CLEAR, sound=False)
    split(clip, f"{tmp_path}/{folder}", CLEAR, sound=False)
    found, expected = sorted((tmp_path / "out").iterdir()), sorted((tmp_path / "one").iterdir())
    assert len(found) == COUNT
    assert [(path.name, path.read_bytes()) for path in found] == [(path.name, path.read_bytes()) for path in expected]
    assert left_over(tmp_path / "out") == []


def test_one_picture_cannot_take_a_film(clip: Path, tmp_path: Path) -> None:
    with pytest.raises(SinkError, match="write a number"):
        run_jobs(plan_jobs(str(clip), "a.png", 2), str(tmp_path / "a.png"), CLEAR)
