"""Weights of the matting network as rows of tables: what they are called, how long they were trained, where they go."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rimlight.benchmarks.ours import run_of
from rimlight.benchmarks.records import Record
from rimlight.benchmarks.tables import figure, markdown
from rimlight.studio.networks import Matter

LIVE = "live network"
COLUMNS = ("SAD", "MSE", "Grad", "Conn", "dtSSD", "MESSDdt")
REGIONS = {"dvm": "whole frame", "dvm_transition": "unknown region"}
NOT_TRAINED = "not trained"
PARTS = {
    "basic": ("none", "none"), "+ TFA": ("deform", "naive"), "+ TFA + TFF": ("deform", "attention"),
}  # fmt: skip
FUSIONS = {
    "naive": ("none", "naive"), "cross-attention": ("none", "cross"), "flow": ("flow", "naive"),
    "TFA + TFF": ("deform", "attention"),
}  # fmt: skip
RADII = (1, 2, 3, 4)
SETTINGS = ("full", "every 20", "every 40", "one")


@dataclass(frozen=True, slots=True)
class Candidate:
    """Weights of the matting network. trained: in words. config: as plain data."""

    name: str
    matter: Matter
    trained: str
    config: Mapping[str, Any]


def candidate_of(path: Path) -> Candidate:
    """The network in a file; raises WeightsError."""
    from rimlight.model.studio.config import from_text
    from rimlight.model.studio.weights import KEY, load_matting, notes_of
    from rimlight.studio.opening import matter_on

    network = load_matting(path)
    config = asdict(from_text(notes_of(path)[KEY]))
    return Candidate(run_of(path), matter_on(network), trained_of(path), config)


def trained_of(path: Path) -> str:
    """How long the weights in a file were trained, in words."""
    from rimlight.model.studio.weights import notes_of

    notes = notes_of(path)
    minutes = int(notes.get("seconds", "0")) / 60
    made = f"{notes.get('steps', '?')} steps, {minutes:.0f} min"
    return f"{made}, begun from {notes['init']}" if "init" in notes else made


def render(record: Record) -> str:
    """Markdown tables that read well as plain text, one group for each size of clips."""
    parts = []
    for size, found in record.figures["means"].items():
        asked = record.settings["matting"]
        head = f"{size}, {found['clips']} clips, {found['frames']} frames"
        tables = (_shipping, _settings, _parts, _radii, _fusions, _trimaps)
        parts += [f"### {head}", *(table(found, asked) for table in tables)]
    return "\n\n".join([*parts, f"Propagation: {record.settings['propagation']}."])


def _shipping(found: Mapping[str, Any], asked: Sequence[Mapping[str, Any]]) -> str:
    main = asked[0]["name"]
    rows = {LIVE: found["rows"][LIVE]}
    rows |= {name: one for name, one in found["rows"].items() if name.startswith(f"{main}, ")}
    return _table(f"Live and studio ({main}: {asked[0]['trained']})", {name: (one, "") for name, one in rows.items()})


def _settings(found: Mapping[str, Any], asked: Sequence[Mapping[str, Any]]) -> str:
    main, trained = asked[0]["name"], asked[0]["trained"]
    rows = {name: _row(found["rows"].get(f"{main}, {name}"), trained) for name in SETTINGS}
    return _table("Trimap settings", rows)


def _parts(found: Mapping[str, Any], asked: Sequence[Mapping[str, Any]]) -> str:
    return _table("Parts of the network", _ways(found, asked, PARTS))


def _fusions(found: Mapping[str, Any], asked: Sequence[Mapping[str, Any]]) -> str:
    return _table("Ways of fusion", _ways(found, asked, FUSIONS))


def _radii(found: Mapping[str, Any], asked: Sequence[Mapping[str, Any]]) -> str:
    rows = {}
    for radius in RADII:
        fits = [one for one in asked if one["config"]["radius"] == radius and one["config"]["fuse"] == "attention"]
        rows[f"n = {radius}"] = _of(found, fits)
    return _table("Radius of the window", rows)


def _ways(
    found: Mapping[str, Any], asked: Sequence[Mapping[str, Any]], ways: Mapping[str, tuple[str, str]]
) -> dict[str, tuple[Any, str]]:  # fmt: skip
    rows = {}
    for label, way in ways.items():
        fits = [one for one in asked if (one["config"]["align"], one["config"]["fuse"]) == way]
        rows[label] = _of(found, fits)
    return rows


def _of(found: Mapping[str, Any], fits: Sequence[Mapping[str, Any]]) -> tuple[Any, str]:
    """The scores of the last of the weights that fit, which are those of most training where runs go on."""
    return _row(found["rows"].get(f"{fits[-1]['name']}, full"), fits[-1]["trained"]) if fits else (None, NOT_TRAINED)


def _row(scores: Any, trained: str) -> tuple[Any, str]:
    return (scores, trained) if scores else (None, NOT_TRAINED)


def _table(title: str, rows: Mapping[str, tuple[Any, str]]) -> str:
    """Both regions side by side, one row under the other."""
    told = any(trained for _, trained in rows.values())
    head = ["", "region", *COLUMNS, *(["trained"] if told else [])]
    body = []
    for label, (scores, trained) in rows.items():
        for convention, region in REGIONS.items():
            values = [figure(scores[convention].get(name) if scores else None) for name in COLUMNS]
            body.append([label, region, *values, *([trained] if told else [])])
    return f"**{title}**\n\n{markdown([head, *body])}"


def _trimaps(found: Mapping[str, Any], asked: Sequence[Mapping[str, Any]]) -> str:  # noqa: ARG001
    body = [
        [name, f"{100 * one['unknown']:.2f} %", f"{100 * one['contradicted']:.3f} %"]
        for name, one in found["trimaps"].items()
    ]
    return f"**Trimaps**\n\n{markdown([['', 'unknown', 'contradicted by the truth'], *body])}"
