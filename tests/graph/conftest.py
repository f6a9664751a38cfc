"""What tests of graphs share: sizes, and files made once."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest

from rimlight.types import Size

SMALL = Size(96, 160)
SEEN = Size(144, 256)  # at which half precision and less still see somebody
NEED_ONNX = ["test_fixed.py", "test_int8.py"]
collect_ignore = [] if find_spec("onnx") else NEED_ONNX


@pytest.fixture(scope="session")
def int8(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shipped network with a decoder in 8 bits, its sizes free."""
    onnx = pytest.importorskip("onnx")
    from rimlight.export.clips import clip
    from rimlight.graph.fixed import read_graph
    from rimlight.graph.half import half_graph
    from rimlight.graph.int8 import int8_graph
    from rimlight.graph.metadata import Metadata, write_onnx

    model = half_graph(int8_graph(read_graph()[0], *clip(8, SEEN)))
    write_onnx(model, Metadata(precision="int8"))
    path = tmp_path_factory.mktemp("graphs") / "int8.onnx"
    onnx.save(model, str(path))
    return path
