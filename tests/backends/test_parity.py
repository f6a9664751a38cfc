"""Every real backend gives the mattes of the torch reference over many recurrent frames and a cut."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest

from rimlight.backends import installed, open_backend
from rimlight.compose import low_alpha
from rimlight.errors import BackendError
from rimlight.types import Coefficients, FloatArray, Size

SIZE = Size(96, 160)
FRAMES = 12


def moving_scene() -> FloatArray:
    """(T, 3, h, w): a bright disc before a gradient, moving; smooth, as pictures are."""
    y, x = np.mgrid[0 : SIZE.height, 0 : SIZE.width].astype(np.float32)
    frames = []
    for t in range(FRAMES):
        disc = np.exp(-((x - 60 - 3 * t) ** 2 + (y - 60) ** 2) / 600)
        frames.append(np.stack([0.2 + 0.7 * disc, x / SIZE.width, 0.6 * disc + y / SIZE.height / 3]))
    return np.clip(np.stack(frames), 0, 1).astype(np.float32)


def run(name: str, batch: int, frames: FloatArray, **options: Any) -> list[Coefficients]:
    backend = open_backend(name, SIZE, batch, **options)
    cuts = [t in (0, 7) for t in range(FRAMES)]
    found, _ = backend.clip(frames, None, cuts)
    return [Coefficients(c.scale.copy(), c.offset.copy()) for c in found]


@pytest.mark.parametrize("batch", [1, 4])
def test_onnx_agrees_with_torch_over_recurrent_frames(batch: int) -> None:
    if not installed("torch"):
        pytest.skip("the torch extra is not installed")
    frames = moving_scene()
    reference, found = run("torch", 1, frames), run("onnx", batch, frames)
    for t in range(FRAMES):
        difference = np.abs(low_alpha(found[t], frames[t]) - low_alpha(reference[t], frames[t])).max()
        assert difference < 1e-3, f"frame {t}"
        assert np.abs(found[t].offset - reference[t].offset).max() < 1e-3, f"frame {t}"


@pytest.mark.parametrize("batch", [1, 4])
def test_openvino_in_float32_agrees_with_torch(batch: int) -> None:
    if not installed("torch") or not installed("openvino"):
        pytest.skip("the torch or openvino extra is not installed")
    frames = moving_scene()
    reference, found = run("torch", 1, frames), run("openvino", batch, frames, precision="f32")
    for t in range(FRAMES):
        difference = np.abs(low_alpha(found[t], frames[t]) - low_alpha(reference[t], frames[t])).max()
        assert difference < 1e-3, f"frame {t}"


def test_openvino_in_bfloat16_stays_near_float32_and_does_not_drift() -> None:
    if not installed("openvino"):
        pytest.skip("the openvino extra is not installed")
    frames = moving_scene()
    try:
        found = run("openvino", 1, frames, precision="bf16")
    except BackendError as error:
        pytest.skip(str(error))
    reference = run("openvino", 1, frames, precision="f32")
    errors = [
        np.abs(low_alpha(a, x) - low_alpha(b, x)).mean() for a, b, x in zip(found, reference, frames, strict=True)
    ]
    assert max(errors) < 0.02
    assert np.mean(errors[-4:]) < 2 * np.mean(errors[:4]) + 1e-3


def test_an_interrupt_is_survived_after_backends_were_opened_and_closed() -> None:
    if not installed("openvino"):
        pytest.skip("the openvino extra is not installed")
    code = (
        "import signal; from rimlight.backends import open_backend; from rimlight.types import Size\n"
        "kept = [open_backend('openvino', Size(32, 32), precision='f32') for _ in range(3)]\n"
        "while kept: kept.pop(0).close()\n"
        "try: signal.raise_signal(signal.SIGINT)\n"
        "except KeyboardInterrupt: print('survived')\n"
    )
    done = subprocess.run(
        [sys.executable, "-X", "faulthandler", "-c", code], capture_output=True, text=True, check=False
    )
    assert done.stdout == "survived\n", done.stderr[-500:]


def test_half_the_digits_are_not_trusted_where_nobody_is_seen() -> None:
    if not installed("openvino"):
        pytest.skip("the openvino extra is not installed")
    small = open_backend("openvino", SIZE)
    try:
        assert small.device.endswith("f32")  # the portrait's alpha is next to nothing there, and so is any difference
    finally:
        small.close()
