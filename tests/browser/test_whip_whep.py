"""A published WHIP and WHEP client, on a page of another origin, against our service."""

from __future__ import annotations

import functools
import os
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.conftest import need

from .conftest import OpenServer, OpenTab
from .pictures import CAMERA, CENTRE, CORNERS

pytestmark = pytest.mark.browser

CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
CLIENT = CACHE / "rimlight" / "npm" / "node_modules" / "whip-whep"  # where scripts/browser_setup puts it
TOKEN = "a-token-of-some-length"
GREEN = (0, 177, 64)
NEAR = 60  # of a colour, after two encodings

PUBLISH = """async ([url, token]) => {
  const {WHIPClient} = await import('/whip.js');
  const stream = await navigator.mediaDevices.getUserMedia({video: true});
  const pc = new RTCPeerConnection();
  pc.addTransceiver(stream.getVideoTracks()[0], {direction: 'sendonly', streams: [stream]});
  window.whip = new WHIPClient();
  await window.whip.publish(pc, url, token);
  window.sender = pc;
}"""

VIEW = """async ([url, token]) => {
  const {WHEPClient} = await import('/whep.js');
  const pc = new RTCPeerConnection();
  pc.addTransceiver('video', {direction: 'recvonly'});
  const video = document.createElement('video');
  Object.assign(video, {muted: true, autoplay: true, playsInline: true});
  document.body.append(video);
  pc.ontrack = event => { video.srcObject = new MediaStream([event.track]); video.play(); };
  window.whep = new WHEPClient();
  await window.whep.view(pc, url, token);
  window.video = video;
}"""

LOOK = """points => {
  const video = window.video;
  if (!video || !video.videoWidth) return null;
  const canvas = document.createElement('canvas');
  canvas.width = video.videoWidth; canvas.height = video.videoHeight;
  const context = canvas.getContext('2d');
  context.drawImage(video, 0, 0);
  return points.map(([down, across]) => Array.from(context.getImageData(
    Math.floor(across * canvas.width), Math.floor(down * canvas.height), 1, 1).data).slice(0, 3));
}"""


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


@pytest.fixture
def elsewhere() -> Iterator[str]:
    """The address of a page of another origin, beside the client's modules."""
    need("whip-whep", CLIENT.is_dir(), "the npm package whip-whep is not there; run: bash scripts/browser_setup")
    with ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Quiet, directory=str(CLIENT))) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://localhost:{server.server_port}"
        server.shutdown()
        thread.join(5)


def near(found: list[int], wanted: tuple[int, int, int]) -> bool:
    return all(abs(a - b) < NEAR for a, b in zip(found, wanted, strict=True))


def test_a_published_client_publishes_and_another_watches(
    open_tab: OpenTab, open_server: OpenServer, elsewhere: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RIMLIGHT_TOKEN", TOKEN)
    server = open_server("--allow-origin", elsewhere)
    sender, viewer = open_tab(), open_tab(permissions=())
    for tab in (sender, viewer):
        tab.page.goto(f"{elsewhere}/package.json")
    sender.evaluate(PUBLISH, [f"{server.url}/whip/studio?backdrop=%2300b140", TOKEN])
    viewer.evaluate(VIEW, [f"{server.url}/whep/studio", TOKEN])

    points = [list(CENTRE), *(list(corner) for corner in CORNERS)]
    for _ in range(150):
        seen = viewer.evaluate(LOOK, points)
        if seen and near(seen[0], CAMERA) and all(near(corner, GREEN) for corner in seen[1:]):
            break
        viewer.page.wait_for_timeout(100)
    else:
        raise AssertionError(f"the viewer saw {seen}\n{server.log()}")
    viewer.evaluate("() => window.whep.stop()")
    sender.evaluate("() => window.whip.stop()")
    refused = viewer.evaluate(
        "([url, token]) => fetch(url, {method: 'POST', body: 'v=0', headers: {'Content-Type': 'application/sdp', "
        "Authorization: 'Bearer ' + token}}).then(answer => answer.status)",
        [f"{server.url}/whep/studio", TOKEN],
    )
    assert refused in (400, 404)  # its body is no offer, or nobody publishes there any more


def test_a_page_that_was_not_allowed_is_refused(open_tab: OpenTab, open_server: OpenServer, elsewhere: str) -> None:
    server, tab = open_server(), open_tab()
    tab.page.goto(f"{elsewhere}/package.json")
    outcome = tab.evaluate(f"() => {{ const publish = {PUBLISH}; return publish(['{server.url}/whip/x', null])"
                           ".then(() => 'published', error => String(error)); }")  # fmt: skip
    assert "Failed to fetch" in outcome
