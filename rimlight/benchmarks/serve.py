"""How late people see themselves through `rimlight serve`: a real browser's video to the service and back.

Latency is from the moment a counter is drawn into the video to the moment the browser shows it again, so it holds all
of capture, both encoders and decoders, both jitter buffers, the matting and the wait for the screen, but no camera.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

import numpy as np

from rimlight.benchmarks.ours import check_backend
from rimlight.benchmarks.records import Record
from rimlight.benchmarks.running import Running
from rimlight.benchmarks.serve_browser import Seen, Visit, visit
from rimlight.benchmarks.serve_child import Child
from rimlight.benchmarks.tables import markdown, milliseconds
from rimlight.errors import ConfigError, FrameError
from rimlight.types import Size

MOST_SESSIONS = 16
CASE = re.compile(r"(?P<size>\d+x\d+)(?:x(?P<sessions>\d+))?")


@dataclass(frozen=True, slots=True)
class Case:
    """So many people at once, each with a camera of this size; low_delay: as of the service."""

    size: Size
    sessions: int
    low_delay: bool

    def __str__(self) -> str:
        return f"{self.size} x{self.sessions}, {'low delay' if self.low_delay else 'usual delay'}"


@dataclass(frozen=True, slots=True)
class Plan:
    """What is run: all cases in turn, rounds times, each with a service and a browser of its own.

    backend, threads, quality: of the service. codec: auto, vp8 or h264.
    """

    cases: tuple[Case, ...]
    rounds: int = 1
    seconds: float = 20.0
    warm_up_s: float = 6.0
    backend: str = "auto"
    threads: int | None = None
    quality: str = "medium"
    codec: str = "auto"


def case_of(text: str) -> tuple[Size, int]:
    """Size and sessions of WxH or WxHxN, such as 640x360x2; raises ConfigError for anything else."""
    found = CASE.fullmatch(text)
    sessions = int(found["sessions"] or 1) if found else 0
    if found is None or not 1 <= sessions <= MOST_SESSIONS:
        raise ConfigError(f"expected a case such as 640x360x2, of at most {MOST_SESSIONS} sessions, got {text!r}")
    return Size.parse(found["size"]), sessions


def measure(asked: Plan, report: Callable[[str], None], run: Callable[[Plan, Case], Seen] | None = None) -> Record:
    """Run the plan; report is told what comes next. run: runs one case, in place of a service and a browser.

    Raises RimlightError.
    """
    check_backend(asked.backend)
    running = Running()
    found: dict[Case, list[dict[str, Any]]] = {case: [] for case in asked.cases}
    for number, case in _in_turn(asked):
        report(f"round {number} of {asked.rounds}: {case}")
        found[case].append(_figures_of(case, (run or _run)(asked, case)))
    cases = [_summary(case, runs) for case, runs in found.items()]
    others = [run["others"] for runs in found.values() for run in runs if run["others"] is not None]
    settings = {
        "rounds": asked.rounds, "seconds": asked.seconds, "warm_up_s": asked.warm_up_s, "backend": asked.backend,
        "threads": asked.threads, "quality": asked.quality, "codec": asked.codec,
    }  # fmt: skip
    spreads = [one["latency_ms"]["spread"] for one in cases] if asked.rounds > 1 else []
    return running.record("serve", settings, {"cases": cases}, spreads, max(others, default=None))


def render(record: Record) -> str:
    """A Markdown table: a row for each case, latencies as the median over sessions and rounds."""
    rows = [[
        "video", "people", "low delay", "codec", "median ms", "p95 ms", "p99 ms", "least to most ms", "shown fps",
        "size shown", "unread", "service p50 ms", "service CPUs", "browser CPUs",
    ]]  # fmt: skip
    for one in record.figures["cases"]:
        latency = one["latency_ms"]
        rows.append([
            f"{one['size']}, 30 fps", str(one["sessions"]), "yes" if one["low_delay"] else "no", one["codec"],
            *(milliseconds(latency[name]) for name in ("p50", "p95", "p99")),
            f"{milliseconds(latency['least'])} to {milliseconds(latency['most'])}", f"{one['shown_fps']:.1f}",
            one["size_shown"], f"{one['unreadable']:.1%}", milliseconds(one["server_p50_ms"]),
            f"{one['server_cpus']:.2f}", f"{one['browser_cpus']:.2f}",
        ])  # fmt: skip
    return markdown(rows)


def _in_turn(asked: Plan) -> Iterator[tuple[int, Case]]:
    """A B C A B C: what the machine does over time hits all cases alike."""
    for number in range(1, asked.rounds + 1):
        for case in asked.cases:
            yield number, case


def _run(asked: Plan, case: Case) -> Seen:
    options = ["--backend", asked.backend, "--max-sessions", str(case.sessions), "--drain", "1", "--log-format", "text"]
    options += ["--threads", str(asked.threads)] if asked.threads else []
    options.append("--low-delay" if case.low_delay else "--no-low-delay")
    with Child(options) as child:
        return visit(child, Visit(case.size, case.sessions, asked.quality, asked.codec, asked.warm_up_s, asked.seconds))


def _figures_of(case: Case, seen: Seen) -> dict[str, Any]:
    """One run, ready for JSON; raises FrameError where nothing of a client's video came back."""
    return {
        "sessions": [_client(case, person) for person in seen.people],
        "server_cpus": round(seen.server_load, 3),
        "browser_cpus": round(seen.browser_load, 3),
        "others": seen.others,
    }


