"""A benchmark run from its first moment to its record: what the machine was, and whether it was left in peace."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import Any

from rimlight.benchmarks.machine import Neighbours, busy_note, describe_machine, load_average
from rimlight.benchmarks.records import Record, new_record


class Running:
    """Made before anything is measured: the machine's load must not be the run's own."""

    def __init__(self) -> None:
        self.machine = describe_machine()
        self._neighbours = Neighbours()

    def record(
        self, name: str, settings: dict[str, Any], figures: dict[str, Any], spreads: Sequence[float] = (),
        others: float | None = None,
    ) -> Record:  # fmt: skip
        """The run's record, with figures["peace"]: what others took, and "busy", a sentence or None.

        spreads: (p90 - p10) / median of every timing; their median counts. others: what others took, where the run
        knows it better than the system, as with children that others started.
        """
        others = self._neighbours.share() if others is None else others
        spread = round(median(spreads), 4) if spreads else None
        peace = {
            "busy": busy_note(self.machine, spread, others),
            "others": others,
            "spread": spread,
            "load_before": self.machine["load"],
            "load_after": load_average(),
        }
        return new_record(name, settings, figures | {"peace": peace}, self.machine)
