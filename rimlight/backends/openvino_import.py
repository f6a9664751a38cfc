"""OpenVINO, imported so that it tells nobody about it.

Its package sends an event to its makers when it is imported, unless the package that sends is absent; where that
cannot be imported, OpenVINO uses a stand-in of its own that sends nothing.
"""

from __future__ import annotations

import sys

sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]  # None: cannot be imported

import openvino as ov  # noqa: E402

__all__ = ["ov"]
