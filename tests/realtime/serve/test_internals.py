from __future__ import annotations

from types import ModuleType

import aiortc
import pytest

from rimlight.realtime.serve.internals import FITS, InternalsError, check_internals, swap
from rimlight.realtime.serve.lowdelay import INTERNALS as OF_LOW_DELAY
from rimlight.realtime.serve.tuning import INTERNALS as OF_TUNING


def test_the_installed_aiortc_has_all_parts() -> None:
    check_internals((*OF_LOW_DELAY, *OF_TUNING))


def test_what_is_missing_is_named_with_what_to_install() -> None:
    with pytest.raises(InternalsError) as caught:
        check_internals(["aiortc:RTCPeerConnection.close", "aiortc:RTCPeerConnection.nothing", "aiortc.nowhere:x"])
    lacks = "aiortc:RTCPeerConnection.nothing, aiortc.nowhere:x"
    assert str(caught.value) == f"aiortc {aiortc.__version__} lacks {lacks}; run: pip install '{FITS}'"


def test_a_swap_gives_back_what_was_there() -> None:
    module = ModuleType("module")
    vars(module)["part"] = "before"
    assert swap(module, "part", "after") == "before"
    assert vars(module)["part"] == "after"
