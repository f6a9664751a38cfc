"""What every sink promises, wherever it writes."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from rimlight.errors import SinkError
from rimlight.realtime.sinks import SINKS, Alpha, Sink, open_sink
from rimlight.realtime.sinks.file import FileSink
from rimlight.realtime.sinks.pipe import FORMATS, PipeSink
from rimlight.realtime.sinks.virtualcam import VirtualCamSink
from rimlight.realtime.sinks.window import WindowSink
from rimlight.types import Size
from tests.realtime.sinks.cameras import Kernel, registered
from tests.realtime.sinks.outputs import INFO, leftovers, write_all
from tests.realtime.sinks.test_window import FakeScreen

Opens = Callable[[Path], Sink]

SPECS: list[tuple[str, Alpha]] = [
    ("out.mp4", False),
    ("out.mov", False),
    ("out.mkv", False),
    ("out.webm", False),
    ("out.mov", True),
    ("out.mkv", True),
    ("out.webm", True),
    ("out.mp4", "side-by-side"),
    ("out/", False),
    ("out-%04d.png", True),
    ("out-%04d.jpg", False),
]
OPENERS: dict[str, Opens] = {
    **{f"{name} {alpha}": lambda at, n=name, a=alpha: open_sink(f"{at}/{n}", INFO, alpha=a) for name, alpha in SPECS},
    **{f"pipe:{form}": lambda _, f=form: PipeSink(f, INFO, io.BytesIO()) for form in FORMATS},
    "window": lambda _: WindowSink(FakeScreen()),
    "null": lambda _: open_sink("null", INFO),
    "null alpha": lambda _: open_sink("null", INFO, alpha=True),
}


BACKENDS = ("v4l2loopback", "obs")  # of virtual cameras: planes for the one, RGB for the others


@pytest.fixture(params=[*OPENERS, *BACKENDS])
def opens(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Opens]:
    if request.param in OPENERS:
        yield OPENERS[request.param]
        return
    Kernel(tmp_path_factory.mktemp("kernel"), monkeypatch).add(10, f"YU12:{INFO.size}@30")
    with registered(request.param):
        yield lambda _: VirtualCamSink(INFO, backend=request.param)


def test_it_is_a_sink_with_facts(opens: Opens, tmp_path: Path) -> None:
    with opens(tmp_path) as sink:
        assert isinstance(sink, Sink)
        assert sink.wants in ("rgb", "rgba", "i420")
        assert sink.carries_alpha == (sink.wants == "rgba")


def test_it_takes_frames_whose_buffer_is_used_again(opens: Opens, tmp_path: Path) -> None:
    with opens(tmp_path) as sink:
        write_all(sink, 3)
    assert leftovers(tmp_path) == []


def test_it_closes_twice(opens: Opens, tmp_path: Path) -> None:
    sink = opens(tmp_path)
    write_all(sink, 1)
    sink.close()
    sink.close()


def test_it_opens_and_closes_without_a_frame(opens: Opens, tmp_path: Path) -> None:
    with opens(tmp_path):
        pass
    assert [path for path in tmp_path.iterdir() if path.is_file()] == []


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_an_error_passes_through_and_no_part_is_left(
    opens: Opens, tmp_path: Path, error: type[BaseException]
) -> None:  # fmt: skip
    def work() -> None:
        with opens(tmp_path) as sink:
            write_all(sink, 2)
            raise error

    with pytest.raises(error):
        work()
    assert leftovers(tmp_path) == []


def test_a_new_size_is_taken_or_refused_with_advice(opens: Opens, tmp_path: Path) -> None:
    with opens(tmp_path) as sink:
        write_all(sink, 1)
        if isinstance(sink, FileSink | PipeSink | VirtualCamSink):
            with pytest.raises(SinkError, match="64x32; scale"):
                write_all(sink, 1, Size(32, 64))
        else:
            write_all(sink, 1, Size(32, 64))


@pytest.mark.parametrize(
    ("spec", "kind", "rest"),
    [
        ("out.mp4", "file", "out.mp4"),
        ("C:\\out.mp4", "file", "C:\\out.mp4"),
        ("file:null", "file", "null"),
        ("-", "pipe", "y4m"),
        ("pipe:rgba", "pipe", "rgba"),
        ("pipe", "pipe", ""),
        ("window", "window", ""),
        ("null", "null", ""),
        ("null:i420", "null", "i420"),
        ("virtualcam", "virtualcam", ""),
        ("virtualcam:/dev/video10", "virtualcam", "/dev/video10"),
        ("out/", "pictures", "out/"),
        ("out/%05d.png", "pictures", "out/%05d.png"),
        ("me.JPG", "pictures", "me.JPG"),
        ("pictures:out", "pictures", "out"),
    ],
)
def test_a_spec_chooses_the_sink(monkeypatch: pytest.MonkeyPatch, spec: str, kind: str, rest: str) -> None:
    asked: list[tuple[str, str]] = []
    for name in SINKS:
        monkeypatch.setitem(SINKS, name, lambda text, _info, _options, name=name: asked.append((name, text)))
    open_sink(spec, INFO)
    assert asked == [(kind, rest)]


def test_a_folder_that_exists_gets_pictures(tmp_path: Path) -> None:
    with open_sink(str(tmp_path), INFO) as sink:
        write_all(sink, 1)
    assert (tmp_path / "00000.png").exists()


def test_an_empty_spec_is_refused() -> None:
    with pytest.raises(SinkError, match="empty name"):
        open_sink("", INFO)
