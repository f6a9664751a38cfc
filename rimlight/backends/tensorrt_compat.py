"""What differs between TensorRT 8.6, 10.x, 11.x and TensorRT-RTX, and nothing else; the rest of the code asks here.

| API | 8.6 | 10.x | 11.x, RTX |
|---|---|---|---|
| NetworkDefinitionCreationFlag.EXPLICIT_BATCH | must be given | ignored | removed |
| NetworkDefinitionCreationFlag.STRONGLY_TYPED | not there yet | there | there, or the only way |
| BuilderFlag.FP16, INT8, BF16, FP8 | there | there, deprecated | removed: types come from the graph |
| BuilderFlag.OBEY_PRECISION_CONSTRAINTS, ILayer.precision, set_output_type | there | deprecated | removed |
| calibrators (IInt8Calibrator) | there | deprecated | removed: Q/DQ nodes |
| num_bindings, get_binding_*, execute_async_v2, max_workspace_size | deprecated | removed | removed |
| TacticSource.CUDNN, CUBLAS, CUBLAS_LT | on | off | removed, or off |
| IProgressMonitor, IBuilderConfig.progress_monitor | not there yet | there | there |
| IBuilderConfig.create_timing_cache, set_timing_cache | there | there | there; RTX times nothing: deprecated |
| ICudaEngine.create_runtime_config | not there yet | there | there |
| IRuntimeConfig.create_runtime_cache, IBuilderConfig.set_compute_capability | - | - | RTX only |

Common to all: num_io_tensors, get_tensor_name, get_tensor_shape, get_tensor_dtype, get_tensor_mode, set_input_shape,
set_tensor_address, execute_async_v3, build_serialized_network, set_memory_pool_limit.
"""

from __future__ import annotations

import importlib
import re
import sys
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

from rimlight import gpu
from rimlight.errors import BackendError, MissingExtraError

Kind = Literal["tensorrt", "tensorrt-rtx"]
Wanted = Literal["auto", "tensorrt", "tensorrt-rtx"]

MODULES: dict[Kind, tuple[str, ...]] = {
    "tensorrt": ("tensorrt",),
    "tensorrt-rtx": ("tensorrt_rtx", "tensorrt_rtx_bindings"),
}
TITLES: dict[Kind, str] = {"tensorrt": "TensorRT", "tensorrt-rtx": "TensorRT-RTX"}
VERSIONS: dict[Kind, str] = {"tensorrt": "8.6, 10.x or 11.x", "tensorrt-rtx": "1.x"}
OLDEST: dict[Kind, tuple[int, int]] = {"tensorrt": (8, 6), "tensorrt-rtx": (1, 0)}
DEVICES = ("/dev/nvidiactl", "/dev/dxg")  # of the driver on Linux, and inside WSL
WINDOWS_DRIVER = "C:/Windows/System32/nvcuda.dll"
LEANEST_TACTICS = ("EDGE_MASK_CONVOLUTIONS", "JIT_CONVOLUTIONS")  # need neither cuDNN nor cuBLAS
UNTYPED = ("CONSTANT", "SHAPE", "CAST", "IDENTITY")  # layers whose type is what they are there for


