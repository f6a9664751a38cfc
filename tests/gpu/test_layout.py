"""Pictures as they cross the bus."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import rimlight.gpu
from rimlight.gpu.layout import (
    ALIGNMENT,
    HEADER,
    HEADER_BYTES,
    PLANES,
    RGB,
    Form,
    form_of,
    pack,
    pack_upload,
    picture_bytes,
    room_bytes,
    status_offset,
    unpack,
)
from rimlight.gpu.passes import RUN
from rimlight.kernels.color import to_rgb_matrix
from rimlight.pixels import to_i420
from rimlight.realtime.session import empty_pixels
from rimlight.types import I420, Size, UInt8Array

from ..test_pixels import picture
from .rig import apart

FORMS: list[Form] = ["rgb", "rgba", "i420"]
KERNELS = Path(rimlight.gpu.__file__).parent / "kernels"


@given(height=st.integers(1, 40), width=st.integers(1, 40), form=st.sampled_from(FORMS))
@settings(max_examples=40, deadline=None)
def test_a_picture_comes_out_as_it_went_in(height: int, width: int, form: Form) -> None:
    size = Size(height, width)
    there, back = empty_pixels(size, form), empty_pixels(size, form)
    random = np.random.default_rng(height * width)
    for part in [there.y, there.u, there.v] if isinstance(there, I420) else [there]:
        part[:] = random.integers(0, 256, part.shape, np.uint8)
    room = np.zeros(room_bytes(size, form), np.uint8)
    pack(there, room)
    unpack(room, back)
    assert form_of(back) == form
    assert apart(there, back) == 0


@given(height=st.integers(1, 40), width=st.integers(1, 40), form=st.sampled_from(FORMS))
def test_the_status_lies_behind_the_picture_at_whole_words(height: int, width: int, form: Form) -> None:
    size = Size(height, width)
    assert status_offset(size, form) % ALIGNMENT == 0
    assert 0 <= status_offset(size, form) - picture_bytes(size, form) < ALIGNMENT
    assert room_bytes(size, form) == status_offset(size, form) + 8


def test_lines_wider_than_the_picture_lose_what_is_beside_it() -> None:
    wide: UInt8Array = np.arange(6 * 20, dtype=np.uint8).reshape(6, 20)
    planes = I420(wide[:, :10], wide[:3, 4:9], wide[3:, 4:9])
    room = np.zeros(200, np.uint8)
    pack(planes, room)
    assert np.array_equal(room[:60].reshape(6, 10), wide[:, :10])
    assert np.array_equal(room[60:75].reshape(3, 5), wide[:3, 4:9])


@pytest.mark.parametrize(("bt709", "full_range"), [(True, False), (False, True)])
def test_the_header_says_how_planes_are_to_be_read(bt709: bool, full_range: bool) -> None:
    planes = to_i420(picture(8, 12))
    room = np.full(1000, 77, np.uint8)
    size_bytes = pack_upload(I420(planes.y, planes.u, planes.v, bt709, full_range), room, 2**32 + 5, 1.0)
    header = room[:HEADER_BYTES].view(HEADER)[0]
    assert (header["number"], header["form"], header["own"]) == (5, PLANES, 1)
    assert np.array_equal(header["matrix"], to_rgb_matrix(bt709, full_range))
    assert size_bytes == HEADER_BYTES + picture_bytes(Size(8, 12), "i420")
    assert (room[size_bytes:] == 77).all()


def test_the_kernels_know_the_same_header() -> None:
    text = (KERNELS / "picture.h").read_text()
    fields = re.search(r"struct Header \{(.*?)\};", text, re.DOTALL)
    assert fields is not None
    names = re.findall(r"^\s+(?:Word|float) (\w+)(?:\[(\d+)\])?;", fields[1], re.MULTILINE)
    assert [name for name, _ in names] == list(HEADER.names or ())
    assert sum(4 * int(count or 1) for _, count in names) == HEADER_BYTES
    assert f"enum Form {{ RGB = {RGB}, PLANES = {PLANES} }};" in text
    assert f"#define RUN {RUN} " in text
