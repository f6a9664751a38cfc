"""Imports go down only, and the live path never needs torch."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[2] / "rimlight"
# Lower may not import higher; one height may not import each other. The longest matching prefix counts.
HEIGHTS = {
    "rimlight.errors": 0,
    "rimlight.types": 1,
    "rimlight.config": 1,
    "rimlight.files": 1,
    "rimlight.kernels": 2,
    "rimlight.pixels": 3,
    "rimlight.assets": 3,
    "rimlight.signature": 4,
    "rimlight.compose": 4,
    "rimlight.metrics": 4,
    "rimlight.model": 5,
    "rimlight.graph": 5,
    "rimlight.gpu": 5,
    "rimlight.backends": 6,
    "rimlight.realtime": 7,
    "rimlight.training": 7,
    "rimlight.export": 7,
    "rimlight.api": 8,
    "rimlight.studio": 8,
    "rimlight.batch": 8,
    "rimlight.live_command": 8,
    "rimlight.config_commands": 8,
    "rimlight.control_commands": 8,
    "rimlight.serve_command": 8,
    "rimlight.training_commands": 8,
    "rimlight.export_commands": 8,
    "rimlight.demo": 8,
    "rimlight.benchmarks": 9,
    "rimlight.doctor": 10,
    "rimlight.commands": 10,
    "rimlight.studio_commands": 10,
    "rimlight.batch_commands": 10,
    "rimlight.cli": 11,
}
TORCH_USERS = (
    "rimlight.model",
    "rimlight.training",
    "rimlight.export",
    "rimlight.backends.on_torch",
    "rimlight.backends.streams_torch",
    "rimlight.backends.torch_",
    "rimlight.backends.triton_pass",
    "rimlight.studio.on_torch",
    "rimlight.studio.on_openvino",
    "rimlight.studio.opening",
    "rimlight.benchmarks.torch_macs",
    "rimlight.benchmarks.gpu",
)
LAZY_TWINS = {("rimlight.types", "rimlight.pixels")}  # Frame.image, inside a property


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__")


def part_of(module: str) -> str | None:
    found = [part for part in HEIGHTS if module == part or module.startswith(part + ".")]
    return max(found, key=len, default=None)


def imports_of(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


MODULES = sorted(PACKAGE.rglob("*.py"))


@pytest.mark.parametrize("path", MODULES, ids=module_of)
def test_imports_go_down_only(path: Path) -> None:
    module = module_of(path)
    here = part_of(module)
    if here is None:
        assert module == "rimlight", f"{module} belongs to no layer: give it one"
        return
    for name in imports_of(path):
        there = part_of(name)
        if there is None or there == here or (here, there) in LAZY_TWINS:
            continue
        assert HEIGHTS[there] < HEIGHTS[here], f"{module} imports {name}, which is not below it"


@pytest.mark.parametrize("path", MODULES, ids=module_of)
def test_only_the_model_and_its_users_import_torch(path: Path) -> None:
    uses_torch = any(name.split(".")[0] in ("torch", "safetensors") for name in imports_of(path))
    assert not uses_torch or module_of(path).startswith(TORCH_USERS)


def test_the_live_path_runs_without_torch_in_the_process() -> None:
    code = (
        "import sys, rimlight, rimlight.cli, rimlight.commands; rimlight.Session; "
        "assert 'torch' not in sys.modules, 'torch was imported'"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("path", MODULES, ids=module_of)
def test_a_file_answers_one_question(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 300


def test_the_public_names_are_few_and_real() -> None:
    import rimlight

    assert len(rimlight.__all__) <= 15
    assert all(getattr(rimlight, name) is not None for name in rimlight.__all__)