@dataclass(frozen=True, slots=True)
class Library:
    """An installed TensorRT. module: as imported; version: as it says, with all its digits."""

    module: Any
    kind: Kind
    version: str

    def __str__(self) -> str:
        return f"{TITLES[self.kind]} {self.version}"

    @property
    def weak_types(self) -> bool:
        """Whether the builder may choose types itself, and must be told that float16 is allowed."""
        return hasattr(self.module.BuilderFlag, "FP16")

    @property
    def typed(self) -> bool:
        """Whether a network takes every type from the graph."""
        return hasattr(self.module.NetworkDefinitionCreationFlag, "STRONGLY_TYPED") or not self.weak_types

    @property
    def targets(self) -> bool:
        """Whether engines can be built for GPUs that are not here."""
        return bool(self.capabilities)

    @property
    def capabilities(self) -> tuple[str, ...]:
        """Compute capabilities that engines are built for, such as "8.9"; empty where it is the GPU here."""
        named = getattr(getattr(self.module, "ComputeCapability", None), "__members__", {})
        found = [re.fullmatch(r"SM(\d+)(\d)", name) for name in named]
        return tuple(f"{match[1]}.{match[2]}" for match in found if match)

    @property
    def times(self) -> bool:
        """Whether a build measures on the GPU, so that keeping what it measured saves time."""
        return self.kind == "tensorrt"

    @property
    def progress(self) -> bool:
        """Whether a build says how far it is."""
        return hasattr(self.module, "IProgressMonitor")

    def network(self, builder: Any) -> Any:
        """An empty network, typed by its graph where the library can."""
        flags = self.module.NetworkDefinitionCreationFlag
        wanted = ["STRONGLY_TYPED"] if hasattr(flags, "STRONGLY_TYPED") else ["EXPLICIT_BATCH"]
        return builder.create_network(sum(1 << int(getattr(flags, name)) for name in wanted if hasattr(flags, name)))

    def set_types(self, config: Any, network: Any, types: dict[str, str]) -> None:
        """Make the builder keep the types of a graph; types: of its tensors by name, as TensorRT calls them.

        Does nothing but forbid TF32 where the network is typed. Elsewhere (8.6) float16 is allowed, and layers that
        make float32 tensors are held to it.
        """
        if hasattr(self.module.BuilderFlag, "TF32"):
            config.clear_flag(self.module.BuilderFlag.TF32)
        halves = "HALF" in types.values()
        if self.typed or not halves:
            return
        config.set_flag(self.module.BuilderFlag.FP16)
        config.set_flag(self.module.BuilderFlag.OBEY_PRECISION_CONSTRAINTS)
        if "INT8" in types.values():
            config.set_flag(self.module.BuilderFlag.INT8)
        for index in range(network.num_layers):
            self._hold(network.get_layer(index), types)

    def _hold(self, layer: Any, types: dict[str, str]) -> None:
        single = self.module.DataType.FLOAT
        outputs = [layer.get_output(place).name for place in range(layer.num_outputs)]
        if layer.type.name in UNTYPED or any(types.get(name) != "FLOAT" for name in outputs):
            return
        layer.precision = single
        for place in range(len(outputs)):
            layer.set_output_type(place, single)

    def set_tactics(self, config: Any) -> None:
        """Leave out what needs cuDNN and cuBLAS, which 8.6 uses where they are and fails without."""
        sources = getattr(self.module, "TacticSource", None)
        if self.kind == "tensorrt" and self.weak_types and hasattr(sources, "CUDNN"):
            config.set_tactic_sources(sum(1 << int(getattr(sources, name)) for name in LEANEST_TACTICS))

    def set_targets(self, config: Any, targets: tuple[str, ...]) -> None:
        """Let the engine run on GPUs of these compute capabilities; raises BackendError for others."""
        known = self.capabilities
        unknown = [target for target in targets if target not in known]
        if unknown:
            there = f"it builds for {', '.join(known)}" if known else "it builds for the GPU that is there"
            raise BackendError(f"{self} does not build for compute capability {', '.join(unknown)}; {there}")
        if targets:
            config.num_compute_capabilities = len(targets)
        for place, target in enumerate(targets):
            named = getattr(self.module.ComputeCapability, f"SM{target.replace('.', '')}")
            config.set_compute_capability(named, place)

    def context(self, engine: Any, kernels: bytes) -> tuple[Any, Any]:
        """What runs an engine, and the cache of kernels that TensorRT-RTX compiles meanwhile, None elsewhere.

        kernels: such a cache of an earlier run; one that does not fit is ignored.
        """
        if not hasattr(self.module, "IRuntimeCache"):
            return engine.create_execution_context(), None
        config = engine.create_runtime_config()
        kept = config.create_runtime_cache()
        if kernels:
            kept.deserialize(kernels)
        config.set_runtime_cache(kept)
        return engine.create_execution_context(config), kept


def installed(kind: Wanted = "auto") -> bool:
    """Whether a TensorRT of that kind can be imported, without importing it."""
    return _module_of(kind) is not None


def ready() -> bool:
    """Whether TensorRT, what drives the GPU's memory, and the GPU's driver are all there; imports nothing."""
    return installed() and any(map(gpu.installed, gpu.BINDINGS)) and driver_there()


def library(kind: Wanted = "auto") -> Library:
    """The installed TensorRT; "auto" takes TensorRT before TensorRT-RTX.

    Raises MissingExtraError where it is not installed, BackendError where it is too old or cannot be loaded.
    """
    found = _module_of(kind)
    if found is None:
        extra: Kind = "tensorrt" if kind == "auto" else kind
        raise MissingExtraError("the tensorrt backend", f"{TITLES[extra]} {VERSIONS[extra]}", extra)
    return _loaded(*found)


@lru_cache(maxsize=4)
def _loaded(kind: Kind, name: str) -> Library:
    try:
        module = importlib.import_module(name)
    except (ImportError, OSError, RuntimeError) as error:  # its wheels raise any of them for a library that is absent
        raise BackendError(
            f"{TITLES[kind]} is installed but cannot be loaded: {error}; "
            f"install it again: pip install --force-reinstall 'rimlight[{kind}]'"
        ) from error
    version = str(module.__version__)
    if _number(version) < OLDEST[kind]:
        raise BackendError(
            f"{TITLES[kind]} {version} is too old, expected {VERSIONS[kind]}; run: pip install -U 'rimlight[{kind}]'"
        )
    return Library(module, kind, version)


def _module_of(kind: Wanted) -> tuple[Kind, str] | None:
    kinds: list[Kind] = ["tensorrt", "tensorrt-rtx"] if kind == "auto" else [kind]
    names = [(one, name) for one in kinds for name in MODULES[one]]
    return next(((one, name) for one, name in names if name in sys.modules or find_spec(name) is not None), None)


def _number(version: str) -> tuple[int, int]:
    digits = [int(part) for part in re.findall(r"\d+", version)[:2]]
    return (digits[0], digits[1]) if len(digits) == 2 else (0, 0)


def driver_there() -> bool:
    """Whether this machine has the driver of an NVIDIA GPU."""
    paths = (WINDOWS_DRIVER,) if sys.platform == "win32" else DEVICES
    return any(Path(path).exists() for path in paths)
