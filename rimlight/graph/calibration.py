"""The largest value that 8 bits should hold, for tensors of a graph that runs through a clip.

Not the largest that is seen. Clipping a few values rounds all others less: of some candidates the one with the least
squared error is taken, by a histogram. And on some videos the decoder's features reach fifty times what they usually
do, in one pixel of twenty, where clipping harms little; such values are left out before, for their squares would
outweigh everything else.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import onnxruntime as ort

from rimlight.errors import FrameError, MissingExtraError
from rimlight.signature import CallShape, own_frames
from rimlight.types import FloatArray, Size

try:
    import onnx
    from onnx import TensorProto, helper
except ImportError as error:
    raise MissingExtraError("writing ONNX graphs", "onnx", "graph") from error

BINS = 8192
LEVELS = 127
CANDIDATES = 48
OUTLIER = 6  # times what is usual
STATE = ("next_keys", "next_values")


def largest_values(model: Any, names: Sequence[str], images: FloatArray, cuts: Sequence[bool]) -> dict[str, float]:
    """For each of the named tensors the largest value to hold; images (T, 3, h, w) 0..1 are one clip.

    Raises FrameError if there are no images, or no cut at the start.
    """
    if not len(images) or not cuts[0]:
        raise FrameError(f"expected a clip that starts with a cut, got {len(images)} frames; give a longer video")
    seen = dict.fromkeys(names, 0.0)
    for tensors in _calls(model, names, images, cuts):
        for name, array in zip(names, tensors, strict=True):
            seen[name] = max(seen[name], float(np.abs(array).max()))
    seen = {name: most or 1.0 for name, most in seen.items()}
    counts = {name: np.zeros(BINS, np.int64) for name in names}
    for tensors in _calls(model, names, images, cuts):
        for name, array in zip(names, tensors, strict=True):
            counts[name] += np.histogram(np.abs(array), BINS, (0, seen[name]))[0]
    return {name: _least_error(counts[name], seen[name]) for name in names}


def _least_error(counts: np.ndarray, most: float) -> float:
    values = (np.arange(BINS) + 0.5) * most / BINS
    usual = _best(counts, values, np.geomspace(0.01, 1, CANDIDATES) * most, 0.5)  # roots, which outliers do not rule
    largest = min(most, OUTLIER * usual)
    return _best(counts * (values <= largest), values, np.linspace(0.3, 1, CANDIDATES) * largest, 2)


def _best(counts: np.ndarray, values: np.ndarray, candidates: np.ndarray, power: float) -> float:
    """The candidate that makes the least sum of errors to that power."""
    steps = candidates[:, None] / LEVELS
    rounded = np.clip(np.rint(values / steps), 0, LEVELS) * steps
    errors = (counts * np.abs(rounded - values) ** power).sum(1)
    return float(candidates[errors.argmin()])


def _calls(model: Any, names: Sequence[str], images: FloatArray, cuts: Sequence[bool]) -> Iterator[list[FloatArray]]:
    """Values of the named tensors, call by call; frames that fill no call are left out."""
    session = _session(model, names)
    frames = (
        next(port for port in model.graph.input if port.name == "images").type.tensor_type.shape.dim[1].dim_value or 1
    )
    shape = CallShape(Size(*images.shape[2:]))
    keys, values = (np.zeros(shape.tensor(name), np.float32) for name in ("keys", "values"))
    age = 0
    for start in range(0, len(images) - frames + 1, frames):
        part = slice(start, start + frames)
        own, age = own_frames(age, cuts[part])
        inputs = {"images": images[part][None], "keys": keys, "values": values, "own": np.array([own], np.float32)}
        keys, values, *found = session.run([*STATE, *names], inputs)
        yield found


def _session(model: Any, names: Sequence[str]) -> ort.InferenceSession:
    watched = onnx.ModelProto()
    watched.CopyFrom(model)
    there = {port.name for port in watched.graph.output}
    watched.graph.output.extend(
        helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in names if name not in there
    )
    options = ort.SessionOptions()
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return ort.InferenceSession(watched.SerializeToString(), options, providers=["CPUExecutionProvider"])
