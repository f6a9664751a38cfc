"""`rimlight export`: parse and call. What a command needs is imported when it runs."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import astuple
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from rimlight import backends
from rimlight.errors import BackendError, MissingExtraError, SinkError, SourceError
from rimlight.types import Size

if TYPE_CHECKING:
    from rimlight.backends.tensorrt_compat import Kind
    from rimlight.export.form import Form
    from rimlight.export.parity import Errors, Parity

PATH = click.Path(path_type=Path)
EXIT_DIFFERENT = 1
HEAD = ("frame", "alpha max", "alpha mean", "foreground")
Precision = Literal["f32", "f16", "int8"]
Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]
CALIBRATE = "What int8 takes its ranges from  [default: the shipped portrait]"
ENGINE = ".engine"


def form_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Options of every command that writes the network."""
    options = [
        click.option("--weights", type=PATH, help="safetensors file  [default: the shipped weights]"),
        click.option("--size", metavar="WxH", help="Fix the internal size, in multiples of 16  [default: free]"),
        click.option("--batch", type=click.IntRange(1), metavar="N",
                     help="Fix the frames of one stream per call  [default: free, or 1 where the size is fixed]"),
    ]  # fmt: skip
    for option in reversed(options):
        command = option(command)
    return command


def precision_option(about: str, *choices: str) -> Decorator:
    """The first choice is taken where none is made."""
    return click.option(
        "--precision", type=click.Choice(choices), default=choices[0], show_default=True, help=about
    )  # fmt: skip


def engine_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Options of every command that builds an engine."""
    options: list[Decorator] = [
        click.option("--weights", type=PATH, help="safetensors file  [default: the shipped weights]"),
        click.option("--size", metavar="WxH", default="512x288", show_default=True,
                     help="Internal size, in multiples of 16."),
        click.option("--streams", metavar="N|LEAST:BEST:MOST", default="1", show_default=True,
                     help="Streams of a call; with a range, fastest at BEST."),
        click.option("--batch", type=click.IntRange(1), metavar="N", default=1, show_default=True,
                     help="Frames of each stream per call."),
        precision_option("f16 and int8 with float32 where those would not do.", "f16", "f32", "int8"),
        click.option("--calibrate", type=PATH, metavar="VIDEO", help=CALIBRATE),
    ]  # fmt: skip
    for option in reversed(options):
        command = option(command)
    return command


@click.group("export", no_args_is_help=False)
def export() -> None:
    """Write the network for other runtimes, and compare what was written."""


@export.command("onnx")
@form_options
@precision_option(
    "f16 computes in half precision, with float32 where that would not do; int8 is f16 with a decoder in 8 bits.",
    "f32", "f16", "int8",
)  # fmt: skip
@click.option("--calibrate", type=PATH, metavar="VIDEO", help=CALIBRATE)
@click.option("--out", type=PATH, default=Path("rimlight.onnx"), show_default=True)
def onnx_command(
    weights: Path | None, size: str | None, batch: int | None, precision: Precision, calibrate: Path | None, out: Path
) -> None:  # fmt: skip
    """One ONNX file with named free dimensions, for any internal size in multiples of 16, or with fixed ones."""
    _need("export", "torch", "onnx")
    _check_calibrate(calibrate, precision)
    from rimlight.export.to_onnx import export_onnx

    _write(partial(export_onnx, calibrate=calibrate), out, ".onnx", weights, _form(size, batch, precision))


@export.command("openvino")
@form_options
@precision_option("f16 keeps the weights in half precision.", "f32", "f16")
@click.option("--out", type=PATH, default=Path("rimlight.xml"), show_default=True, help="A .bin is written beside it.")
def openvino_command(
    weights: Path | None, size: str | None, batch: int | None, precision: Precision, out: Path
) -> None:  # fmt: skip
    """OpenVINO's own format, .xml and .bin."""
    _need("export", "torch", "onnx")
    _need("openvino", "openvino")
    from rimlight.export.to_openvino import export_openvino

    _write(export_openvino, out, ".xml", weights, _form(size, batch, precision))
    click.echo(_line(out.with_suffix(".bin")))


@export.command("program")
@form_options
@click.option("--out", type=PATH, default=Path("rimlight.pt2"), show_default=True)
def program_command(weights: Path | None, size: str | None, batch: int | None, out: Path) -> None:
    """A PyTorch program by torch.export, float32; one frame per call unless --batch says otherwise."""
    _need("export", "torch")
    from rimlight.export.to_program import export_program

    _write(export_program, out, ".pt2", weights, _form(size, batch, "f32"))


@export.command("tensorrt")
@engine_options
@click.option("--timing-cache", type=PATH, help="File of what the builder measured, read and written.")
@click.option("--out", type=PATH, default=Path("rimlight.engine"), show_default=True)
def tensorrt_command(out: Path, timing_cache: Path | None, **options: Any) -> None:
    """An engine of TensorRT 8.6, 10.x or 11.x for the GPU that is here."""
    _write_engine("tensorrt", out, (), timing_cache, **options)


