"""The pass on the device gives the pictures of the host's: in plain PyTorch, and as an interpreted Triton kernel."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from rimlight.compose import Compositor
from rimlight.gpu.layout import HEADER_BYTES, Form, form_of, pack, pack_upload, picture_bytes
from rimlight.pixels import to_i420
from rimlight.realtime.session import empty_pixels
from rimlight.types import I420, Coefficients, FloatArray, Pixels, Size, UInt8Array

from ..conftest import need
from ..test_pixels import picture

if find_spec("torch") is None:
    pytest.skip("the torch extra is not installed", allow_module_level=True)

import torch

from rimlight.backends import torch_pass
from rimlight.backends.torch_pass import Grid, Painting
from rimlight.backends.torch_pictures import Uploaded

SMALL = Size(32, 48)
SIZES = (Size(9, 271), Size(12, 530), Size(1, 1), Size(41, 7))
COMES = ("rgb", "i420", "bt601")
WANTS: tuple[Form, ...] = ("rgb", "rgba", "i420")
KINDS = ("nothing", "sharp", "soft")


@dataclass(frozen=True, slots=True)
class Case:
    """One pass: the size and form of the frame, the form of the picture, what is behind."""

    size: Size
    comes: str
    wants: Form
    kind: str
    decontaminate: bool = True

    @property
    def name(self) -> str:
        return (
            f"{self.size} {self.comes} to {self.wants} before {self.kind}{'' if self.decontaminate else ', as it is'}"
        )


CASES = [Case(*parts) for parts in product(SIZES[:1], COMES, WANTS, KINDS)]
CASES += [Case(size, "i420", wants, "sharp") for size, wants in product(SIZES[1:], WANTS)]
CASES += [Case(SIZES[0], "rgb", "rgba", "nothing", False), Case(SIZES[0], "i420", "i420", "soft", False)]


def coefficients() -> Coefficients:
    """Wild enough that both clamps bite, with a half where nobody stands and a corner that is opaque."""
    random = np.random.default_rng(1)
    shape = (4, SMALL.height, SMALL.width)
    scale, offset = random.normal(0.6, 0.5, shape), random.normal(0.1, 0.4, shape)
    scale[3, :, :20], offset[3, :, :20] = 0, 0
    scale[3, :8, 30:], offset[3, :8, 30:] = 0, 1
    return Coefficients(scale.astype(np.float32), offset.astype(np.float32))


def frame_of(case: Case) -> Pixels:
    image = np.ascontiguousarray(
        picture(case.size.height + 2, case.size.width + 2)[: case.size.height, : case.size.width]
    )
    if case.comes == "rgb":
        return image
    planes = to_i420(image)
    return I420(planes.y, planes.u, planes.v, case.comes == "i420", case.comes != "i420")


def behind_of(case: Case) -> UInt8Array | FloatArray | None:
    if case.kind == "nothing":
        return None
    if case.kind == "soft":
        return np.random.default_rng(2).random((3, SMALL.height, SMALL.width), np.float32)
    return np.full((case.size.height, case.size.width, 3), (40, 90, 200), np.uint8)


def by_host(case: Case) -> UInt8Array:
    out = empty_pixels(case.size, case.wants)
    Compositor(case.size, SMALL).compose(
        frame_of(case), coefficients(), behind_of(case), out, decontaminate=case.decontaminate
    )
    room = np.zeros(picture_bytes(case.size, case.wants), np.uint8)
    pack(out, room)
    return room


def by(paint: object, case: Case) -> UInt8Array:
    """What a pass on the device makes of it."""
    pixels, place = frame_of(case), torch.device("cpu")
    form = form_of(pixels)
    room = np.zeros(HEADER_BYTES + picture_bytes(case.size, form), np.uint8)
    pack_upload(pixels, room, 1, 1.0)
    found, behind = coefficients(), behind_of(case)
    out = torch.zeros(picture_bytes(case.size, case.wants), dtype=torch.uint8)
    assert callable(paint)
    paint(
        Grid.of(case.size, SMALL, place),
        Painting(
            Uploaded.of(torch.from_numpy(room), case.size, form), torch.from_numpy(found.scale),
            torch.from_numpy(found.offset), None if behind is None else torch.from_numpy(behind), case.decontaminate,
            out, case.wants,
        ),
    )  # fmt: skip
    return np.asarray(out.numpy())


def levels(one: UInt8Array, other: UInt8Array) -> int:
    """The largest difference in grey levels."""
    return int(np.abs(one.astype(int) - other).max())


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_plain_torch_paints_the_pictures_of_the_host(case: Case) -> None:
    assert levels(by(torch_pass.paint, case), by_host(case)) <= 1


@lru_cache(maxsize=1)
def interpreted() -> dict[str, int]:
    """How far the Triton kernel, interpreted in a process of its own, is from its twin in every case."""
    code = (
        "import json; from tests.backends import test_torch_pass as t; from rimlight.backends import triton_pass\n"
        "levels = lambda c: t.levels(t.by(triton_pass.paint, c), t.by(t.torch_pass.paint, c))\n"
        "print(json.dumps({c.name: levels(c) for c in t.CASES}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False,
        env={**os.environ, "TRITON_INTERPRET": "1"}, cwd=Path(__file__).parents[2],
    )  # fmt: skip
    assert not done.returncode, done.stderr[-2000:]
    found: dict[str, int] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_triton_kernel_is_its_twin(case: Case) -> None:
    need("triton", find_spec("triton") is not None, "Triton is not installed, which PyPI has for Linux only")
    assert interpreted()[case.name] <= 1


def test_a_backdrop_is_untouched_where_alpha_is_below_half_a_level() -> None:
    case = Case(SIZES[0], "rgb", "rgb", "sharp")
    found = by(torch_pass.paint, case).reshape(case.size.height, case.size.width, 3)
    assert (found[:, :100] == (40, 90, 200)).all()


COMPILED = """
import sys, triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource
from rimlight.backends.triton_pass import _paint
kinds = dict.fromkeys(["frame", "behind", "out"], "*u8") | dict.fromkeys(["height", "width", "high", "wide"], "i32")
kinds |= dict.fromkeys(["matrix", "scale", "offset", "down_of", "across_of"], "*fp32")
kinds |= dict.fromkeys(["row_of", "column_of"], "*i32")
for comes, kind, wants in ((0, 0, 1), (2, 1, 2), (0, 2, 0)):
    fixed = {"comes": comes, "kind": kind, "decontaminate": True, "wants": wants, "block": 256}
    types = {n: "constexpr" if n in fixed else kinds.get(n, "fp32") for n in _paint.arg_names}
    source = ASTSource(_paint, types, {(_paint.arg_names.index(n),): value for n, value in fixed.items()})
    made = triton.compile(source, target=GPUTarget("cuda", int(sys.argv[1]), 32), options={"enable_fp_fusion": True})
    print(len(made.asm["cubin"]))
"""


@pytest.mark.parametrize("capability", [86, 90, 120])
def test_the_kernel_compiles_for_gpus_that_are_not_here(capability: int, tmp_path: Path) -> None:
    need("triton", find_spec("triton") is not None, "Triton is not installed, which PyPI has for Linux only")
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", COMPILED, str(capability)], capture_output=True, text=True, check=False,
        env={**os.environ, "TRITON_CACHE_DIR": str(tmp_path)}, cwd=Path(__file__).parents[2],
    )  # fmt: skip
    assert not done.returncode, done.stderr[-2000:]
    assert all(int(line) > 1000 for line in done.stdout.split())
