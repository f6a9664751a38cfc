from __future__ import annotations

from pathlib import Path

import pytest

from rimlight.realtime.sinks.file import FileSink

from .outputs import INFO, packets, write_all

ENOUGH = 12  # times; without being held to AVX2, x264 wrote another file about one time in three here


@pytest.mark.parametrize("preset", ["veryfast", "medium"])
def test_with_its_threads_named_an_encoder_writes_the_same_every_time(tmp_path: Path, preset: str) -> None:
    found = []
    for number in range(ENOUGH):
        with FileSink(tmp_path / f"{number}.mp4", INFO, threads=1, preset=preset) as sink:
            write_all(sink, 24)
        found.append(packets(tmp_path / f"{number}.mp4", "video"))
    assert all(one == found[0] for one in found)
