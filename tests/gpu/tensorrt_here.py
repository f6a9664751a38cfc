"""A GPU with TensorRT for tests: the stand-in for the driver, and a stand-in for the library on top of it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from rimlight.backends import tensorrt_compat as compat

from .fake_tensorrt import Fake
from .fake_tensorrt_engine import HostCalls


@contextmanager
def tensorrt_here(flavour: str, cache: Path) -> Iterator[Fake]:
    """Inside, the library of that flavour is installed; engines and compiled kernels are kept in the folder.

    The stand-in for the driver has to be there.
    """
    fake = Fake(flavour, HostCalls())
    with pytest.MonkeyPatch.context() as patch:
        for name in (name for names in compat.MODULES.values() for name in names):
            patch.delitem(sys.modules, name, raising=False)
        real = compat.find_spec
        patch.setattr(compat, "find_spec", lambda name: None if "tensorrt" in name else real(name))
        patch.setitem(sys.modules, fake.flavour.name, fake.module)
        patch.setenv("XDG_CACHE_HOME", str(cache))
        compat._loaded.cache_clear()
        yield fake
    compat._loaded.cache_clear()
