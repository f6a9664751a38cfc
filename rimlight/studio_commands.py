"""`rimlight studio`: parse and call. What a command needs is imported when it runs."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from tqdm import tqdm

from rimlight.errors import MissingExtraError

PATH = click.Path(path_type=Path)


def network_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Which networks run, and where."""
    options = [
        click.option("--weights-propagation", type=PATH, metavar="FILE",
                     help="Weights of trimap propagation  [default: the shipped ones]"),
        click.option("--weights-matting", type=PATH, metavar="FILE",
                     help="Weights of the matting network  [default: the shipped ones]"),
        click.option("--device", default="auto", show_default=True, help="Where both run: auto, cpu, cuda …"),
        click.option("--detail", default=384, show_default=True, metavar="PX",
                     help="Longer side at which trimaps are propagated."),
        click.option("--live-backend", default="auto", show_default=True,
                     help="What runs the live network, which makes automatic trimaps and doubts carried ones."),
    ]  # fmt: skip
    for option in reversed(options):
        command = option(command)
    return command


@click.group("studio")
def studio() -> None:
    """Mat recorded video from a few marked frames, for film and post."""


@studio.command("matte")
@click.argument("video", type=PATH)
@click.option("--out", required=True, help="out.mov (ProRes 4444), out.webm, out.mkv, frames/%05d.png; out.mp4 …")
@click.option("--trimap", "named", multiple=True, metavar="FRAME=FILE", help="A marked frame; may be repeated.")
@click.option(
    "--trimaps",
    "place",
    type=PATH,
    metavar="FOLDER|VIDEO",
    help="Pictures named by their frame, such as 00120.png, or a video with a trimap for every frame.",
)
@click.option("--every", type=click.IntRange(1), metavar="N", help="Of --trimaps take only every Nth frame's.")
@click.option("--auto-trimaps", "auto", type=int, metavar="N", help="Let the live network mark N frames.")
@click.option("--project", type=PATH, metavar="FILE", help="Take the marks that rimlight studio edit saved.")
@click.option(
    "--backdrop",
    default="transparent",
    show_default=True,
    help="transparent, blur[:0..1], a colour, or a picture's or video's path.",
)
@click.option("--side-by-side", is_flag=True, help="Write fill and matte side by side in an ordinary video.")
@click.option("--sound/--no-sound", default=True, show_default=True, help="Pass the video's sound through.")
@click.option(
    "--decontaminate/--no-decontaminate",
    default=True,
    show_default=True,
    help="Take the backdrop's colour out of half-transparent pixels.",
)
@click.option("--restart", is_flag=True, help="Begin anew where a run was broken off, rather than go on with it.")
@click.option("--quiet", is_flag=True, help="No progress.")
@network_options  # fmt: skip
def matte_command(video: Path, **options: Any) -> None:
    """Mat a whole video from trimaps of some of its frames.

    \b
    rimlight studio matte in.mp4 --trimap 0=t0.png --trimap 120=t120.png --out out.mov
    rimlight studio matte in.mp4 --trimaps trimaps/ --every 20 --out out.mov
    rimlight studio matte in.mp4 --auto-trimaps 2 --backdrop beach.jpg --out out.mp4

    A run that was killed is taken up where it was by the same command.
    """
    from rimlight.realtime.session import Settings
    from rimlight.studio.matte import Detail, Output, matte_film
    from rimlight.studio.work import Wanted, film_at, marks_for

    wanted = Wanted(options["named"], options["place"], options["auto"], options["project"], options["every"])
    networks = _networks(options)
    with _bar(options["quiet"], "looking through") as bar:
        film = film_at(video, _counting(bar))
    live = Settings(backend=options["live_backend"])
    marks, digest = marks_for(wanted, film, live)
    output = Output(
        options["out"], options["backdrop"], options["side_by_side"], options["sound"], options["decontaminate"],
        restart=options["restart"],
    )  # fmt: skip
    frames = matte_film(film, networks, marks, output, Detail(long_side=options["detail"]), digest, live)
    with _bar(options["quiet"], "matting", film.survey.count) as bar:
        try:
            for done in frames:
                bar.update(done - bar.n)
        except KeyboardInterrupt as error:
            raise KeyboardInterrupt("the same command goes on where this one was") from error
    if not options["quiet"]:
        click.echo(f"{film.survey.count} frames from {len(marks.frames)} marked ones to {output.sink}", err=True)


@studio.command("edit")
@click.argument("video", type=PATH)
@click.option("--project", type=PATH, metavar="FILE", help="Where marks are saved  [default: VIDEO.studio.json]")
@click.option("--port", default=0, type=click.IntRange(0, 65535), help="On 127.0.0.1  [default: any free one]")
@click.option("--browser/--no-browser", default=True, show_default=True, help="Open the page.")
@network_options
def edit_command(video: Path, **options: Any) -> None:
    """Mark frames on a local page, see what follows from them, and export.

    Every stroke is saved at once. Only this machine can reach the page, and only with the address that is printed.
    """
    try:
        import aiohttp  # noqa: F401 - only to say which extra is missing
    except ImportError as error:
        raise MissingExtraError("rimlight studio edit", "aiohttp", "studio") from error
    from rimlight.realtime.session import Settings
    from rimlight.studio.edit.run import Place, edit

    networks = _networks(options)
    place = Place(options["port"], options["project"], options["browser"])
    live = Settings(backend=options["live_backend"])
    bar = _bar(False, "looking through")

    def say(text: str) -> None:
        bar.close()  # its line is taken back
        click.echo(f"rimlight: {text}", err=True)

    edit(video, networks, live, place, options["detail"], say, _counting(bar))


def _networks(options: dict[str, Any]) -> Any:
    from rimlight.studio.work import open_both

    return open_both(options["weights_propagation"], options["weights_matting"], options["device"])


def _bar(quiet: bool, what: str, total: int | None = None) -> Any:
    """A bar with frames per second and time to go, on terminals only."""
    return tqdm(total=total, desc=what, unit=" frame", disable=True if quiet else None, file=sys.stderr, leave=False)


def _counting(bar: Any) -> Callable[[object], None]:
    """Moves a bar on by one for every frame."""

    def count(_: object) -> None:
        bar.update()

    return count
