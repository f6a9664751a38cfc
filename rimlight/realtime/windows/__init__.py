"""Windows that need nothing but Python's own tkinter, each in a process of its own."""

from rimlight.realtime.windows.tkscreen import TkScreen
from rimlight.realtime.windows.view import View

__all__ = ["TkScreen", "View"]
