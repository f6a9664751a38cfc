"""Small records of the benchmarks that documents show, for tests of the report."""

from __future__ import annotations

from typing import Any

from rimlight.benchmarks.records import Record, new_record

Figures = dict[str, Any]


def newer_records(machine: Figures, peace: Figures) -> dict[str, Record]:
    """One record each of gpu, studio-edit, gateway, batch and scale."""
    ratio = {"median": 0.9, "q1": 0.8, "q3": 1.0}
    crew = {"fps": 30.0, "spread": 0.1}
    run = {"asked_s": 1.2}
    fault = {
        "fault": "killed", "rounds": 1, "noticed_s": 1.0, "asked_s": 1.2, "connected_s": 2.0, "covered_s": 2.2,
        "live_s": 2.4, "longest_s": 2.4, "within_target": 1, "strays": 0, "runs": [run],
    }  # fmt: skip
    step = {"video": "960x540", "long_side": 384, "p50_ms": 90.0, "fps": 11.0, "cpu_ms": 80.0}
    asked = {"rounds": 5, "videos": 4, "frames": 60, "size": "640x360", "detail": 256, "backend": "onnx", "workers": 2}
    row = {"who": "rimlight", "what": "whole frame", "size": "1280x720", "streams": 1, "p50_ms": 1.0, "p99_ms": 1.2,
           "fps": 900.0, "fps_spread": 0.1}  # fmt: skip
    gpu = {"rows": [row], "times_rvm": {}, "absent": {}, "stand_in": False, "how": "…"}
    return {
        "gpu": new_record("gpu", {}, gpu, machine),
        "studio-edit": new_record(
            "studio-edit", {"threads": 2}, {"rows": [step], "largest": {"960x540": 384}, "peace": peace}, machine
        ),
        "gateway": new_record(
            "gateway", {"rounds": 1, "backend": "fake"}, {"faults": [fault], "peace": peace}, machine
        ),
        "batch": new_record("batch", asked, {"crews": {"processes": crew}, "ray": ratio, "peace": peace}, machine),
        "scale": new_record("scale", *_scale(peace), machine),
    }  # fmt: skip


def _scale(peace: Figures) -> tuple[Figures, Figures]:
    day = {
        "arrivals": 100, "rejected": 1, "refused_offers": 2, "first_refused_s": 60.0, "moved_by_drain": 3,
        "moved_by_failure": 4, "most_machines": 5, "machine_hours": 9.0, "session_hours": 50.0, "most_offers": 6,
        "covered_s_per_session_hour": 0.1, "processor_hours_per_session_hour": 2.5, "most_running": 90,
    }  # fmt: skip
    rule = {"target": 0.7, "down_window_s": 1800.0}
    plant = {"delay_s": 120.0, "lasts_s": 86400.0, "drain_s": 3600.0, "rule": rule}
    settings = {
        "people": 100.0, "processors": 32, "price": None, "seed": 1, "days": 1, "costs_from": None,
        "crowd": {"hours": 24.0, "punctual": 0.3}, "plant": plant,
    }  # fmt: skip
    video = {"size": "1280x720", "fps": 30.0, "share": 1.0, "processors": 1.5}
    gateway = {"report_ms": 0.3, "look_ms": 0.6, "offer_ms": 0.9}
    return settings, {"cases": {"as deployed": day}, "shares": [video], "gateway": gateway, "peace": peace}
