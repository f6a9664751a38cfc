"""rimlight cuts the person out of live video, without green screen or trimap, and puts any backdrop behind.

    import rimlight

    for frame, matte in rimlight.mattes("in.mp4"):
        matte.alpha        # (H, W) float32, 0..1
        matte.foreground   # (H, W, 3) uint8 RGB, straight alpha

`Session` does the same for frames of your own. Names load when first used, so importing rimlight is cheap.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_HOMES = {
    "mattes": "rimlight.api",
    "Session": "rimlight.realtime.session",
    "Settings": "rimlight.realtime.session",
    "EdgeOptions": "rimlight.compose",
    "open_source": "rimlight.realtime.sources",
    "open_sink": "rimlight.realtime.sinks",
    "open_backend": "rimlight.backends",
    "Frame": "rimlight.types",
    "Matte": "rimlight.types",
    "Size": "rimlight.types",
    "I420": "rimlight.types",
    "RimlightError": "rimlight.errors",
}
__all__ = [
    "I420",
    "EdgeOptions",
    "Frame",
    "Matte",
    "RimlightError",
    "Session",
    "Settings",
    "Size",
    "__version__",
    "mattes",
    "open_backend",
    "open_sink",
    "open_source",
]  # fmt: skip

if TYPE_CHECKING:
    from rimlight.api import mattes
    from rimlight.backends import open_backend
    from rimlight.compose import EdgeOptions
    from rimlight.errors import RimlightError
    from rimlight.realtime.session import Session, Settings
    from rimlight.realtime.sinks import open_sink
    from rimlight.realtime.sources import open_source
    from rimlight.types import I420, Frame, Matte, Size


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'rimlight' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)
