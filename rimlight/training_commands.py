"""`rimlight train` and `rimlight data`: parse and call. What a command needs is imported when it runs."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

import click

from rimlight.errors import MissingExtraError

PATH = click.Path(path_type=Path)


@click.command("train")
@click.option("--recipe", metavar="NAME|FILE", help="paper, preview, smoke, one of studio-*, or a config as JSON.")
@click.option(
    "--data",
    multiple=True,
    metavar="[LAYOUT:]FOLDER",
    help="A data set; may be repeated. packed: or folder: where no layout is named; FOLDER@FILE takes the names in "
    "FILE only. shapes are drawn clips.",
)
@click.option("--out", type=PATH, required=True, help="Folder of the log, the checkpoints and the weights.")
@click.option("--seconds", type=click.FloatRange(0, min_open=True), help="Time for this call, loading included.")
@click.option("--steps", type=click.IntRange(0), help="Steps of this call; 0 only exports or plots again.")
@click.option("--resume", is_flag=True, help="Go on from the newest checkpoint in --out.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1, mps.")
@click.option("--init", metavar="none|shipped|FILE", help="Weights to begin with  [default: the recipe's]")
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="PATH=VALUE",
    help="A value of the config, such as video.plan.batch=4 or seed=1; may be repeated.",
)
@click.option(
    "--export",
    type=PATH,
    metavar="FILE",
    help="Write the averaged weights here  [default: in --out, after the last stage]",
)
@click.option(
    "--save-every",
    "save_every_s",
    default=300.0,
    show_default=True,
    metavar="S",
    type=click.FloatRange(0, min_open=True),
    help="Seconds between checkpoints.",
)
@click.option("--keep", "kept", type=click.IntRange(1), default=2, show_default=True, help="Checkpoints that stay.")
@click.option("--quiet", is_flag=True, help="No progress, no summary.")
def train(**options: Any) -> None:
    """Train the network, or go on with it.

    \b
    rimlight train --recipe smoke --data shapes --out runs/smoke
    rimlight train --recipe preview --data packed:data/train --out runs/one --seconds 1500
    rimlight train --resume --data packed:data/train --out runs/one --seconds 1500
    torchrun --nproc-per-node 8 -m rimlight.cli train --recipe paper --data aisegment:/data/aisegment --out runs/all
    """  # fmt: skip
    need_torch()
    from rimlight.training.command import Request
    from rimlight.training.command import train as train_by

    train_by(Request(**options))


@click.group("data", no_args_is_help=False)
def data() -> None:
    """Look at data sets for training, and pack them for the way."""


@data.command("check")
@click.argument("sets", nargs=-1, required=True, metavar="[LAYOUT:]FOLDER...")
def check_command(sets: tuple[str, ...]) -> None:
    """Decode everything and say what there is.

    Every picture that is missing, damaged or does not fit its alpha is named, and the exit code is 2.
    """
    from rimlight.training.data_command import check

    check(sets)


@data.command("pack")
@click.argument("sets", nargs=-1, required=True, metavar="[LAYOUT:]FOLDER...")
@click.option("--out", type=PATH, required=True, help="Folder of the parts.")
@click.option("--longest", type=click.IntRange(16), metavar="PX", help="Longer side at most  [default: as it is]")
@click.option("--quality", type=click.IntRange(1, 100), default=92, show_default=True, help="Of the JPEG files.")
@click.option("--part-mb", type=click.FloatRange(0.1), default=60.0, show_default=True, help="Of each part at most.")
@click.option(
    "--part",
    type=click.Choice(["train", "val", "test", "all"]),
    default="train",
    show_default=True,
    help="Of each data set; what is packed is all trained on, so that test clips must stay out.",
)
def pack_command(
    sets: tuple[str, ...], out: Path, longest: int | None, quality: int, part_mb: float,
    part: Literal["train", "val", "test", "all"],
) -> None:  # fmt: skip
    """Write data sets as a few tar files, which train as they are."""
    from rimlight.training.data_command import pack

    pack(sets, out, longest, quality, part_mb, None if part == "all" else part)


@data.command("preview")
@click.argument("sets", nargs=-1, required=True, metavar="[LAYOUT:]FOLDER...")
@click.option("--out", type=PATH, default=Path("preview.png"), show_default=True, help="The picture.")
@click.option("--recipe", default="preview", show_default=True, metavar="NAME|FILE", help="As of rimlight train.")
@click.option("--stage", metavar="NAME", help="Stage of the recipe  [default: its first]")
@click.option("--step", type=click.IntRange(0), default=0, show_default=True, help="Which batch.")
@click.option("--set", "settings", multiple=True, metavar="PATH=VALUE", help="As of rimlight train.")
def preview_command(sets: tuple[str, ...], out: Path, **options: Any) -> None:
    """Draw clips that a stage would train on, with their alpha and the people cut out."""
    need_torch()
    from rimlight.training.command import preview

    preview(sets, out, **options)


def need_torch() -> None:
    """Raise MissingExtraError where PyTorch or safetensors is not installed."""
    for package in ("torch", "safetensors"):
        if find_spec(package) is None:
            raise MissingExtraError("training", package, "train")
