"""`rimlight train` as a command: what it leaves, how it goes on, and every refusal in one line."""

from __future__ import annotations

import json
import signal
import sys
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch

from rimlight import training_commands
from rimlight.model.weights import load_network
from rimlight.training import checkpoint, loop
from rimlight.training.shapes import Shapes
from rimlight.training.synthesis.clips import Batch

from ..commandline import Runs, files, refused, runner
from .runs import TINY, curve

TRAIN = ("train", "--recipe", "tiny.json", "--data", "shapes", "--out", "run", "--device", "cpu")
RESUME = ("train", "--resume", "--data", "shapes", "--out", "run", "--device", "cpu")


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path) -> Runs:
    (tmp_path / "tiny.json").write_text(json.dumps(asdict(TINY)))
    return runner(monkeypatch, capfd, tmp_path)


def test_a_run_leaves_a_log_a_checkpoint_its_config_and_weights_that_load(run: Runs, tmp_path: Path) -> None:
    ran = run(*TRAIN)
    assert ran.code == 0, ran.err
    assert ran.out == ""
    assert ran.err.startswith("tiny from random weights\n")
    assert "step 6, loss " in ran.err
    out = tmp_path / "run"
    picture = {"losses.png"} if find_spec("matplotlib") else set()
    assert {name for name in files(out) if "/" not in name} == {
        "checkpoints", "config.json", "log.csv", "weights.safetensors", *picture
    }  # fmt: skip
    assert curve(out, "step") == [1, 2, 3, 4, 5, 6]
    average = checkpoint.read(checkpoint.latest(out)).average
    loaded = load_network(out / "weights.safetensors").state_dict()
    for name, tensor in average.items():
        assert torch.allclose(loaded[name], tensor, rtol=1e-3, atol=1e-6), name


def test_a_run_goes_on_where_it_stopped(run: Runs, tmp_path: Path) -> None:
    assert run(*TRAIN, "--steps", 1, "--quiet").err == ""
    assert run(*TRAIN, "--resume", "--steps", 1).err.startswith("tiny from step 1\n")
    ran = run(*RESUME, "--steps", 1)
    assert ran.code == 0, ran.err
    assert curve(tmp_path / "run", "step") == [1, 2, 3]
    ran = run("train", "--resume", "--out", "run", "--steps", 0, "--export", "here/w.safetensors")
    assert ran.code == 0, ran.err
    assert "no step" in ran.err
    load_network(tmp_path / "here" / "w.safetensors")


def test_ctrl_c_saves_and_exits_with_130(run: Runs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    draw = Shapes.clip

    def interrupted(self: Shapes, stage: int, step: int) -> Batch:
        if step == 1:
            signal.raise_signal(signal.SIGINT)
        return draw(self, stage, step)

    monkeypatch.setattr(Shapes, "clip", interrupted)
    ran = run(*TRAIN)
    assert ran.code == 130
    assert "rimlight: interrupted; step 3 is saved in run; the same command with --resume goes on" in ran.err
    assert checkpoint.latest(tmp_path / "run").name == "00000003"


def test_a_leg_may_end_by_the_clock(run: Runs, tmp_path: Path) -> None:
    """Loading is over time already, so that one step is made."""
    assert run(*TRAIN, "--seconds", 1e-9).code == 0
    assert curve(tmp_path / "run", "step") == [1]


def test_what_is_there_already_is_not_begun_anew(run: Runs, tmp_path: Path) -> None:
    run(*TRAIN, "--steps", 1)
    before = (tmp_path / "run" / loop.LOG).read_bytes()
    refused(run(*TRAIN), "there is a run in run already; add --resume, or choose another --out")
    refused(run(*TRAIN, "--resume", "--set", "video.plan.batch=4"), "other values of stages[1].plan.batch")
    assert (tmp_path / "run" / loop.LOG).read_bytes() == before


def test_wrong_options_are_refused_in_one_line(run: Runs, tmp_path: Path) -> None:
    (tmp_path / "bad.json").write_text("{}")
    (tmp_path / "file").write_text("")
    for options, said in (
        (("--data", "shapes"), "expected a recipe: --recipe paper, preview, smoke"),
        (("--data", "shapes", "--recipe", "none"), "expected a recipe of paper, preview, smoke, studio-propagation, "),
        (("--data", "shapes", "--recipe", "none.json"), "cannot read the recipe none.json"),
        (("--data", "shapes", "--recipe", "bad.json"), "bad.json: missing 2 required positional arguments"),
        (("--data", "shapes", "--recipe", "tiny.json", "--set", "sed=1"), "there is no 'sed'"),
        (("--data", "shapes", "--recipe", "tiny.json", "--device", "warp"), "cannot train on device 'warp'"),
        (("--data", "shapes", "--recipe", "tiny.json", "--init", "no.pt"), "cannot read weights no.pt"),
        (("--data", "shapes", "--resume"), "there is no checkpoint in run; start the run without --resume"),
        (("--recipe", "tiny.json"), "expected --data LAYOUT:FOLDER, or --data shapes"),
        (("--recipe", "tiny.json", "--data", "packed:none"), "got 'packed:none'"),
        (("--recipe", "tiny.json", "--data", "shapes", "--data", "file"), "expected a folder"),
    ):
        refused(run("train", "--out", "run", *options), said)
    refused(run("train", "--out", "file", "--recipe", "tiny.json", "--data", "shapes"), "cannot write to file")
    assert files(tmp_path) == {"tiny.json", "bad.json", "file"}


def test_without_pytorch_the_extra_is_named(run: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training_commands, "find_spec", lambda name: None if name == "torch" else find_spec(name))
    refused(run(*TRAIN), "training needs torch", "pip install 'rimlight[train]'")


def test_help_needs_neither_pytorch_nor_data(run: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    for command in (("train",), ("data",), ("data", "check"), ("data", "pack"), ("data", "preview")):
        assert run(*command, "--help").code == 0