@export.command("tensorrt-rtx")
@engine_options
@click.option(
    "--sm",
    metavar="86,89,120",
    help="GPUs that it is for, by compute capability  [default: the library's, 80 and later]",
)
@click.option("--out", type=PATH, default=Path("rimlight.engine"), show_default=True)
def tensorrt_rtx_command(out: Path, sm: str | None, **options: Any) -> None:
    """An engine of TensorRT-RTX; with --sm it is built without a GPU."""
    _write_engine("tensorrt-rtx", out, capabilities(sm) if sm is not None else (), None, **options)


@export.command("check")
@click.argument("first", metavar="A")
@click.argument("second", metavar="B")
@click.option("--frames", type=click.IntRange(4), default=60, show_default=True, help="Length of the clip.")
@click.option("--size", metavar="WxH", help="Internal size  [default: what a file is fixed at, else 512x288]")
@click.option("--each", is_flag=True, help="A line for every frame.")
def check_command(first: str, second: str, frames: int, size: str | None, each: bool) -> None:
    """Compare two of: openvino, onnx, torch, tensorrt, fake, or exported files (.onnx, .xml, .pt2, .engine).

    Exit code 1 if they differ. Engines run on the GPU, everything else on the processor.

    \b
    rimlight export check rimlight.onnx torch
    rimlight export check rimlight.engine torch
    rimlight export check half.onnx onnx --frames 120 --size 256x144
    """
    _need("export", "torch")
    from rimlight.export.parity import compare

    found = compare(first, second, frames, Size.parse(size) if size else None)
    click.echo(report(found, each))
    if not found.passed:
        sys.exit(EXIT_DIFFERENT)


def report(found: Parity, each: bool = False) -> str:
    """A comparison as people read it: what ran, a table of errors, and the verdict."""
    chosen = {0: "first", found.cut: "cut", found.worst: "worst"}
    shown = range(len(found.frames)) if each else sorted(chosen)
    rows = [_row(f"{frame} {chosen.get(frame, '')}".rstrip(), found.frames[frame]) for frame in shown]
    table = [HEAD, *rows, _row("mean", found.mean), _row("tolerance", found.tolerance)]
    lines = [" ".join(text.rjust(12) for text in row) for row in table]
    head = [f"A  {found.sides[0]}", f"B  {found.sides[1]}", f"{len(found.frames)} frames at {found.size}"]
    verdict = (
        f"{'PASS' if found.passed else 'FAIL'}: worst frame {found.worst}, {found.excess(found.worst):.3g} of the "
        f"tolerance for {found.precision}"
    )
    return "\n".join([*head, *lines, verdict])


def _row(name: str, errors: Errors) -> tuple[str, ...]:
    return (name, *(f"{error:.2e}" for error in astuple(errors)))


def capabilities(text: str) -> tuple[str, ...]:
    """ "86,120" as compute capabilities 8.6 and 12.0; raises BackendError for anything else."""
    words = [word.strip() for word in text.split(",")]
    if not all(word.isascii() and word.isdigit() and len(word) in (2, 3) for word in words):
        raise BackendError(f"expected compute capabilities such as 86,89,120 for --sm, got {text!r}")
    return tuple(dict.fromkeys(f"{word[:-1]}.{word[-1]}" for word in words))


def _write_engine(
    kind: Kind, out: Path, targets: tuple[str, ...], timing_cache: Path | None, weights: Path | None, size: str,
    streams: str, batch: int, precision: Precision, calibrate: Path | None,
) -> None:  # fmt: skip
    from rimlight.backends.tensorrt_compat import library

    library(kind)
    _need("graph", "onnx")
    if weights is not None:
        _need("export", "torch")
    _check_calibrate(calibrate, precision)
    _check_out(out, ENGINE)
    from rimlight.export.to_tensorrt import EngineForm, export_engine
    from rimlight.graph.streams import Streams

    form = EngineForm(Size.parse(size), Streams.parse(streams), batch, precision, targets)
    export_engine(out, kind, form, weights, calibrate, timing_cache)
    click.echo(_line(out))


def _check_calibrate(video: Path | None, precision: Precision) -> None:
    if video is not None and precision != "int8":
        raise SourceError(f"expected --calibrate with --precision int8 only, got {precision}; leave one out")


def _form(size: str | None, batch: int | None, precision: Precision) -> Form:
    from rimlight.export.form import Form

    return Form(Size.parse(size) if size else None, batch, precision)


def _write(
    exporter: Callable[[Path, Path | None, Form], None], out: Path, suffix: str, weights: Path | None, form: Form
) -> None:  # fmt: skip
    _check_out(out, suffix)
    exporter(out, weights, form)
    click.echo(_line(out))


def _check_out(out: Path, suffix: str) -> None:
    if out.suffix != suffix:
        raise SinkError(f"expected a file name that ends in {suffix}, got {out.name}; change --out")
    if not out.resolve().parent.is_dir():
        raise SinkError(f"no folder {out.resolve().parent}; make it first")


def _line(path: Path) -> str:
    return f"{path}  {path.stat().st_size / 2**20:.1f} MiB"


def _need(extra: str, *packages: str) -> None:
    """Raise MissingExtraError where a package that the command works with is not installed."""
    for package in packages:
        there = backends.installed(package) if package in ("torch", "openvino") else find_spec(package) is not None
        if not there:
            raise MissingExtraError("rimlight export", package, extra)
