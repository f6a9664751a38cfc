"""Rows in parallel: a compiled kernel that frees the interpreter lock, called on strips of rows by a few threads.

numba's own parallel loops are not used: their default thread layer aborts the process when two threads enter it at once,
and the live loop calls kernels from several.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import Any

import numba

# Without "nnan" and "ninf": a NaN from the network must stay one until it is found.
compiled: Any = numba.njit(
    nogil=True, cache=True, fastmath={"contract", "reassoc", "nsz", "arcp"}, error_model="numpy"
)  # fmt: skip

MOST_THREADS = 8
SMALL_ROWS = 64  # below this a second thread costs more than it saves


def threads() -> int:
    """How many strips run at once: the processors this process may use, at most MOST_THREADS."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(MOST_THREADS, usable)


@lru_cache(maxsize=1)
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(max(1, threads() - 1), thread_name_prefix="rimlight-rows")


def over_rows(kernel: Callable[..., None], rows: int, *arguments: object) -> None:
    """Call kernel(strip, first, last, *arguments) on strips of even length that cover rows.

    The caller's thread takes the first strip; returns when all are done and raises what a strip raised.
    """
    count = min(threads(), max(1, rows // SMALL_ROWS))
    step = -(-rows // count)
    step += step % 2
    pending = [
        _pool().submit(kernel, strip, strip * step, min((strip + 1) * step, rows), *arguments)
        for strip in range(1, count)
    ]
    kernel(0, 0, min(step, rows), *arguments)
    for future in pending:
        future.result()
