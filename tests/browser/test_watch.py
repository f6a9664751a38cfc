"""The page of who watches."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from .conftest import OpenServer, OpenTab
from .pictures import CAMERA
from .servers import Server

if TYPE_CHECKING:
    from .tab import Tab

pytestmark = pytest.mark.browser

GREEN = (0, 177, 64)


def sending(tab: Tab, server: Server) -> str:
    """Go live before green; gives the watch link."""
    tab.open(server.url)
    tab.choose_colour("#00b140")
    tab.start()
    tab.wait_shows(CAMERA, GREEN)
    return tab.page.get_by_test_id("watch-link").input_value()


def test_link_shows_the_result_and_the_sender_sees_who_watches(open_tab: OpenTab, server: Server) -> None:
    sender, viewer = open_tab(), open_tab(permissions=())
    viewer.open(sending(sender, server))
    viewer.wait_state("running")
    viewer.wait_shows(CAMERA, GREEN)
    assert viewer.page.get_by_test_id("unmute").is_hidden()
    sender.reads("viewers", "1 watching")
    viewer.page.goto("about:blank")
    sender.reads("viewers", "")
    assert viewer.problems == []


def test_viewer_who_asked_too_often_comes_back_when_it_may(open_tab: OpenTab, server: Server) -> None:
    sender, viewer = open_tab(), open_tab(permissions=())
    link = sending(sender, server)
    answer = {"status": 429, "headers": {"Retry-After": "1"}, "body": '{"error": "too many calls"}'}
    viewer.page.route("**/whep/*", lambda route: route.fulfill(**answer), times=1)
    viewer.open(link)
    viewer.wait_state("running")
    viewer.wait_shows(CAMERA, GREEN)
    assert [one for one in viewer.problems if "429" not in one] == []
    assert len(viewer.problems) == 1, "the browser's own word of the refusal"


def test_viewer_waits_while_nobody_is_live_and_again_when_the_server_is_gone(
    open_tab: OpenTab, open_server: OpenServer
) -> None:
    server = open_server()
    sender, viewer = open_tab(), open_tab(permissions=())
    viewer.open(f"{server.url}/watch#nobody-yet")
    viewer.wait_state("waiting")
    assert viewer.title_of_message() == "Nobody is live here"
    link = sending(sender, server)
    viewer.evaluate("link => { location.href = link; }", link)
    viewer.wait_shows(CAMERA, GREEN)
    server.stop()
    viewer.wait_state("waiting")


def test_link_without_a_name_is_explained(tab: Tab, server: Server) -> None:
    tab.open(f"{server.url}/watch")
    tab.wait_state("blocked")
    assert tab.title_of_message() == "This link is not complete"


def test_token_of_the_link_is_taken_out_of_the_address(tab: Tab, server: Server) -> None:
    tab.open(f"{server.url}/watch#somebody&token=abc")
    assert tab.page.url == f"{server.url}/watch#somebody"
    assert tab.evaluate("sessionStorage.getItem('rimlight.token')") == "abc"
