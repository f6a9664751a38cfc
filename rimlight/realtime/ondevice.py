"""A stream whose frames stay on the device: one upload and one download of uint8 to a frame, nothing else comes down.

Letters: h, w internal size.
"""

from __future__ import annotations

from collections.abc import Sequence

from rimlight.backends.device_path import Behind, DevicePath, SceneBlur
from rimlight.compose import EdgeOptions
from rimlight.realtime.backdrops import Backdrop, Blur, Scene
from rimlight.types import Coefficients, FloatArray, Frame, Pixels, Size


class MattedOnDevice:
    """A frame whose results lie on a device, for as many calls as its path keeps them.

    What observers ask for is downloaded, once.
    """

    def __init__(self, frame: Frame, path: DevicePath, number: int) -> None:
        self.frame = frame
        self._path, self._number = path, number
        self._looked: tuple[FloatArray, Coefficients] | None = None

    @property
    def internal(self) -> Size:
        return self._path.small

    @property
    def small(self) -> FloatArray:
        return self._look()[0]

    @property
    def coefficients(self) -> Coefficients:
        return self._look()[1]

    def paint(self, backdrop: Backdrop, edges: EdgeOptions, out: Pixels) -> None:
        """Write the frame before its backdrop into out; a blur of the scene is made where the scene is."""
        behind: Behind
        if isinstance(backdrop, Blur):
            behind = SceneBlur(backdrop.strength)
        else:
            behind = backdrop.backing(Scene(self.frame.pts_s, self.frame.size, self))
        self._path.paint(self._number, behind, edges, out)

    def _look(self) -> tuple[FloatArray, Coefficients]:
        if self._looked is None:
            self._looked = self._path.look(self._number)
        return self._looked


class OnDevice:
    """The network of a stream on a device path."""

    def __init__(self, path: DevicePath) -> None:
        self._path = path

    @property
    def device(self) -> str:
        return self._path.device

    def matte(self, frames: Sequence[Frame], cuts: Sequence[bool]) -> list[MattedOnDevice]:
        """Send frames through the network, without waiting for it."""
        return [
            MattedOnDevice(frame, self._path, self._path.matte(frame.pixels, cut))
            for frame, cut in zip(frames, cuts, strict=True)
        ]

    def close(self) -> None:
        """Free the device's memory."""
        self._path.close()
