"""What the stand-in for TensorRT is made of: versions and what they have, networks, configurations."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import Any

from .fake_tensorrt_engine import DTYPES, FakeCache, shape_of

WEAK = ("FP16", "INT8", "BF16", "OBEY_PRECISION_CONSTRAINTS")
OLD_TACTICS = ("CUBLAS", "CUBLAS_LT", "CUDNN", "EDGE_MASK_CONVOLUTIONS", "JIT_CONVOLUTIONS")


@dataclass(frozen=True, slots=True)
class Flavour:
    """What a version has."""

    name: str
    version: str
    builder_flags: tuple[str, ...] = ("TF32",)
    network_flags: tuple[str, ...] = ("STRONGLY_TYPED",)
    tactics: tuple[str, ...] = OLD_TACTICS[3:]
    monitor: bool = True
    targets: tuple[str, ...] = ()


FLAVOURS = {
    "8.6": Flavour("tensorrt", "8.6.0", ("TF32", *WEAK), ("EXPLICIT_BATCH",), OLD_TACTICS, monitor=False),
    "10": Flavour("tensorrt", "10.13.3.9", ("TF32", *WEAK), ("EXPLICIT_BATCH", "STRONGLY_TYPED"), OLD_TACTICS),
    "11": Flavour("tensorrt", "11.4.0.1"),
    "rtx": Flavour("tensorrt_rtx", "1.7.1.116", targets=("SM75", "SM80", "SM86", "SM89", "SM120")),
}


@dataclass(slots=True)
class Faults:
    """What goes wrong, by the message that the library complains with."""

    parse: str = ""
    build: str = ""
    start: str = ""
    load: str = ""
    context: str = ""
    enqueue: str = ""


@dataclass(slots=True)
class Seen:
    """What happened, for tests to look at.

    builds: flags of every build. bound: addresses by name of every call that ran. held: tensors held to float32.
    """

    builds: list[dict[str, Any]] = field(default_factory=list)
    loads: int = 0
    enqueued: int = 0
    bound: list[dict[str, int]] = field(default_factory=list)
    held: list[str] = field(default_factory=list)


def numbered(name: str, members: tuple[str, ...]) -> Any:
    return enum.IntEnum(name, {member: index for index, member in enumerate(members)})


class FakeProfile:
    def __init__(self) -> None:
        self.shapes: dict[str, tuple[Any, ...]] = {}

    def set_shape(self, name: str, least: Any, best: Any, most: Any) -> None:
        self.shapes[name] = (tuple(least), tuple(best), tuple(most))


@dataclass(slots=True)
class _Tensor:
    name: str
    shape: tuple[int, ...]
    dtype: Any


class _Layer:
    """A node; takes a precision only where types are weak."""

    def __init__(self, node: Any, weak: bool, seen: Seen) -> None:
        kind = {"Constant": "CONSTANT", "Cast": "CAST", "Shape": "SHAPE"}.get(node.op_type, "ELEMENTWISE")
        self.name, self.type = node.name, numbered("LayerType", (kind,))[kind]
        self._outputs, self._weak, self._seen = list(node.output), weak, seen

    @property
    def num_outputs(self) -> int:
        return len(self._outputs)

    def get_output(self, index: int) -> _Tensor:
        return _Tensor(self._outputs[index], (), None)

    def set_output_type(self, index: int, dtype: Any) -> None:
        self._need_weak("set_output_type")
        assert dtype.name == "FLOAT"
        self._seen.held.append(self._outputs[index])

    def _need_weak(self, name: str) -> None:
        if not self._weak:
            raise AttributeError(f"ILayer has no {name}")

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "precision":
            self._need_weak(name)
        object.__setattr__(self, name, value)


class FakeNetwork:
    def __init__(self, flags: int, flavour: Flavour, seen: Seen) -> None:
        self.names = {name for bit, name in enumerate(flavour.network_flags) if flags >> bit & 1}
        self.weak, self._seen = "STRONGLY_TYPED" not in self.names and "FP16" in flavour.builder_flags, seen
        self.model: Any = None

    def fill(self, model: Any) -> None:
        self.model = model
        self._layers = [_Layer(node, self.weak, self._seen) for node in model.graph.node]

    @property
    def num_layers(self) -> int:
        return len(self._layers) if self.model is not None else 0

    def get_layer(self, index: int) -> _Layer:
        return self._layers[index]

    @property
    def num_inputs(self) -> int:
        return len(self.model.graph.input)

    def get_input(self, index: int) -> _Tensor:
        port = self.model.graph.input[index]
        return _Tensor(port.name, shape_of(port), DTYPES[port.type.tensor_type.elem_type])


class FakeConfig:
    """Takes no attribute that the flavour does not have."""

    def __init__(self, flavour: Flavour) -> None:
        allowed = {"builder_optimization_level"} | ({"progress_monitor"} if flavour.monitor else set())
        allowed |= {"num_compute_capabilities"} if flavour.targets else set()
        self.__dict__.update(
            _allowed=allowed, flags={"TF32"}, workspace=None, profile=None, targets={}, cache=None, tactics=None,
            builder_optimization_level=3, _flavour=flavour,
        )  # fmt: skip

    def __setattr__(self, name: str, value: Any) -> None:
        if name not in self._allowed:
            raise AttributeError(f"IBuilderConfig of {self._flavour.version} has no {name}")
        self.__dict__[name] = value

    def set_memory_pool_limit(self, _: Any, size: int) -> None:
        self.__dict__["workspace"] = size

    def set_flag(self, flag: Any) -> None:
        self.flags.add(flag.name)

    def clear_flag(self, flag: Any) -> None:
        self.flags.discard(flag.name)

    def set_tactic_sources(self, sources: int) -> bool:
        self.__dict__["tactics"] = {name for bit, name in enumerate(self._flavour.tactics) if sources >> bit & 1}
        return True

    def set_compute_capability(self, capability: Any, index: int) -> bool:
        assert self._flavour.targets, "not an API of this flavour"
        assert index < self.num_compute_capabilities
        self.targets[index] = capability.name
        return True

    def add_optimization_profile(self, profile: FakeProfile) -> int:
        self.__dict__["profile"] = profile
        return 0

    def create_timing_cache(self, data: bytes) -> Any:
        return None if data and not data.startswith(b"timings") else FakeCache(bytes(data))

    def set_timing_cache(self, cache: FakeCache, ignore_mismatch: bool) -> bool:
        assert not ignore_mismatch
        assert not self._flavour.targets, "deprecated there, and does nothing"
        self.__dict__["cache"] = cache
        return True
