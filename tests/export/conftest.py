"""Exported files, made once for all tests that look at them."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest

from rimlight.types import Size

SMALL = Size(96, 160)
NEED_EXTRA = ["test_check.py", "test_engines.py", "test_forms.py", "test_metadata.py"]
collect_ignore = [] if find_spec("torch") and find_spec("onnx") else NEED_EXTRA


@pytest.fixture(scope="session")
def exports(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("exports")


@pytest.fixture(scope="session")
def fixed(exports: Path) -> Path:
    """ONNX of one small size and two frames per call."""
    from rimlight.export.form import Form
    from rimlight.export.to_onnx import export_onnx

    path = exports / "fixed.onnx"
    export_onnx(path, None, Form(SMALL, 2))
    return path


@pytest.fixture(scope="session")
def half(exports: Path) -> Path:
    from rimlight.export.form import Form
    from rimlight.export.to_onnx import export_onnx

    path = exports / "half.onnx"
    export_onnx(path, None, Form(precision="f16"))
    return path
