"""`rimlight doctor`: one page that says what works here and what to do about the rest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import click

from rimlight.doctor.check import Check, Checker, Place

__all__ = ["Check", "Checker", "Place", "attempt", "doctor", "examine", "sections"]

THREADS = 4  # imports and drivers wait more than they compute


@click.command("doctor")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def doctor(as_json: bool) -> None:
    """Say what works on this machine, and how to mend the rest; exit code 1 where something is broken."""
    from rimlight.doctor import page

    found = examine(sections(), Place())
    click.echo(page.as_json(found) if as_json else page.as_text(found))
    if any(check.status == "fail" for checks in found.values() for check in checks):
        raise SystemExit(1)


def sections() -> dict[str, tuple[Checker, ...]]:
    """Every check, under the heading it is shown with."""
    from rimlight.doctor import cameras, machine, software

    return {
        "rimlight": (software.version, software.python, software.weights, machine.caches, software.extras),
        "Network": (
            machine.processor,
            machine.gpu,
            *(partial(software.backend, name) for name in ("openvino", "onnx", "torch")),
            partial(software.engine, "tensorrt"),
        ),
        "Pictures in": (cameras.cameras, machine.rights),
        "Pictures out": (software.codecs, software.window, software.ndi, software.obs),
        "Virtual camera": (machine.loopback, machine.secure_boot),
    }


def examine(checks: Mapping[str, Sequence[Checker]], place: Place) -> dict[str, list[Check]]:
    """Run all checks, some at once; each says something, whatever becomes of the others."""
    with ThreadPoolExecutor(THREADS) as pool:
        running = {title: [pool.submit(attempt, one, place) for one in some] for title, some in checks.items()}
        return {title: [one.result() for one in some] for title, some in running.items()}


def attempt(check: Checker, place: Place) -> Check:
    """What a check finds; one that breaks has found a failure."""
    try:
        return check(place)
    except Exception as error:  # noqa: BLE001 - the one place where checks are called: none may hide the others
        return Check(_name(check), "fail", f"the check broke: {type(error).__name__}: {error}", "report this line")


def _name(check: Checker) -> str:
    if isinstance(check, partial):
        return " ".join([*check.args, check.func.__name__])
    return check.__name__.replace("_", " ")
