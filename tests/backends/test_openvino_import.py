"""Importing the backend must not tell anybody about it."""

from __future__ import annotations

import subprocess
import sys

import pytest

CODE = """
import sys
import rimlight.backends.on_openvino
from openvino.tools.ovc import telemetry_utils as used
print(used.tm.__name__, sys.modules.get("openvino_telemetry"))
"""


def test_openvino_sends_nothing_when_it_is_imported() -> None:
    pytest.importorskip("openvino.tools.ovc")
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True, timeout=120)
    assert done.stdout.split() == ["openvino.tools.ovc.telemetry_stub", "None"]
