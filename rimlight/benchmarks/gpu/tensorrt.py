"""TensorRT's side of `rimlight bench gpu`: the engine alone as a CUDA graph, timed by events of the driver.

Letters: B streams.
"""

from __future__ import annotations

from rimlight.backends.tensorrt_blocks import MEMORY, Layout
from rimlight.backends.tensorrt_network import PATIENCE_S, TensorRtNetwork
from rimlight.benchmarks.gpu.cases import Timed
from rimlight.signature import CallShape
from rimlight.types import Size


class EngineTimed(Timed):
    """One step of B streams with their memory on the GPU; it goes from one block to the other and back."""

    def __init__(self, size: Size, streams: int, device: str, level: int | None) -> None:
        self._network = TensorRtNetwork(size, device, "f16", level)
        try:
            self._record(CallShape(size, streams=streams))
        except BaseException:
            self._network.close()
            raise

    def _record(self, shape: CallShape) -> None:
        network, driver = self._network, self._network.driver
        memory, rest = Layout.of(shape, MEMORY), Layout.of(shape, ("images", "own", "scale", "offset"))
        blocks, others = [network.block(memory) for _ in range(2)], network.block(rest)
        self._run = network.run(shape)
        self._graphs = []
        for here in range(2):
            before, after = (memory.addresses(blocks[place].address) for place in (here, 1 - here))
            following = {f"next_{name}": address for name, address in after.items()}
            self._run.bind(rest.addresses(others.address) | before | following)
            network.settle(self._run)
            self._graphs.append(driver.capture(network.stream, lambda: self._run.enqueue(network.stream)))
        self._marks = driver.event(), driver.event()

    def alone_ms(self) -> float:
        return self.together_ms(1)

    def together_ms(self, count: int) -> float:
        driver, stream = self._network.driver, self._network.stream
        begin, end = self._marks
        with driver.current():
            driver.wait(stream, PATIENCE_S)
            driver.record(begin, stream)
            for call in range(count):
                driver.launch_graph(self._graphs[call % 2], stream)
            driver.record(end, stream)
            driver.wait(stream, PATIENCE_S * (1 + count))
        return driver.elapsed_ms(begin, end)

    def close(self) -> None:
        self._network.close()
