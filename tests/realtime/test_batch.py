from __future__ import annotations

import pytest

from rimlight.realtime.batch import batch_for


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
