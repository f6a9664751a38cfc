from __future__ import annotations

import pytest

from rimlight.errors import SinkError
from rimlight.realtime.sinks.null import NullSink, from_spec
from rimlight.realtime.sinks.options import Options

from .outputs import INFO, write_all


def test_it_counts() -> None:
    with NullSink() as sink:
        write_all(sink, 7)
    assert sink.frames == 7


@pytest.mark.parametrize(
    ("spec", "alpha", "wants"),
    [("", False, "rgb"), ("", True, "rgba"), ("i420", False, "i420"), ("rgba", False, "rgba"), ("rgb", False, "rgb")],
)
def test_it_asks_for_the_pixels_it_is_told_to(spec: str, alpha: bool, wants: str) -> None:
    sink = from_spec(spec, INFO, Options(alpha=alpha))
    assert sink.wants == wants
    assert sink.carries_alpha == (wants == "rgba")


def test_unknown_pixels_are_refused() -> None:
    with pytest.raises(SinkError, match="null:rgb"):
        from_spec("bgr", INFO, Options())