def _client(case: Case, person: dict[str, Any]) -> dict[str, Any]:
    latencies, server = person["latenciesMs"], person["server"]
    if not latencies:
        raise FrameError(
            f"expected the counter back in the video at {case}, got {person['seen']} pictures, "
            f"{person['unreadable']} of them unreadable, from a server that says {server['state']} {server['reason']}"
        )
    p50, p95, p99 = np.percentile(latencies, (50, 95, 99))
    return {
        "p50_ms": round(float(p50), 1), "p95_ms": round(float(p95), 1), "p99_ms": round(float(p99), 1),
        "counters": len(latencies), "repeated": person["repeated"],
        "unreadable": round(person["unreadable"] / max(1, person["seen"]), 4),
        "sent_fps": round(person["sentFps"], 2), "received_fps": round(person["receivedFps"], 2),
        "shown_fps": round(person["seenFps"], 2), "size_sent": person["sentSize"], "size_shown": person["size"],
        "limited_by": person["limited"], "codec": person["codec"], "server_ms": server["latency_ms"],
        "server_fps": [server["fps_in"], server["fps_out"]], "state": server["state"],
    }  # fmt: skip


def _summary(case: Case, runs: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """A case over its rounds: medians over all sessions; least and most are of the sessions' own medians."""
    people = [person for run in runs for person in run["sessions"]]
    medians = [person["p50_ms"] for person in people]
    latency = {name: round(median(person[f"{name}_ms"] for person in people), 1) for name in ("p50", "p95", "p99")}
    latency |= {"least": min(medians), "most": max(medians)}
    latency["spread"] = round((max(medians) - min(medians)) / latency["p50"], 4)
    server = [person["server_ms"]["p50"] for person in people if person["server_ms"]]
    return {
        "size": str(case.size), "sessions": case.sessions, "low_delay": case.low_delay,
        "latency_ms": latency,
        "sent_fps": median(person["sent_fps"] for person in people),
        "received_fps": median(person["received_fps"] for person in people),
        "shown_fps": median(person["shown_fps"] for person in people),
        "unreadable": median(person["unreadable"] for person in people),
        "size_shown": " ".join(sorted({person["size_shown"] for person in people})),
        "codec": " ".join(sorted({person["codec"] for person in people})),
        "server_p50_ms": round(median(server), 1) if server else None,
        "server_cpus": median(run["server_cpus"] for run in runs),
        "browser_cpus": median(run["browser_cpus"] for run in runs),
        "runs": list(runs),
    }  # fmt: skip
