"""The product on real people: as good as the reference, sound and frames kept, alpha where it was asked for."""

from __future__ import annotations

from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from rimlight import Settings
from rimlight.backends import installed
from rimlight.realtime.runner import run_stream
from rimlight.realtime.session import Session
from rimlight.realtime.sources import open_source
from rimlight.types import FloatArray, Frame, UInt8Array

FEW = 6  # frames of a clip: enough that the memory is full


def read_clip(folder: Path, most: int | None) -> tuple[list[UInt8Array], list[FloatArray]]:
    """The first pictures (H, W, 3) and true alphas (H, W) of a test clip."""
    pictures = [cv2.imread(str(path))[:, :, ::-1] for path in sorted((folder / "src").glob("*.jpg"))[:most]]
    alphas = [cv2.imread(str(path), cv2.IMREAD_GRAYSCALE) / 255 for path in sorted((folder / "pha").glob("*.png"))]
    return [np.ascontiguousarray(picture) for picture in pictures], [a.astype(np.float32) for a in alphas[:most]]


def mean_error(clips: list[Path], backend: str, most: int | None) -> float:
    """Mean absolute difference of alpha over all clips, as the product gives it at full resolution."""
    errors = []
    with Session(Settings(backend=backend)) as session:
        for clip in clips:
            for index, (picture, truth) in enumerate(zip(*read_clip(clip, most), strict=True)):
                matte = session.matte(Frame(picture, index / 30, 0.0, cut=index == 0))
                errors.append(np.abs(matte.alpha - truth).mean())
    return float(np.mean(errors))


@pytest.fixture(scope="module")
def some(shared: Path) -> list[Path]:
    return sorted((shared / "data" / "test").glob("lr_*"))[:5]


@pytest.fixture(scope="module")
def of_torch(some: list[Path]) -> float:
    """Mean error of the reference on some clips."""
    if not installed("torch"):
        pytest.skip("the torch extra is not installed")
    return mean_error(some, "torch", FEW)


@pytest.mark.parametrize(("backend", "tolerance"), [("onnx", 1e-4), ("openvino", 0.04)])
def test_mattes_are_as_good_as_the_torch_reference(
    some: list[Path], of_torch: float, backend: str, tolerance: float
) -> None:
    if not installed(backend):
        pytest.skip(f"the {backend} extra is not installed")
    assert mean_error(some, backend, FEW) == pytest.approx(of_torch, rel=tolerance)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["lr", "hd"])
def test_over_whole_clips_the_fastest_backend_is_within_two_percent_of_torch(shared: Path, kind: str) -> None:
    if not installed("torch"):
        pytest.skip("the torch extra is not installed")
    clips = sorted((shared / "data" / "test").glob(f"{kind}_*"))
    assert mean_error(clips, "auto", None) == pytest.approx(mean_error(clips, "torch", None), rel=0.02)


def test_a_talking_person_keeps_sound_and_frames(shared: Path, tmp_path: Path) -> None:
    clip, out = shared / "clips" / "talking.mp4", tmp_path / "out.mp4"
    with open_source(str(clip)) as source:
        run_stream(source, str(out), Settings(backdrop="blur"), sound_from=str(clip))

    def sound_and_count(path: Path) -> tuple[list[bytes], int]:
        with av.open(str(path)) as container:
            sound = [bytes(packet) for packet in container.demux(audio=0) if packet.size]
        with av.open(str(path)) as container:
            return sound, sum(1 for _ in container.decode(video=0))

    assert sound_and_count(out) == sound_and_count(clip)


def test_a_person_at_a_desk_is_cut_out_with_alpha(shared: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.mov"
    with open_source(str(shared / "clips" / "desk.mp4")) as source:
        run_stream(source, str(out), Settings(backdrop="transparent"))
    with av.open(str(out)) as container:
        frames = [frame.to_ndarray(format="rgba") for frame in container.decode(video=0)]
    alpha = frames[60][:, :, 3] / 255
    assert len(frames) == 120
    assert alpha[40, 40] < 0.05  # the wall
    assert alpha[300, 600] > 0.95  # her coat
    assert 0.1 < alpha.mean() < 0.5
