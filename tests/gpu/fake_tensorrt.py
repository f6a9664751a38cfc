"""TensorRT without TensorRT: modules with the part of its API that is used, in flavours that lack what those lack.

Its engines run the graph by ONNX Runtime on the very addresses that were bound, when the stream gets there; recorded in
a graph they run whenever that is launched. What a flavour has removed or does not have yet is not there, so that code
which asks for it fails here too.
"""

from __future__ import annotations

import enum
import json
from collections.abc import Callable
from types import ModuleType
from typing import Any
from weakref import WeakSet

import onnx

from .fake_tensorrt_engine import MAGIC, FakeRuntime, RuntimeCache
from .fake_tensorrt_parts import FLAVOURS, FakeConfig, FakeNetwork, FakeProfile, Faults, Seen, numbered

Launch = Callable[[int, Callable[[], None]], int]  # handle of a stream and work to the driver's code


class ILogger:
    """Refuses whoever forgot to call the base, as the real one does."""

    class Severity(enum.IntEnum):
        INTERNAL_ERROR = 0
        ERROR = 1
        WARNING = 2
        INFO = 3
        VERBOSE = 4

    def __init__(self) -> None:
        self.ready = True


class IProgressMonitor:
    def __init__(self) -> None:
        self.ready = True


class _ParserError:
    def __init__(self, node: int, text: str, name: str, kind: str) -> None:
        self._said = (node, text, name, kind)

    def node(self) -> int:
        return self._said[0]

    def desc(self) -> str:
        return self._said[1]


class _NewParserError(_ParserError):
    def node_name(self) -> str:
        return self._said[2]

    def node_operator(self) -> str:
        return self._said[3]


class Fake:
    """One flavour as a module, with its faults and what was seen.

    launch: puts work on a stream. gpu: name of the GPU that engines are built for; None where there is none.
    """

    def __init__(self, flavour: str, launch: Launch | None = None, gpu: str | None = "fake GPU") -> None:
        self.flavour, self.launch, self.gpu = FLAVOURS[flavour], launch, gpu
        self.faults, self.seen = Faults(), Seen()
        self.alive: WeakSet[Any] = WeakSet()  # engines, and what runs them
        self.module: Any = ModuleType(self.flavour.name)
        self._fill()

    def _fill(self) -> None:
        flavour, module = self.flavour, self.module
        module.__version__ = flavour.version
        module.ILogger = ILogger
        module.BuilderFlag = numbered("BuilderFlag", flavour.builder_flags)
        module.NetworkDefinitionCreationFlag = numbered("NetworkDefinitionCreationFlag", flavour.network_flags)
        module.TacticSource = numbered("TacticSource", flavour.tactics)
        module.MemoryPoolType = numbered("MemoryPoolType", ("WORKSPACE",))
        module.DataType = numbered("DataType", ("FLOAT", "HALF", "INT8", "INT32"))
        module.TensorIOMode = numbered("TensorIOMode", ("NONE", "INPUT", "OUTPUT"))
        module.Builder = lambda logger: _Builder(self, logger)
        module.OnnxParser = lambda network, logger: _Parser(self, network, logger)
        module.Runtime = self._runtime
        if flavour.monitor:
            module.IProgressMonitor = IProgressMonitor
        if flavour.targets:
            module.IRuntimeCache = RuntimeCache
            module.ComputeCapability = numbered("ComputeCapability", ("NONE", "CURRENT", *flavour.targets))

    def _runtime(self, logger: Any) -> FakeRuntime:
        if self.faults.start:
            self.complain(logger, self.faults.start)
            raise TypeError("pybind11::init(): factory function returned nullptr")
        return FakeRuntime(self, logger)

    def complain(self, logger: Any, text: str) -> None:
        assert logger.ready
        logger.log(ILogger.Severity.ERROR, text)


class _Builder:
    def __init__(self, fake: Fake, logger: Any) -> None:
        if fake.gpu is None and not fake.flavour.targets:
            fake.complain(logger, "CUDA initialization failure with error: 35")
            raise TypeError("pybind11::init(): factory function returned nullptr")
        self._fake, self._logger = fake, logger

    def create_network(self, flags: int = 0) -> FakeNetwork:
        return FakeNetwork(flags, self._fake.flavour, self._fake.seen)

    def create_builder_config(self) -> FakeConfig:
        return FakeConfig(self._fake.flavour)

    def create_optimization_profile(self) -> FakeProfile:
        return FakeProfile()

    def build_serialized_network(self, network: FakeNetwork, config: FakeConfig) -> Any:
        fake = self._fake
        self._watch(config)
        halves = any(tensor.data_type == onnx.TensorProto.FLOAT16 for tensor in network.model.graph.initializer)
        problem = fake.faults.build
        if network.weak and halves and "FP16" not in config.flags:
            problem = problem or "fp16 precision has been set for a layer, but fp16 is not configured in the builder"
        if problem:
            fake.complain(self._logger, problem)
            return None
        if config.cache is not None:
            config.cache.data = b"timings of " + fake.flavour.version.encode()
        fake.seen.builds.append({
            "flags": set(config.flags), "tactics": config.tactics, "targets": config.targets,
            "level": config.builder_optimization_level,
        })  # fmt: skip
        notes = {
            "version": fake.flavour.version, "gpu": fake.gpu, "halves": halves,
            "shapes": config.profile.shapes if config.profile else None,
        }  # fmt: skip
        return memoryview(MAGIC + json.dumps(notes).encode() + b"\n" + network.model.SerializeToString())

    @staticmethod
    def _watch(config: FakeConfig) -> None:
        monitor = getattr(config, "progress_monitor", None)
        if monitor is not None:
            assert monitor.ready
            monitor.phase_start("building", None, 2)
            monitor.step_complete("building", 0)
            monitor.phase_start("timing", "building", 4)
            monitor.step_complete("timing", 1)
            monitor.phase_finish("timing")
            monitor.phase_finish("building")


class _Parser:
    def __init__(self, fake: Fake, network: FakeNetwork, logger: Any) -> None:
        self._fake, self._network, self._logger = fake, network, logger
        self._errors: list[_ParserError] = []

    def parse(self, data: bytes) -> bool:
        flavour = self._fake.flavour
        model = onnx.load_from_string(bytes(data))
        kind = _NewParserError if flavour.monitor else _ParserError
        if "EXPLICIT_BATCH" in flavour.network_flags and not self._network.names:
            self._errors.append(kind(-1, "This version of the ONNX parser only supports explicit batch", "", ""))
        known = {schema.name for schema in onnx.defs.get_all_schemas()}
        for index, node in enumerate(model.graph.node):
            if node.op_type not in known:
                self._errors.append(kind(index, "Plugin not found", node.name, node.op_type))
        if self._fake.faults.parse:
            self._errors.append(kind(0, self._fake.faults.parse, model.graph.node[0].name, "Conv"))
        self._network.fill(model)
        return not self._errors

    @property
    def num_errors(self) -> int:
        return len(self._errors)

    def get_error(self, index: int) -> _ParserError:
        return self._errors[index]
