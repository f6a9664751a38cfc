"""The rules of device paths that need no path: which status is good, and which backend has a path where."""

from __future__ import annotations

import numpy as np
import pytest

from rimlight.backends.device_path import check_status, has_device_path, open_device_path
from rimlight.errors import BackendError
from rimlight.gpu.layout import room_bytes, status_offset
from rimlight.types import Size

FULL, SMALL, ODD = Size(90, 161), Size(48, 80), Size(63, 113)


@pytest.mark.parametrize(
    ("words", "number", "says"),
    [((7, 0), 8, "frame 7 instead of 8"), ((8, 3), 8, "3 numbers that are none"), ((8, 0), 8, "")],
)
def test_a_status_speaks_of_its_own_frame(words: tuple[int, int], number: int, says: str) -> None:
    room = np.zeros(room_bytes(ODD, "rgb"), np.uint8)
    room[status_offset(ODD, "rgb") :] = np.array(words, "<u4").view(np.uint8)
    if says:
        with pytest.raises(BackendError, match=says):
            check_status(room, ODD, "rgb", number)
    else:
        check_status(room, ODD, "rgb", number + 2**32)


def test_a_backend_without_a_device_path_says_so() -> None:
    assert open_device_path("fake", FULL, SMALL) is None
    assert open_device_path("torch", FULL, SMALL, device="cpu") is None


@pytest.mark.parametrize("fastest", ["onnx", "torch"])
def test_auto_has_the_path_of_what_it_takes(monkeypatch: pytest.MonkeyPatch, fastest: str) -> None:
    monkeypatch.setattr("rimlight.backends.device_path.fastest", lambda: fastest)
    assert has_device_path("auto", "cuda:1") == (fastest == "torch")
    assert not has_device_path("auto", "cpu")
