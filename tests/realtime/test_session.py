from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from rimlight.realtime.loop import _grouped
from rimlight.realtime.session import IN_FLIGHT, Matter, Settings

from rimlight.types import Size

from .streams import FAKE, ONNX, copied, frames, same


@pytest.mark.parametrize("settings", [FAKE, ONNX], ids=["fake", "onnx"])
@pytest.mark.parametrize("sizes", [[Size(64, 112)] * 12, [Size(128, 224)] * 5 + [Size(256, 448)] * 4 + [Size(128, 224)] * 4, [Size(128, 224)] * 3 + [Size(256, 448)] * 3 + [Size(128, 224)] * 4], ids=["one size", "two sizes", "threes"])
@pytest.mark.parametrize("batch", [1, 4])
def test_results_stay_good_while_the_groups_after_them_are_in_flight(settings: Settings, batch: int, sizes: list[Size]) -> None:
    matter = Matter(replace(settings, batch=batch))
    given = [frame for i, size in enumerate(sizes[:-1]) for frame in frames(1, size, seed=i)]
    given = [replace(frame, cut=i == 0) for i, frame in enumerate(given)]
    held = []
    for group in _grouped(iter(given), batch):
        results = matter.matte(group)
        held = [*held, [(result, copied(result.coefficients), result.small.copy()) for result in results]][-IN_FLIGHT + 1:]
        for results_before in held:
            for result, coefficients, small in results_before:
                assert same(result, coefficients)
                assert np.array_equal(result.small, small)
    matter.close()
