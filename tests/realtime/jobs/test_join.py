from __future__ import annotations

from pathlib import Path

import pytest

from rimlight.errors import JobError, SinkError
from rimlight.realtime.jobs.join import join
from rimlight.realtime.sinks.base import StreamInfo
from rimlight.realtime.sinks.file import FileSink
from tests.realtime.sinks.outputs import INFO, write_all


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
