"""One process, and two that come to the same."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import asdict, replace
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch

from rimlight.errors import MissingExtraError, TrainingError
from rimlight.training import devices
from rimlight.training.config import Rates

from ..conftest import need
from .runs import FULL, IMAGES, TINY, curve, trained

TIMEOUT_S = 300
# Batch norms over several processes are PyTorch's for GPUs only, so that statistics are frozen here; weights that were
# trained make sense of such statistics, random ones do not. Rates are small: AdamW would make steps of full length out
# of the last digits, in which gradients differ that were added in another order.
GENTLE = Rates(encoder=1e-5, rest=1e-5)
SHARED = replace(
    TINY,
    stages=(
        replace(IMAGES, rates=GENTLE, frozen_norms=True),
        replace(FULL, rates=replace(GENTLE, refiner=1e-5), frozen_norms=True),
    ),
    init="shipped",
)


def test_a_device_that_is_not_here_is_refused() -> None:
    for name in ("cuda:99", "warp"):
        with pytest.raises(TrainingError, match=f"cannot train on device '{name}'"):
            devices.open_worker(name)


def test_alone_there_is_nothing_to_agree_on() -> None:
    worker = devices.open_worker("cpu")
    values = torch.rand(3)
    assert (worker.rank, worker.world) == (0, 1)
    assert torch.equal(worker.mean(values), values)


def test_several_processes_need_their_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setitem(sys.modules, "lightning_fabric", None)
    with pytest.raises(MissingExtraError, match=r"lightning-fabric.*rimlight\[train\]"):
        devices.open_worker("cpu")


def test_float32_is_the_rule_on_processors() -> None:
    cpu = torch.device("cpu")
    chosen = [devices.computes_in_bfloat16(precision, cpu) for precision in ("auto", "float32", "bfloat16")]
    assert chosen == [False, False, True]


def test_two_processes_with_half_the_batch_each_come_to_the_curve_of_one(tmp_path: Path) -> None:
    need("fabric", bool(find_spec("lightning_fabric")), "lightning-fabric is not installed (extra train)")
    trained(tmp_path / "one", SHARED)
    (tmp_path / "config.json").write_text(json.dumps(asdict(SHARED)))
    command = [
        sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2",
        "-m", "rimlight.cli", "train", "--recipe", "config.json", "--data", "shapes", "--out", "two", "--device", "cpu",
    ]  # fmt: skip
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    ran = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=TIMEOUT_S, check=False
    )
    assert ran.returncode == 0, ran.stderr
    for name in ("total", "alpha", "motion", "segmentation", "full_alpha", "grad_norm"):
        wanted = curve(tmp_path / "one", name)
        assert curve(tmp_path / "two", name) == pytest.approx(wanted, rel=1e-5, abs=1e-9, nan_ok=True), name
    assert len(wanted) == 4
