"""Rows in parallel: a compiled kernel that frees the interpreter lock, called on strips of rows by a few threads.

numba's own parallel loops are not used: their default thread layer aborts the process when two threads enter it at
once, and the live loop calls kernels from several.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from math import ceil
from pathlib import Path
from typing import Any

import numba

from rimlight.files import cache_folder
from rimlight.kernels.processors import processors

Kernel = Callable[..., Any]


MOST_THREADS = 8
SMALL_ROWS = 64  # below this a second thread costs more than it saves


@dataclass(slots=True)
class _Limit:
    threads: int = MOST_THREADS


_limit = _Limit()


@lru_cache(maxsize=1)
def _cache_folder() -> str:
    """Where compiled kernels are kept, a folder for every state of their sources.

    numba looks at the file of a kernel only, not at the files of what it calls, so its own folder would serve old code.
    """
    digest = hashlib.sha256(numba.__version__.encode())
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.read_bytes())
    return str(cache_folder(f"kernels-{digest.hexdigest()[:12]}"))


def compiled(function: Kernel) -> Kernel:
    """Compile a kernel at its first call, free of the interpreter lock, and keep it on disk.

    Without "nnan" and "ninf": a NaN from the network must stay one until it is found.
    """
    flags = {"contract", "reassoc", "nsz", "arcp"}
    before = numba.config.CACHE_DIR
    numba.config.CACHE_DIR = _cache_folder()  # read once, when a function is decorated
    try:
        kernel: Kernel = numba.njit(nogil=True, cache=True, fastmath=flags, error_model="numpy")(function)
    finally:
        numba.config.CACHE_DIR = before
    return kernel


def limit_threads(most: int) -> None:
    """Let fewer strips run at once in this process; to be called before anything that works by rows is made."""
    _limit.threads = min(most, MOST_THREADS)


def threads() -> int:
    """How many strips run at once: the processors this process may use, at most MOST_THREADS."""
    return min(_limit.threads, ceil(processors()))


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
