"""The golden loss curve of the smoke recipe. Run as a program it is written anew: python -m tests.training.smoke"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import torch

from rimlight.training import log, loop, recipes
from rimlight.training.devices import Alone
from rimlight.training.shapes import Shapes
from rimlight.training.trainer import Trainer

GOLDEN = Path(__file__).with_name("golden_smoke.json")
NAMES = ("total", "alpha", "segmentation")


def curves(steps: int | None = None) -> dict[str, list[float]]:
    """Losses of the smoke recipe's steps, to six digits."""
    config, worker = recipes.smoke(), Alone(torch.device("cpu"))
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder)
        loop.run(Trainer(config, worker), Shapes(config, worker.device), out, loop.Leg(steps=steps))
        columns = log.read(out / loop.LOG)
    return {name: [float(f"{value:.6g}") for value in log.numbers(columns, name)] for name in NAMES}


def golden() -> dict[str, list[float]]:
    """The recorded curves."""
    found: dict[str, list[float]] = json.loads(GOLDEN.read_text())
    return found


if __name__ == "__main__":
    GOLDEN.write_text(json.dumps(curves()) + "\n")
