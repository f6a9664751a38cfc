"""TensorRT between a camera's frame and a finished picture: everything in between stays on the GPU.

What a frame needs is recorded once for every place of the ring: shrinking and the network, with the memory going from
one block to the other. Letters: h, w internal size.
"""

from __future__ import annotations

from itertools import cycle
from pathlib import Path

from rimlight.backends.device_path import DeviceBehind, DevicePath, SceneBlur
from rimlight.backends.tensorrt_blocks import MEMORY, Layout
from rimlight.backends.tensorrt_network import PATIENCE_S, Precision, TensorRtNetwork
from rimlight.compose import EdgeOptions
from rimlight.gpu.compile import compile_kernels
from rimlight.gpu.layout import Form
from rimlight.gpu.passes import FramePass, Maps
from rimlight.gpu.resources import Event, Graph
from rimlight.pixels import empty_i420
from rimlight.signature import CallShape
from rimlight.types import Coefficients, FloatArray, Pixels, Size, UInt8Array

MAPS = ("images", "own", "scale", "offset")
MARKS = 4  # that may be asked for at once


class TensorRtPath(DevicePath):
    """A place's maps are a block of their own, so that its frame can be painted while the next ones are matted.

    engine: a file that `rimlight export` wrote for one frame of one stream, instead of one that is built and kept here.
    """

    name = "tensorrt"

    def __init__(
        self, full: Size, small: Size, device: str = "cuda", threads: int | None = None,  # noqa: ARG002 - no use here
        precision: Precision = "f16", level: int | None = None, engine: Path | None = None,
    ) -> None:  # fmt: skip
        super().__init__(full, small)
        self._network = TensorRtNetwork(small, device, precision, level, engine)
        with self._network.opening():
            self._open()

    @property
    def device(self) -> str:
        return self._network.device

    def _open(self) -> None:
        network, driver, shape = self._network, self._network.driver, CallShape(self.small)
        self._maps_layout, self._memory_layout = Layout.of(shape, MAPS), Layout.of(shape, MEMORY)
        self._memory = [network.block(self._memory_layout) for _ in range(2)]
        self._blocks = [network.block(self._maps_layout) for _ in range(self.RING)]
        self._maps = [Maps(**self._maps_layout.addresses(block.address)) for block in self._blocks]
        self._pass = FramePass(driver, compile_kernels(driver), self.full, self.small, network.stream)
        self._run = network.run(shape)
        self._pass.load(0, empty_i420(self.full), 0, 1.0)
        self._pass.upload(0)
        self._graphs = [self._recorded(place) for place in range(self.RING)]
        self._marks = cycle([driver.event() for _ in range(MARKS)])

    def _recorded(self, place: int) -> Graph:
        """Shrinking and the network for frames of a place, after both ran once."""
        network, layout = self._network, self._memory_layout
        before, after = self._memory[place % 2].address, self._memory[1 - place % 2].address
        self._run.bind(
            self._maps_layout.addresses(self._blocks[place].address)
            | layout.addresses(before) | layout.addresses(after, "next_")
        )  # fmt: skip
        self._pass.shrink(place, self._maps[place])
        network.settle(self._run)

        def work() -> None:
            self._pass.shrink(place, self._maps[place])
            self._run.enqueue(network.stream)

        return network.driver.capture(network.stream, work)

    def _matte(self, place: int, number: int, pixels: Pixels, own: float) -> None:
        driver = self._network.driver
        self._pass.load(place, pixels, number, own)
        with driver.current():
            self._pass.upload(place)
            driver.launch_graph(self._graphs[place], self._network.stream)

    def _paint(self, place: int, behind: DeviceBehind, fresh: bool, edges: EdgeOptions, form: Form) -> None:
        blur = behind.strength if isinstance(behind, SceneBlur) else None
        array = None if isinstance(behind, SceneBlur) else behind
        with self._network.driver.current():
            self._pass.paint(place, self._maps[place], array, edges, form, fresh=fresh, blur=blur)

    def _downloaded(self, form: Form) -> UInt8Array:
        return self._pass.downloaded(form)

    def _look(self, place: int) -> tuple[FloatArray, Coefficients]:
        driver, stream = self._network.driver, self._network.stream
        room = driver.pinned(self._maps_layout.size_bytes)
        driver.download(room, self._blocks[place], stream)
        driver.wait(stream, PATIENCE_S)
        arrays = self._maps_layout.arrays(room.array)
        return arrays["images"][0, 0], Coefficients(arrays["scale"][0, 0], arrays["offset"][0, 0])

    def _close(self) -> None:
        self._network.close()

    def _mark(self) -> Event:
        mark = next(self._marks)
        self._network.driver.record(mark, self._network.stream)
        return mark

    def _elapsed_ms(self, begin: Event, end: Event) -> float:
        return self._network.driver.elapsed_ms(begin, end)
