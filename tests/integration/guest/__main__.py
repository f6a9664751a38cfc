"""Runs inside the guest: every step, or those named, each with a line "RESULT {...}" of what it saw.

Exits with 1 where a step raised; the others run nevertheless.
"""

from __future__ import annotations

import json
import os
import sys
import time
import traceback

from . import measure, steps

STEPS = (
    steps.closed_and_opened_again,
    steps.a_reader_is_noticed,
    measure.rates_at_720p,
    measure.delay_of_the_device_alone,
    measure.delay_from_camera_to_reader,
    steps.the_network_before_a_colour,
    steps.a_camera_matted_before_a_colour,
    steps.a_lost_device,
)


def main(names: list[str]) -> int:
    failed = 0
    print("RESULT", json.dumps({"step": "boot", "ready_s": float(os.environ.get("GUEST_READY_S", "0"))}), flush=True)
    for step in STEPS:
        if names and step.__name__ not in names:
            continue
        start_s = time.perf_counter()
        try:
            told = step()
        except Exception:  # noqa: BLE001 - the next step may still tell something
            traceback.print_exc()
            failed += 1
            told = {"failed": traceback.format_exc(limit=-1)}
        took_s = round(time.perf_counter() - start_s, 1)
        print("RESULT", json.dumps({"step": step.__name__, "took_s": took_s, **told}), flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
