"""Engines of the stand-in for TensorRT: they run their graph by ONNX Runtime on the addresses that were bound."""

from __future__ import annotations

import ctypes
import json
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import onnxruntime as ort

if TYPE_CHECKING:
    from .fake_tensorrt import Fake

MAGIC = b"FAKE PLAN\n"
DTYPES = {onnx.TensorProto.FLOAT: "FLOAT", onnx.TensorProto.FLOAT16: "HALF", onnx.TensorProto.INT8: "INT8"}


class FakeCache:
    def __init__(self, data: bytes = b"") -> None:
        self.data = data

    def serialize(self) -> bytes:
        return self.data


class FakeRuntime:
    def __init__(self, fake: Fake, logger: Any) -> None:
        self._fake, self._logger = fake, logger

    def deserialize_cuda_engine(self, plan: bytes) -> Any:
        fake = self._fake
        head, _, model = plan.removeprefix(MAGIC).partition(b"\n")
        problem = fake.faults.load
        if not plan.startswith(MAGIC):
            problem = problem or "Serialization assertion header.magicTag == kEXPECTED_MAGIC_TAG failed"
        notes = {} if problem else json.loads(head)
        if notes and (notes["version"], notes["gpu"]) != (fake.flavour.version, fake.gpu):
            problem = f"The engine plan file is not compatible with this version of TensorRT or GPU: {notes['version']}"
        if problem:
            fake.complain(self._logger, problem)
            return None
        fake.seen.loads += 1
        kind = _RtxEngine if fake.flavour.targets else _NewEngine if fake.flavour.monitor else _Engine
        return kind(fake, self._logger, notes, bytes(model))


class _Engine:
    def __init__(self, fake: Fake, logger: Any, notes: dict[str, Any], model: bytes) -> None:
        self.fake, self.logger, self.notes = fake, logger, notes
        fake.alive.add(self)
        graph = onnx.load_from_string(model).graph
        self.inputs = {port.name: shape_of(port) for port in graph.input}
        self.outputs = {port.name: shape_of(port) for port in graph.output}
        self._types = {port.name: port.type.tensor_type.elem_type for port in (*graph.input, *graph.output)}
        options = ort.SessionOptions()
        options.log_severity_level = 3
        options.intra_op_num_threads = 1
        if notes["halves"]:  # optimised for a processor, it would round less than the graph says
            options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
        self.session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])

    @property
    def num_io_tensors(self) -> int:
        return len(self._types)

    def get_tensor_name(self, index: int) -> str:
        return [*self.inputs, *self.outputs][index]

    def get_tensor_shape(self, name: str) -> tuple[int, ...]:
        return (self.inputs | self.outputs)[name]

    def get_tensor_dtype(self, name: str) -> Any:
        return self.fake.module.DataType[DTYPES[self._types[name]]]

    def get_tensor_mode(self, name: str) -> Any:
        return self.fake.module.TensorIOMode["INPUT" if name in self.inputs else "OUTPUT"]

    def create_execution_context(self) -> Any:
        if self.fake.faults.context:
            self.fake.complain(self.logger, self.fake.faults.context)
            return None
        return _Context(self)


class _NewEngine(_Engine):
    """From 10 on."""

    def create_runtime_config(self) -> _RuntimeConfig:
        return _RuntimeConfig()


class _RtxEngine(_NewEngine):
    """With kernels that are compiled at the first run and may be kept."""

    def create_runtime_config(self) -> _RtxRuntimeConfig:
        return _RtxRuntimeConfig()

    def create_execution_context(self, config: _RuntimeConfig | None = None) -> Any:
        assert config is not None, "kernels would be compiled anew at every start"
        return super().create_execution_context()


class RuntimeCache(FakeCache):
    def deserialize(self, data: bytes) -> bool:
        self.data = data
        return True

    def serialize(self) -> bytes:
        return self.data or b"kernels"


class _RuntimeConfig:
    pass


class _RtxRuntimeConfig(_RuntimeConfig):
    def create_runtime_cache(self) -> RuntimeCache:
        return RuntimeCache()

    def set_runtime_cache(self, cache: RuntimeCache) -> bool:
        self.cache = cache
        return True


class _Context:
    """Runs the engine's graph on the addresses as they were bound when the call was queued."""

    def __init__(self, engine: _Engine) -> None:
        self._engine = engine
        engine.fake.alive.add(self)
        self._addresses: dict[str, int] = {}
        self._streams: int | None = None

    def set_tensor_address(self, name: str, address: int) -> bool:
        assert isinstance(address, int)
        self._addresses[name] = address
        return name in self._engine.inputs or name in self._engine.outputs

    def set_input_shape(self, name: str, shape: tuple[int, ...]) -> bool:
        least, _, most = self._engine.notes["shapes"][name]
        self._streams = shape[0]
        return list(shape[1:]) == least[1:] and least[0] <= shape[0] <= most[0]

    def execute_async_v3(self, stream: int) -> bool:
        fake, engine = self._engine.fake, self._engine
        missing = {*engine.inputs, *engine.outputs} - set(self._addresses)
        problem = fake.faults.enqueue or (f"no address of {sorted(missing)}" if missing else "")
        if problem:
            fake.complain(engine.logger, problem)
            return False
        addresses, streams = dict(self._addresses), self._streams
        fake.seen.enqueued += 1
        assert fake.launch is not None
        here = weakref.ref(self)

        def run() -> None:
            context = here()
            assert context is not None, "a graph was launched after what it runs was freed"
            context._run(addresses, streams)

        code = fake.launch(stream, run)
        if code:
            fake.complain(engine.logger, f"Error Code 1: Cuda Runtime ({code})")
        return code == 0

    def _run(self, addresses: dict[str, int], streams: int | None) -> None:
        engine = self._engine
        engine.fake.seen.bound.append(addresses)
        binding = engine.session.io_binding()

        def fixed(shape: tuple[int, ...]) -> tuple[int, ...]:
            return tuple(streams or 0 if side < 0 else side for side in shape)

        for name, shape in engine.inputs.items():
            binding.bind_input(name, "cpu", 0, np.float32, fixed(shape), addresses[name])
        for name, shape in engine.outputs.items():
            binding.bind_output(name, "cpu", 0, np.float32, fixed(shape), addresses[name])
        engine.session.run_with_iobinding(binding)


class HostCalls:
    """Puts Python functions on a stream of the loaded driver; they live as long as this, because graphs call them.

    A call returns the driver's code. errors: what the functions raised, which cannot go through the driver.
    """

    def __init__(self) -> None:
        self._launch = ctypes.CDLL("libcuda.so.1").cuLaunchHostFunc
        self._launch.argtypes = (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p)
        self._kept: list[Any] = []
        self.errors: list[Exception] = []

    def __call__(self, stream: int, work: Callable[[], None]) -> int:
        def called(_: object) -> None:
            try:
                work()
            except Exception as error:  # noqa: BLE001 - nothing may be raised through the driver
                self.errors.append(error)

        function = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(called)
        self._kept.append(function)
        return int(self._launch(stream, ctypes.cast(function, ctypes.c_void_p), None))


def shape_of(port: Any) -> tuple[int, ...]:
    return tuple(one.dim_value if one.HasField("dim_value") else -1 for one in port.type.tensor_type.shape.dim)
