"""What goes wrong, told to the user in words, and mended where it can be."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from .conftest import OpenServer, OpenTab
from .pictures import CAMERA, CENTRE, CORNERS, png
from .servers import Server

if TYPE_CHECKING:
    from playwright.sync_api import Route

    from .tab import Tab

pytestmark = pytest.mark.browser

GREEN = (0, 177, 64)
TOKEN, VIEW_TOKEN = "correct-horse-battery-staple", "somebody-may-only-watch-this"
UNPLUG = """() => {
  const track = rimlight.peer.getSenders()[0].track;
  track.stop();
  track.dispatchEvent(new Event("ended"));
}"""
PLUG_IN = "navigator.mediaDevices.dispatchEvent(new Event('devicechange'))"
NO_COMMON_CODEC = """
const add = RTCPeerConnection.prototype.addTransceiver;
RTCPeerConnection.prototype.addTransceiver = function (...given) {
  const way = add.apply(this, given);
  const { codecs } = RTCRtpReceiver.getCapabilities("video");
  way.setCodecPreferences(codecs.filter(({ mimeType }) => mimeType === "video/AV1"));
  return way;
};
"""
CAMERA_FAILS = """
navigator.mediaDevices.getUserMedia = async () => { throw new DOMException("Could not start video source", "%s"); };
"""


def green_and_live(tab: Tab, server: Server) -> None:
    tab.open(server.url)
    tab.choose_colour("#00b140")
    tab.start()
    tab.wait_shows(CAMERA, GREEN)


def test_page_comes_back_by_itself_when_the_server_was_killed_and_runs_again(tab: Tab, open_server: OpenServer) -> None:
    server = open_server()
    green_and_live(tab, server)
    tab.evaluate("window.trackBefore = rimlight.peer.getSenders()[0].track")
    session = tab.session()
    server.stop()
    tab.wait_state("waiting")
    tab.reads("message-title", "The server is gone")
    tab.reads("message-text", "Next try in")
    assert tab.evaluate("trackBefore.readyState") == "live"
    server.start()
    tab.wait_live()
    tab.wait_shows(CAMERA, GREEN)
    assert tab.session() != session
    assert tab.evaluate("rimlight.peer.getSenders()[0].track === trackBefore")


def test_cover_outlives_the_server(tab: Tab, open_server: OpenServer) -> None:
    server = open_server()
    green_and_live(tab, server)
    tab.page.get_by_test_id("cover").click()
    tab.wait_shows(GREEN, GREEN)
    server.stop()
    tab.wait_state("waiting")
    tab.guard((CENTRE, *CORNERS))
    with tab.page.expect_request(lambda request: request.method == "POST") as asked:
        server.start()
    assert '"paused":true' in (asked.value.post_data or "")
    tab.wait_shows(GREEN, GREEN)
    tab.assert_guarded(30)
    assert tab.page.get_by_test_id("cover").get_attribute("aria-pressed") == "true"


def test_own_picture_is_sent_again_to_a_new_session(tab: Tab, open_server: OpenServer) -> None:
    server = open_server()
    green_and_live(tab, server)
    picture = {"name": "sand.png", "mimeType": "image/png", "buffer": png((200, 160, 90))}
    tab.page.get_by_test_id("upload").set_input_files(picture)  # type: ignore[arg-type]
    tab.wait_shows(CAMERA, (200, 160, 90))
    server.stop()
    tab.wait_state("waiting")
    server.start()
    tab.wait_shows(CAMERA, (200, 160, 90))


def test_unplugged_camera_is_told_and_taken_again_when_it_is_back(tab: Tab, server: Server) -> None:
    green_and_live(tab, server)
    session = tab.session()
    tab.evaluate(UNPLUG)
    tab.reads("message-title", "The camera is gone")
    assert "camera.y4m" in tab.page.get_by_test_id("message-text").inner_text()
    tab.evaluate(PLUG_IN)
    tab.page.get_by_test_id("message").wait_for(state="hidden")
    tab.wait_shows(CAMERA, GREEN)
    assert tab.session() == session
    assert tab.evaluate("rimlight.peer.getSenders()[0].track.readyState") == "live"


def test_lost_camera_is_waited_for_while_no_session_is_kept(tab: Tab, open_server: OpenServer) -> None:
    server = open_server("--idle", "2")
    green_and_live(tab, server)
    tab.evaluate(UNPLUG)
    tab.wait_state("parked")
    tab.evaluate(PLUG_IN)
    tab.wait_live()
    tab.wait_shows(CAMERA, GREEN)


def test_denied_camera_is_explained(open_tab: OpenTab, server: Server) -> None:
    tab = open_tab(permissions=())
    tab.open(server.url)
    tab.start()
    tab.wait_state("blocked")
    assert tab.title_of_message() == "The camera is not allowed"
    assert "Allow the camera" in tab.page.get_by_test_id("message-text").inner_text()
    tab.page.context.grant_permissions(["camera"])
    tab.page.get_by_role("button", name="Try again").click()
    tab.wait_live()


@pytest.mark.parametrize(
    ("error", "title"),
    [
        ("NotReadableError", "The camera is in use"),
        ("NotFoundError", "No camera was found"),
        ("OverconstrainedError", "That camera is not there any more"),
    ],
)
def test_camera_that_does_not_open_is_explained(tab: Tab, server: Server, error: str, title: str) -> None:
    tab.page.add_init_script(CAMERA_FAILS % error)
    tab.open(server.url)
    tab.start()
    tab.wait_state("blocked")
    assert tab.title_of_message() == title


def test_insecure_address_is_explained_before_the_camera_is_asked_for(tab: Tab, server: Server) -> None:
    tab.page.add_init_script("Object.defineProperty(window, 'isSecureContext', { value: false })")
    tab.open(server.url)
    assert tab.title_of_message() == "This address is not secure"
    assert f"localhost:{server.port}" in tab.page.get_by_test_id("message-text").inner_text()


def test_browser_without_a_common_codec_is_told_which_are_spoken(tab: Tab, server: Server) -> None:
    tab.page.add_init_script(NO_COMMON_CODEC)
    tab.open(server.url)
    tab.start()
    tab.wait_state("blocked")
    assert tab.title_of_message() == "No video format in common"
    assert "VP8" in tab.page.get_by_test_id("message-text").inner_text()
    assert any("422" in problem for problem in tab.problems)


def test_full_server_is_waited_for(open_tab: OpenTab, open_server: OpenServer) -> None:
    server = open_server("--max-sessions", "1")
    first, second = open_tab(), open_tab()
    first.open(server.url)
    first.start()
    first.wait_live()
    second.open(server.url)
    second.start()
    second.wait_state("waiting")
    assert second.title_of_message() == "The server takes no more calls at the moment"
    assert "Next try in" in second.page.get_by_test_id("message-text").inner_text()
    first.page.get_by_test_id("stop").click()
    second.page.get_by_role("button", name="Try now").click()
    second.wait_live()


def test_time_limit_is_explained_and_a_new_session_only_by_hand(tab: Tab, open_server: OpenServer) -> None:
    server = open_server("--max-duration", "4")
    tab.open(server.url)
    tab.start()
    tab.wait_state("running")
    tab.wait_state("blocked")
    assert tab.title_of_message() == "The time limit was reached"
    tab.page.get_by_role("button", name="Try again").click()
    tab.wait_state("running")


def test_server_that_is_about_to_stop_says_so(tab: Tab, open_server: OpenServer) -> None:
    server = open_server("--drain", "60")
    green_and_live(tab, server)
    server.ask_to_stop()
    tab.reads("toast", "about to stop")
    tab.wait_shows(CAMERA, GREEN)


def test_stop_ends_the_session_and_the_camera(tab: Tab, server: Server) -> None:
    green_and_live(tab, server)
    session = tab.session()
    tab.evaluate("window.trackBefore = rimlight.peer.getSenders()[0].track")
    with tab.page.expect_request(lambda request: request.method == "DELETE") as asked:
        tab.page.get_by_test_id("stop").click()
    assert asked.value.url.endswith(session)
    tab.wait_state("idle")
    assert tab.evaluate("trackBefore.readyState") == "ended"
    tab.wait("async id => (await fetch(`/api/sessions/${id}`)).status === 404", session)


def test_leaving_the_page_ends_the_session(open_tab: OpenTab, server: Server) -> None:
    tab, other = open_tab(), open_tab()
    green_and_live(tab, server)
    session = tab.session()
    other.open(server.url)
    tab.page.goto("about:blank")
    other.wait("async id => (await fetch(`/api/sessions/${id}`)).status === 404", session)


def test_change_that_the_server_refuses_is_told_and_taken_back(tab: Tab, server: Server) -> None:
    green_and_live(tab, server)
    tab.evaluate("document.getElementById('feather').max = '1000'")
    tab.page.get_by_test_id("feather").fill("900")
    tab.page.get_by_test_id("toast").wait_for()
    assert "feather" in tab.page.get_by_test_id("toast").inner_text()
    tab.wait("document.getElementById('feather').value === '0'")


def test_page_that_asked_too_often_says_so_and_comes_back_when_it_may(tab: Tab, server: Server) -> None:
    waits = ["3600", "1"]

    def too_often(route: Route) -> None:
        if not waits:
            route.continue_()
            return
        headers = {"Retry-After": waits.pop(0), "Content-Type": "application/json"}
        route.fulfill(status=429, headers=headers, body='{"error": "too many calls are begun from this address"}')

    tab.page.route("**/api/sessions", too_often)
    tab.open(server.url)
    tab.start()
    tab.wait_state("waiting")
    tab.reads("message-title", "Too many calls from here")
    tab.reads("message-text", "Too many calls are begun from this address")
    assert waits == ["1"]
    tab.page.get_by_role("button", name="Try now").click()
    tab.wait_live()
    assert waits == []
    tab.page.unroute("**/api/sessions")


def test_token_is_asked_for_where_the_server_wants_one(tab: Tab, open_server: OpenServer, tmp_path: Path) -> None:
    server = open_server("--token-file", str(_secret(tmp_path / "token", TOKEN)))
    tab.open(server.url)
    tab.wait_state("blocked")
    tab.reads("message-text", "can give you one")
    tab.page.get_by_test_id("token").fill("wrong-wrong-wrong-wrong")
    tab.page.get_by_role("button", name="Continue").click()
    tab.reads("message-text", "not the right one")
    tab.page.get_by_test_id("token").fill(TOKEN)
    tab.page.get_by_role("button", name="Continue").click()
    tab.wait_state("running")
    tab.wait("document.querySelectorAll(\"input[value^='gallery:'] ~ img\")[0].naturalWidth > 0")


def test_token_of_the_fragment_is_used_and_taken_out_of_the_address(
    tab: Tab, open_server: OpenServer, tmp_path: Path
) -> None:
    server = open_server("--token-file", str(_secret(tmp_path / "token", TOKEN)))
    tab.open(f"{server.url}/#token={TOKEN}")
    assert tab.page.url == f"{server.url}/"
    assert not tab.page.get_by_test_id("token").is_visible()
    tab.start()
    tab.wait_live()
    assert TOKEN not in tab.page.get_by_test_id("watch-link").input_value()


def _secret(path: Path, text: str) -> Path:
    path.write_text(text)
    path.chmod(0o600)
    return path
