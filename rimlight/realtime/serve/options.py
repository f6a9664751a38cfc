"""How the service is run: what it allows, how it connects; fixed from start to end."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from rimlight.realtime.serve.tuning import Preferred
from rimlight.types import Size


@dataclass(frozen=True, slots=True)
class IceServer:
    """A STUN or TURN server, as RTCIceServer of the W3C's WebRTC 1.0 has it."""

    urls: str
    username: str | None = None
    credential: str | None = None


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a client may ask for.

    largest: pictures beyond it are scaled down; either way up. fps: frames beyond it are left out. idle_s: without a
    frame so long, a session ends. connect_s: a session that does not connect in it ends. duration_s: of a session.
    viewers: of one published video. sessions: None for as many as the machine's measured capacity takes.
    """

    largest: Size = field(default_factory=lambda: Size(1080, 1920))
    fps: float = 60.0
    idle_s: float = 30.0
    connect_s: float = 20.0
    duration_s: float = 4 * 3600.0
    upload_bytes: int = 10 * 2**20
    upload_pixels: int = 24_000_000
    viewers: int = 8
    sessions: int | None = None


@dataclass(frozen=True, slots=True)
class ServeOptions:
    """backend, device, threads: as for every stream. together: most streams in one call of the network.

    codec: which to prefer where the other side has both. hang_s: an engine that works on one group for so long is
    replaced. retry_after_s: what a client that was turned away is told. worker: its name in a cluster, "" for none.
    """

    backend: str = "auto"
    device: str = "cpu"
    threads: int | None = None
    together: int = 4
    bounds: Bounds = field(default_factory=Bounds)
    ice_servers: tuple[IceServer, ...] = ()
    start_kbps: int = 2500
    min_kbps: int = 500
    max_kbps: int = 2500
    low_delay: bool = True
    codec: Preferred = "h264"
    hang_s: float = 10.0
    retry_after_s: int = 10
    worker: str = ""

    def backend_options(self) -> dict[str, Any]:
        """What open_streams takes besides name, size and counts."""
        if self.backend == "fake":
            return {}
        return {"device": self.device, "threads": self.threads}
