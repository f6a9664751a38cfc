"""The findings as a page of 80 columns, or as JSON."""

from __future__ import annotations

import json
import textwrap
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict

import click

from rimlight import __version__
from rimlight.doctor.check import Check

WIDTH = 80
INDENT = " " * 28
COLOURS = {"ok": "green", "warn": "yellow", "fail": "red", "absent": "bright_black"}


def as_text(sections: Mapping[str, Sequence[Check]]) -> str:
    """One page: a block for every section, what to do below each finding; click.echo drops its colours in files."""
    lines = []
    for title, checks in sections.items():
        lines += [click.style(title, bold=True), *(line for check in checks for line in _lines(check)), ""]
    counts: Counter[str] = Counter(check.status for checks in sections.values() for check in checks)
    lines.append(", ".join(f"{counts[status]} {status}" for status in COLOURS if counts[status]))
    return "\n".join(lines)


def as_json(sections: Mapping[str, Sequence[Check]]) -> str:
    """The same for programs."""
    checks = [{"section": title, **asdict(check)} for title, found in sections.items() for check in found]
    return json.dumps({"rimlight": __version__, "checks": checks}, indent=2)


def _lines(check: Check) -> list[str]:
    first, *more = textwrap.wrap(check.found, WIDTH - len(INDENT)) or [""]
    status = click.style(f"{check.status:6}", fg=COLOURS[check.status])
    lines = [f"  {status}  {check.name:18}{first}", *(INDENT + line for line in more)]
    if check.fix:
        # Long words stay whole: what is to be copied into a terminal must not be broken.
        lines += textwrap.wrap(
            f"-> {check.fix}", WIDTH, initial_indent=INDENT, subsequent_indent=INDENT + "   ",
            break_long_words=False, break_on_hyphens=False,
        )  # fmt: skip
    return lines
