"""IS-Net in half precision (Qin et al. 2022): salient objects rather than people, frame by frame, alpha only."""

from __future__ import annotations

import json
from pathlib import Path

from rimlight.benchmarks.peers.base import AlphaAndForeground, Peer, blob, full_alpha, onnx_session, resized
from rimlight.benchmarks.peers.fetch import Model, Package, ReadMember
from rimlight.types import Size, UInt8Array

INNER = Size(1024, 1024)


def _joined(read: ReadMember) -> bytes:
    """The model is stored in chunks that an index lists."""
    index = json.loads(read("package/dist/resources.json"))
    return b"".join(read(f"package/dist/{chunk['hash']}") for chunk in index["/models/medium"]["chunks"])


class IsNet(Peer):
    """The model of a widely used browser package."""

    name = "is-net"
    licence = "AGPL-3.0"
    model = Model(
        Package("npm", "@imgly/background-removal-data", "1.4.5"),
        "isnet_fp16.onnx",
        "b6e8497ba978a6f5fbb647e419d2696cd80df5a23cb6a8ea532021911bd76acb",
        _joined,
    )

    def _load(self, path: Path, threads: int) -> None:
        self._session = onnx_session(path, threads)

    def _matte(self, image: UInt8Array) -> AlphaAndForeground:
        alpha = self._session.run(["output"], {"input": blob(resized(image, INNER), 1 / 256, 128.0)})[0]
        return full_alpha(alpha[0, 0], Size(*image.shape[:2])), None
