"""An engine as it is loaded: checked against the signature of the network, then bound and enqueued by address.

Letters: B streams, T frames.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rimlight.backends.tensorrt_build import MOST_ERRORS, OUT_OF_MEMORY, created, logger_of
from rimlight.backends.tensorrt_compat import Library
from rimlight.errors import BackendError, WeightsError
from rimlight.files import read_if_there, trim, write_if_possible
from rimlight.gpu.resources import Stream
from rimlight.signature import INPUTS, OUTPUTS, CallShape

FREE = -1  # of a dimension that a call fixes


class Engine:
    """A plan in the GPU's memory, for calls of one shape; with `free`, of any number of streams up to shape's.

    Raises WeightsError for a plan that the library does not take or that is of another network, BackendError where
    memory does not suffice. To be used with the device current.
    """

    def __init__(self, library: Library, plan: bytes, shape: CallShape, free: bool = False) -> None:
        self.library, self.shape, self.free = library, shape, free
        self._heard = logger_of(library)
        self._runtime = created(library.module.Runtime, library, self._heard)
        self._native = self._runtime.deserialize_cuda_engine(plan)
        if self._native is None:
            self._complain("cannot load this engine")
        try:
            self._check()
        except WeightsError:
            self.close()  # now, while the device is current, not when the last trace of the error is gone
            raise

    def run(self, kept_kernels: Path) -> Run:
        """What runs the engine; kept_kernels: a file of the cache, of what the library compiled when it last ran."""
        context, kernels = self.library.context(self._native, read_if_there(kept_kernels))
        if context is None:
            self.close()
            self._complain("cannot run this engine")
        return Run(self, context, self._heard, kernels, kept_kernels)

    def close(self) -> None:
        """Free the GPU's memory; all that runs it has to be closed before."""
        self._native = self._runtime = None

    def _complain(self, what: str) -> None:
        said = "; ".join(self._heard.errors[:MOST_ERRORS]) or "it gives no reason"
        if any(sign in said.lower() for sign in OUT_OF_MEMORY):
            raise BackendError(
                f"out of memory: {self.library} {what}: {said}; close other programs that use the GPU, "
                "use a smaller --detail or fewer streams"
            )
        raise WeightsError(f"{self.library} {what}: {said}")

    def _check(self) -> None:
        """Names, directions, shapes and types against rimlight.signature."""
        names = [self._native.get_tensor_name(index) for index in range(self._native.num_io_tensors)]
        if set(names) != {*INPUTS, *OUTPUTS}:
            raise WeightsError(f"expected an engine of {', '.join(INPUTS + OUTPUTS)}, got {', '.join(names)}")
        for name in names:
            way = "INPUT" if name in INPUTS else "OUTPUT"
            found = (
                self._native.get_tensor_mode(name).name, self._native.get_tensor_dtype(name).name,
                tuple(self._native.get_tensor_shape(name)),
            )  # fmt: skip
            wanted = (way, "FLOAT", self._wanted(name))
            if found != wanted:
                raise WeightsError(f"expected {name} of the engine to be {wanted}, got {found}")

    def _wanted(self, name: str) -> tuple[int, ...]:
        whole = self.shape.tensor(name)
        return (FREE, *whole[1:]) if self.free else whole


class Run:
    """One execution of an engine at a time, with scratch memory of its own."""

    def __init__(self, engine: Engine, context: Any, heard: Any, kernels: Any, kept: Path) -> None:
        self._engine, self._context, self._heard = engine, context, heard
        self._kernels, self._kept = kernels, kept

    def bind(self, addresses: Mapping[str, int]) -> None:
        """Read and write tensors at these addresses on the device from now on; no two may be the same."""
        if len(set(addresses.values())) != len(addresses):
            raise BackendError("two tensors of an engine are at one address; memory must go from one buffer to another")
        for name, address in addresses.items():
            if not self._context.set_tensor_address(name, address):
                self._fail(f"does not take the address of {name}")

    def take(self, streams: int) -> None:
        """Let the next calls be of that many streams, where the engine leaves it free."""
        shape = self._engine.shape
        for name in INPUTS:
            if not self._context.set_input_shape(name, (streams, *shape.tensor(name)[1:])):
                self._fail(f"does not take {streams} streams")

    def enqueue(self, stream: Stream) -> None:
        """Queue one call on the stream."""
        self._heard.errors.clear()
        if not self._context.execute_async_v3(stream.handle):
            self._fail("failed")

    def close(self) -> None:
        """Free context and engine; nothing is queued afterwards."""
        self._context = self._kernels = None
        self._engine.close()

    def keep_kernels(self) -> None:
        """Write what the library compiled while it ran, where it does so and it was not written yet."""
        if self._kernels is not None and not self._kept.exists():
            write_if_possible(self._kept, bytes(self._kernels.serialize()))
            trim(self._kept.parent)

    def _fail(self, what: str) -> None:
        said = "; ".join(self._heard.errors[:MOST_ERRORS]) or "it gives no reason"
        raise BackendError(f"{self._engine.library} {what} on a {self._engine.shape.size} step: {said}")
