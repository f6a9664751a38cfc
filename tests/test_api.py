from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import rimlight
from rimlight.errors import SourceError

from .realtime.sources.media import SIZE, numbered, write_video
from .realtime.streams import FAKE, ONNX


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_video(tmp_path_factory.mktemp("clip") / "a.mp4", numbered(7))


def test_every_frame_of_a_file_comes_with_its_matte(clip: Path) -> None:
    found = list(rimlight.mattes(clip, FAKE))
    assert len(found) == 7
    assert [round(frame.pts_s * 30) for frame, _ in found] == list(range(7))
    for frame, matte in found:
        assert frame.size == SIZE
        assert matte.alpha.shape == (SIZE.height, SIZE.width)
        assert matte.alpha.dtype == np.float32
        assert matte.foreground.shape == (SIZE.height, SIZE.width, 3)


def test_mattes_are_those_of_a_session(clip: Path) -> None:
    with rimlight.open_source(str(clip)) as source, rimlight.Session(ONNX) as session:
        wanted = [session.matte(frame).alpha for frame in source]
    found = [matte.alpha for _, matte in rimlight.mattes(str(clip), ONNX)]
    assert all(np.array_equal(one, other) for one, other in zip(found, wanted, strict=True))


def test_breaking_off_frees_the_file(clip: Path, tmp_path: Path) -> None:
    copy = tmp_path / "b.mp4"
    copy.write_bytes(clip.read_bytes())
    stream = rimlight.mattes(copy, FAKE)
    next(stream)
    stream.close()
    copy.unlink()
    assert next(stream, None) is None


def test_a_pattern_and_a_picture_are_sources_too(tmp_path: Path) -> None:
    assert len(list(rimlight.mattes("pattern:64x48@30:3", FAKE))) == 3
    with rimlight.open_sink(str(tmp_path / "a.png"), rimlight_info()) as sink:
        sink.write(rimlight.Frame(numbered(1)[0], 0.0, 0.0))
    assert len(list(rimlight.mattes(tmp_path / "a.png", FAKE))) == 1


def rimlight_info() -> object:
    from fractions import Fraction

    from rimlight.realtime.sinks import StreamInfo

    return StreamInfo(SIZE, Fraction(30))


def test_a_file_that_cannot_be_read_is_an_error_of_the_project(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no file"):
        next(rimlight.mattes(tmp_path / "none.mp4"))


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = rimlight.nothing
