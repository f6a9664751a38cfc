"""A PyTorch program (torch.export, .pt2): runs without the network's source and without TorchScript.

One stream; the internal size is free in multiples of 16 unless it is fixed, and a call takes a fixed number of frames.
"""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import torch

from rimlight.errors import FrameError, WeightsError
from rimlight.export.form import Exported, Form
from rimlight.export.metadata import metadata_of, verify
from rimlight.graph.metadata import Metadata, parsed
from rimlight.model.weights import load_network
from rimlight.signature import STRIDE

NOTES = "rimlight.json"  # in the archive
MOST_CELLS = 256


def export_program(target: Path, weights: Path | None = None, form: Form | None = None) -> None:
    """Write the network as a program; raises WeightsError if the weights do not fit, FrameError for half precision."""
    form = form or Form()
    form = Form(form.size, form.frames or 1, form.precision)
    if form.precision != "f32":
        raise FrameError(f"expected precision f32 for a program, got {form.precision}; export onnx has f16")
    network = load_network(weights)
    sizes = None if form.size else free_sizes()
    program = torch.export.export(Exported(network).eval(), form.example(), dynamic_shapes=sizes)
    notes = json.dumps(metadata_of(form, network.config, weights).properties())
    torch.export.save(program, target, extra_files={NOTES: notes})


def free_sizes() -> dict[str, Any]:
    """Height and width of pictures as 16 times those of the memory, which are free."""
    high = torch.export.Dim("cells_high", min=2, max=MOST_CELLS)
    wide = torch.export.Dim("cells_wide", min=2, max=MOST_CELLS)
    memory = {3: high, 4: wide}
    return {"images": {3: STRIDE * high, 4: STRIDE * wide}, "keys": memory, "values": memory, "own": None}


def read_program(path: Path) -> tuple[Any, Metadata]:
    """A program as a callable module and its metadata, verified.

    Raises WeightsError if the file is none, or is for another network.
    """
    files: dict[str, Any] = {NOTES: ""}
    try:
        program = torch.export.load(path, extra_files=files)
        stated = json.loads(files[NOTES] or "{}")
    except (OSError, RuntimeError, ValueError, KeyError, AssertionError, zipfile.BadZipFile) as error:
        said = next(iter(str(error).splitlines()), type(error).__name__)
        raise WeightsError(f"cannot read {path.name}: {said}; expected a PyTorch program (.pt2)") from error
    return program.module(), verify(parsed(stated, path.name), path.name)
