"""`rimlight serve` up to the moment where it would listen, for what the files under packaging/ ask of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from click.testing import CliRunner

from rimlight.cli import cli

TOKENS = {
    name: name.lower().replace("_", "-") + "-0123456789"
    for name in ("RIMLIGHT_TOKEN", "RIMLIGHT_CLUSTER_TOKEN", "RIMLIGHT_METRICS_TOKEN")
}


@dataclass(slots=True)
class Served:
    """What the service would have been run with; None where it was not."""

    access: Any = None
    place: Any = None
    membership: Any = None


def would_serve(words: Sequence[str], environment: Mapping[str, str], patch: pytest.MonkeyPatch) -> Served:
    """What `rimlight WORDS` runs; fails where the command refuses it."""
    pytest.importorskip("aiortc", reason="aiortc (extra webrtc) is not installed")
    from rimlight.realtime.serve import logs, run
    from rimlight.realtime.serve.cluster import run as cluster

    found = Served()

    def gateway(access: Any, place: Any, say: Any) -> None:  # noqa: ARG001
        found.access, found.place = access, place

    def worker(options: Any, access: Any, place: Any, say: Any, membership: Any = None) -> None:  # noqa: ARG001
        found.access, found.place, found.membership = access, place, membership

    patch.setattr(cluster, "serve_gateway", gateway)
    patch.setattr(run, "serve", worker)
    patch.setattr(logs, "log_to_stderr", lambda _: None)
    names = (
        "RIMLIGHT_TOKEN",
        "RIMLIGHT_VIEW_TOKEN",
        "RIMLIGHT_CLUSTER_TOKEN",
        "RIMLIGHT_METRICS_TOKEN",
        "RIMLIGHT_GATEWAY",
        "RIMLIGHT_ADVERTISE",
    )
    blank: dict[str, str | None] = dict.fromkeys(names)
    result = CliRunner().invoke(cli, list(words), env=blank | dict(environment), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return found


def check_scraped(found: Served) -> None:
    """The token for figures opens those, and nothing else."""
    from rimlight.realtime.serve.guard import admits, needed

    given = [f"Bearer {TOKENS['RIMLIGHT_METRICS_TOKEN']}"]
    assert admits(found.access, needed("GET", "/metrics"), given)
    assert not admits(found.access, "full", given)


def check_safe(found: Served) -> None:
    """What `serve` itself looks at before it listens."""
    from rimlight.realtime.serve.guard import check_binding

    check_binding(found.place.host, found.access.token, found.place.tls is not None, found.access.behind_proxy)
