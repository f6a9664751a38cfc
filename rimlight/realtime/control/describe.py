"""A live stream's status as one line for people and as plain values for programs."""

from __future__ import annotations

import os
from typing import Any

from rimlight import __version__
from rimlight.realtime.live import Status
from rimlight.realtime.safety import State
from rimlight.realtime.stats import Snapshot


def one_line(status: Status) -> str:
    """Such as "LIVE  30.0 fps, latency 48 ms, p95 61, detail 512, onnx" or "COVER  30.0 fps, paused"."""
    shot = status.stats
    parts = [f"{shot.levels.get('fps', 0.0):.1f} fps"]
    if status.state is not State.LIVE and status.reason:
        parts.append(status.reason)
    if "latency" in shot.stages:
        latency = shot.stages["latency"]
        parts.append(f"latency {latency.p50_ms:.0f} ms, p95 {latency.p95_ms:.0f}")
    parts.append(f"detail {shot.levels.get('long_side', status.settings.long_side):g}")
    if (every := round(shot.levels.get("every", 1))) > 1:
        parts.append(f"1 of {every} frames")
    if status.device:
        parts.append(status.device)
    return f"{status.state.name:8}  " + ", ".join(parts)


def as_values(status: Status, note: str = "") -> dict[str, Any]:
    """The status as JSON holds it; times in milliseconds or seconds, as their names say."""
    edges, shot = status.settings.edges, status.stats
    budget = status.budget
    return {
        "state": status.state.value,
        "reason": status.reason,
        "paused": status.paused,
        "watched": status.watched,
        "backdrop": status.backdrop,
        "mirror": status.mirror,
        "quality": status.settings.long_side,
        "edges": {"feather": edges.feather_px, "shift": edges.shift, "decontaminate": edges.decontaminate},
        "target_fps": budget.fps if budget else None,
        "cpu_share": budget.cpu_share if budget else None,
        "backend": status.device,
        "detail": shot.levels.get("long_side", status.settings.long_side),
        "fps": round(shot.levels.get("fps", 0.0), 2),
        "latency_ms": _latency(shot),
        "frames": frames(shot),
        "faults": shot.counts.get("faults", 0),
        "elapsed_s": round(shot.elapsed_s, 3),
        "config": note,
        "pid": os.getpid(),
        "version": __version__,
    }


def frames(shot: Snapshot) -> dict[str, int]:
    """How many frames came in, left, were dropped because nobody took them in time, skipped to save, or covered."""
    names = {"in": "in", "out": "out", "dropped": "dropped", "skipped": "skipped", "covered": "out_cover"}
    return {name: shot.counts.get(counter, 0) for name, counter in names.items()}


def _latency(shot: Snapshot) -> dict[str, float] | None:
    if "latency" not in shot.stages:
        return None
    times = shot.stages["latency"]
    return {"p50": round(times.p50_ms, 1), "p95": round(times.p95_ms, 1), "p99": round(times.p99_ms, 1)}
