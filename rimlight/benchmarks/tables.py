"""Markdown tables that read well as plain text too."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def markdown(table: Sequence[Sequence[str]]) -> str:
    """The rows as a table, the first one its head: first column to the left, the others to the right."""
    widths = [max(len(row[i]) for row in table) for i in range(len(table[0]))]

    def line(cells: Iterable[str]) -> str:
        first, *rest = (
            c.ljust(w) if i == 0 else c.rjust(w) for i, (c, w) in enumerate(zip(cells, widths, strict=True))
        )
        return "| " + " | ".join([first, *rest]) + " |"

    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    return "\n".join([line(table[0]), line(rule), *(line(row) for row in table[1:])])


def figure(value: float | None) -> str:
    """Four digits, without an exponent where sums are large."""
    if value is None:
        return "-"
    return f"{value:.0f}" if value >= 1000 else f"{value:#.4g}"


def milliseconds(value: float | None) -> str:
    """Three digits, at most two of them behind the point: 0.42, 5.31, 27.4, 136."""
    if value is None:
        return "-"
    return f"{value:.{2 if value < 10 else 1 if value < 100 else 0}f}"
