"""Other mattes to compare with: each one's model is fetched by package name, checked, and run as its users run it.

Nothing of a peer is part of rimlight: models lie in the user's cache, under the licence that each class names.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from rimlight.benchmarks.peers.base import Peer
from rimlight.benchmarks.peers.isnet import IsNet
from rimlight.benchmarks.peers.mediapipe import MediaPipeGeneral, MediaPipeLandscape
from rimlight.benchmarks.peers.modnet import ModNet
from rimlight.benchmarks.peers.rvm import RobustVideoMatting
from rimlight.errors import MissingExtraError, SourceError

PEERS: dict[str, type[Peer]] = {
    kind.name: kind for kind in (RobustVideoMatting, ModNet, MediaPipeLandscape, MediaPipeGeneral, IsNet)
}
USUAL_PEERS = ("rvm", "modnet", "mediapipe-landscape", "mediapipe-general")  # is-net is no portrait matte, and slow

__all__ = ["PEERS", "USUAL_PEERS", "Peer", "gather_peers"]


def gather_peers(names: Iterable[str] = USUAL_PEERS, cache: Path | None = None) -> tuple[list[Peer], dict[str, str]]:
    """Peers whose model and runtime are here or could be fetched, and the reason of every other by name.

    cache: folder for the models, default the user's cache. Raises SourceError on an unknown name, and WeightsError
    where a model is not the pinned one: that is no absence but a fault.
    """
    present: list[Peer] = []
    absent: dict[str, str] = {}
    for name in names:
        if name not in PEERS:
            raise SourceError(f"expected peers out of {', '.join(PEERS)}, got {name!r}")
        peer = PEERS[name](cache)
        reason = _reason_of_absence(peer)
        if reason is None:
            present.append(peer)
        else:
            absent[name] = reason
    return present, absent


def _reason_of_absence(peer: Peer) -> str | None:
    try:
        peer.prepare()
    except (MissingExtraError, SourceError) as error:
        return str(error)
    return None
