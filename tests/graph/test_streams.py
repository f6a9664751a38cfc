"""How many streams a call takes."""

from __future__ import annotations

import pytest

from rimlight.errors import FrameError
from rimlight.graph.streams import Streams


@pytest.mark.parametrize(("text", "streams"), [("1", Streams()), ("4", Streams(4, 4, 4)), ("1:4:8", Streams(1, 4, 8))])
def test_streams_are_read_as_they_are_written(text: str, streams: Streams) -> None:
    assert Streams.parse(text) == streams
    assert str(streams) == text
    assert streams.is_fixed == (":" not in text)


@pytest.mark.parametrize("text", ["", "0", "-1", "1:2", "1:2:3:4", "a:b:c", "1:8:4", "2:1:4", "1.5", "1:2:99999", "²"])
def test_what_is_no_range_is_refused(text: str) -> None:
    with pytest.raises(FrameError, match="expected"):
        Streams.parse(text)
