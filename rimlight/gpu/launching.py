"""Kernels of this package by name, over pictures, on one stream; and device memory that is kept once it was needed."""

from __future__ import annotations

import ctypes
from typing import TypeAlias

from rimlight.gpu.driver import Driver
from rimlight.gpu.resources import Argument, Buffer, Function, Module, Stream
from rimlight.types import Size

BLOCK = Size(8, 32)  # threads that work together; a row of them reads neighbouring words
Value: TypeAlias = "int | float | Buffer | ctypes.c_void_p | None"


class Launcher:
    """Launches kernels with plain Python values: int becomes int, float float, None a null pointer."""

    def __init__(self, driver: Driver, module: Module, stream: Stream) -> None:
        self.driver, self.stream = driver, stream
        self._module = module
        self._functions: dict[str, Function] = {}
        self._rooms: dict[str, Buffer] = {}

    def over(self, size: Size, name: str, *values: Value) -> None:
        """Queue a kernel with one thread for each cell of the size."""
        grid = (-(-size.width // BLOCK.width), -(-size.height // BLOCK.height), 1)
        self.launch(name, grid, (BLOCK.width, BLOCK.height, 1), *values)

    def launch(self, name: str, grid: tuple[int, int, int], block: tuple[int, int, int], *values: Value) -> None:
        """Queue a kernel."""
        if name not in self._functions:
            self._functions[name] = self._module.function(name)
        self.driver.launch(self._functions[name], grid, block, [_argument(value) for value in values], self.stream)

    def room(self, name: str, size_bytes: int) -> Buffer:
        """Device memory of that name, made when first asked for, always with the same size."""
        if name not in self._rooms:
            self._rooms[name] = self.driver.buffer(size_bytes)
        return self._rooms[name]

    def close(self) -> None:
        """Free the memory."""
        for buffer in self._rooms.values():
            self.driver.free(buffer)
        self._rooms.clear()


def at(address: int) -> ctypes.c_void_p:
    """A device address as a kernel's argument."""
    return ctypes.c_void_p(address)


def _argument(value: Value) -> Argument:
    if value is None:
        return ctypes.c_void_p(0)
    if isinstance(value, float):
        return ctypes.c_float(value)
    return ctypes.c_int(value) if isinstance(value, int) else value
