"""A record as a piece of a document: its table, then one line that says where, when and how it was measured."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rimlight.benchmarks.records import Record
from rimlight.benchmarks.tables import figure, markdown

QUALITY_CONVENTIONS = ("rvm_lr", "rvm_hr")
MEASURES = ("MAD", "MSE", "Grad", "Conn", "dtSSD")


def peers(record: Record) -> str:
    """Frame by frame against peers."""
    from rimlight.benchmarks.versus import render

    how = f"Medians of {record.settings['frames']} pairs of frames. {_ours(record)}"
    return _captioned(render(record), record, how)


def endtoend(record: Record) -> str:
    """File to planes against RVM."""
    from rimlight.benchmarks.endtoend import render

    asked = record.settings
    how = f"{asked['size']} H.264 to {asked['sink']}, medians of {asked['blocks']} blocks of {asked['frames']} frames."
    return _captioned(render(record), record, f"{how} {_ours(record)}")


def stages(record: Record) -> str:
    """Stage by stage."""
    from rimlight.benchmarks.latency import render_stages

    devices = "; ".join(f"{name}: {device}" for name, device in record.figures["devices"].items())
    return _captioned(render_stages(record), record, f"{record.settings['repeats']} rounds. {devices}.")


def streams(record: Record) -> str:
    """Through the loop."""
    from rimlight.benchmarks.latency import render_streams

    asked = record.settings
    how = f"Medians of {asked['blocks']} blocks of {asked['frames']} frames, backend {asked['streams_backend']}."
    return _captioned(render_streams(record), record, how)


def macs(record: Record) -> str:
    """Parameters, multiplications, bytes; no clock, so no machine."""
    from rimlight.benchmarks.macs import render

    return render(record)


def quality(record: Record) -> str:
    """Means over clips by size: matters as rows, under the convention that papers use for the size."""
    parts = [_quality_table(size, matters) for size, matters in record.figures["means"].items()]
    absent = [f"absent: {name}: {reason}" for name, reason in record.figures["absent"].items()]
    clips = record.figures["clips"].values()
    how = f"{len(clips)} clips, {sum(clip['frames'] for clip in clips)} frames; less is better in every column."
    return _captioned("\n\n".join([*parts, *absent]), record, how)


def memory(record: Record) -> str:
    """Growth over a long stream."""
    from rimlight.benchmarks.memory import render

    return _captioned(render(record), record, f"{record.figures['device']}, {record.figures['fps']:.1f} fps.")


def serve(record: Record) -> str:
    """A browser's video through the service and back."""
    from rimlight.benchmarks.serve import render

    asked = record.settings
    how = (
        f"From being drawn in Chromium to being shown in Chromium, all on one machine; {asked['rounds']} rounds of "
        f"{asked['seconds']:g} s, backend {asked['backend']}, quality {asked['quality']}."
    )
    return _captioned(render(record), record, how)


def gpu(record: Record) -> str:
    """rimlight and RVM on a GPU."""
    from rimlight.benchmarks.gpu.plan import render

    return _captioned(render(record), record, record.figures["how"])


def studio(record: Record) -> str:
    """Mattes with trimaps beside the live network's."""
    from rimlight.benchmarks.studio_rows import render

    asked, most = record.settings, max((clip["frames"] for clip in record.figures["clips"].values()), default=0)
    same = [f"every {step}" for step in (20, 40) if 0 < most <= step]
    how = f"Live network: {asked['live']}; studio: {asked['studio']}. Less is better in every column." + (
        f" Clips have up to {most} frames, so {' and '.join(same)} mark the first alone, as one does." if same else ""
    )
    return _captioned(render(record), record, how)


def studio_edit(record: Record) -> str:
    """Frames a second that the studio's editor propagates."""
    from rimlight.benchmarks.studio_edit import render

    largest = ", ".join(f"{side or 'none'} at {video}" for video, side in record.figures["largest"].items())
    how = f"{record.settings['threads']} threads. Largest long side with 5 frames a second or more: {largest}."
    return _captioned(render(record), record, how)


def gateway(record: Record) -> str:
    """A page whose worker goes away."""
    from rimlight.benchmarks.gateway import render

    asked = record.settings
    how = f"Medians of {asked['rounds']} rounds of each fault, backend {asked['backend']}; the page in Chromium, "
    return _captioned(render(record), record, how + "all on one machine.")


def batch(record: Record) -> str:
    """Workers beside each other and beside Ray."""
    from rimlight.benchmarks.batch import render

    asked = record.settings
    how = (
        f"Medians of {asked['rounds']} batches of {asked['videos']} videos of {asked['frames']} frames at "
        f"{asked['size']}, long side {asked['detail']}, backend {asked['backend']}."
    )
    return _captioned(render(record), record, how)


def _ours(record: Record) -> str:
    return f"rimlight: {record.figures['ours']}; {record.settings['threads']} threads each."


def _quality_table(size: str, matters: Mapping[str, Mapping[str, Mapping[str, float]]]) -> str:
    convention = next(name for name in QUALITY_CONVENTIONS if name in next(iter(matters.values())))
    columns = [name for name in MEASURES if name in next(iter(matters.values()))[convention]]
    rows = [[name, *(figure(scores[convention].get(column)) for column in columns)] for name, scores in matters.items()]
    return markdown([[f"{size}, {convention}", *columns], *rows])


def _captioned(table: str, record: Record, how: str) -> str:
    peace: Mapping[str, Any] = record.figures.get("peace", {})
    machine = record.machine
    parts = [how, f"{machine['cpu']}, {machine['cores']} cores, {record.created_utc[:10]}, commit {machine['git']}."]
    if peace.get("busy"):
        parts.append(f"**{peace['busy'].capitalize()}**: do not compare these figures with others.")
    return f"{table}\n\n*{' '.join(parts)}*"
