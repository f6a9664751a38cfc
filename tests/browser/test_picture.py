"""What comes back from the server, read pixel by pixel in the browser."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from .conftest import OpenTab
from .pictures import CAMERA, CORNERS, png
from .servers import Server

if TYPE_CHECKING:
    from .tab import Tab

pytestmark = pytest.mark.browser

HAND_OVER = """([kind, bytes]) => {
  const transfer = new DataTransfer();
  transfer.items.add(new File([new Uint8Array(bytes)], "sand.png", { type: "image/png" }));
  const event = kind === "paste" ? new ClipboardEvent(kind, { clipboardData: transfer, bubbles: true })
    : new DragEvent(kind, { dataTransfer: transfer, bubbles: true, cancelable: true });
  document.body.dispatchEvent(event);
}"""
GREEN, BLUE, SAND = (0, 177, 64), (0, 71, 187), (200, 160, 90)


def test_person_is_shown_and_no_camera_pixel_in_a_corner_from_the_first_frame_on(tab: Tab, server: Server) -> None:
    tab.open(server.url)
    tab.choose_colour("#00b140")
    tab.guard(CORNERS)
    tab.start()
    tab.wait_live()
    tab.wait_shows(CAMERA, GREEN)
    tab.assert_guarded(60)


def test_another_colour_is_seen_while_live(tab: Tab, server: Server) -> None:
    tab.open(server.url)
    tab.choose_colour("#00b140")
    tab.start()
    tab.wait_shows(CAMERA, GREEN)
    session = tab.session()
    tab.choose_colour("#0047bb")
    tab.wait_shows(CAMERA, BLUE)
    assert tab.session() == session


def test_uploaded_picture_stands_behind_the_person(tab: Tab, server: Server) -> None:
    tab.open(server.url)
    tab.choose_colour("#00b140")
    tab.start()
    tab.wait_shows(CAMERA, GREEN)
    picture = {"name": "sand.png", "mimeType": "image/png", "buffer": png(SAND)}
    tab.page.get_by_test_id("upload").set_input_files(picture)  # type: ignore[arg-type]
    tab.wait_shows(CAMERA, SAND)
    assert tab.page.get_by_test_id("card-upload").is_checked()


def test_picture_chosen_before_the_start_is_there_and_another_card_brings_its_own(tab: Tab, server: Server) -> None:
    tab.open(server.url)
    picture = {"name": "sand.png", "mimeType": "image/png", "buffer": png(SAND)}
    tab.page.get_by_test_id("upload").set_input_files(picture)  # type: ignore[arg-type]
    tab.start()
    tab.wait_shows(CAMERA, SAND)
    tab.choose_colour("#0047bb")
    tab.wait_shows(CAMERA, BLUE)
    tab.page.get_by_test_id("card-upload").check(force=True)
    tab.wait_shows(CAMERA, SAND)


@pytest.mark.parametrize("way", ["paste", "drop"])
def test_picture_is_taken_from_the_clipboard_and_from_a_drop(tab: Tab, server: Server, way: str) -> None:
    tab.open(server.url)
    tab.evaluate(HAND_OVER, [way, list(png(SAND))])
    tab.start()
    tab.wait_shows(CAMERA, SAND)


def test_another_resolution_is_taken_within_the_call(tab: Tab, server: Server) -> None:
    tab.open(server.url)
    tab.choose_colour("#00b140")
    tab.start()
    tab.wait_shows(CAMERA, GREEN)
    session = tab.session()
    tab.evaluate("window.trackBefore = rimlight.peer.getSenders()[0].track")
    tab.page.get_by_test_id("resolution").select_option("720")
    tab.wait("trackBefore.readyState === 'ended' && rimlight.peer.getSenders()[0].track.readyState === 'live'")
    tab.choose_colour("#0047bb")
    tab.wait_shows(CAMERA, BLUE)
    assert tab.session() == session


def test_picture_too_large_for_the_server_is_made_smaller_by_the_page(tab: Tab, server: Server) -> None:
    tab.open(server.url)
    limits = tab.evaluate("fetch('/api/info').then(answer => answer.json())")["limits"]
    side = int(limits["upload_pixels"] ** 0.5) + 100
    picture = {"name": "large.png", "mimeType": "image/png", "buffer": png(SAND, side, side)}
    tab.page.get_by_test_id("upload").set_input_files(picture)  # type: ignore[arg-type]
    tab.start()
    tab.wait_shows(CAMERA, SAND)


def test_file_that_is_no_picture_is_refused_in_words_and_nothing_changes(tab: Tab, server: Server) -> None:
    tab.open(server.url)
    tab.choose_colour("#00b140")
    tab.start()
    tab.wait_shows(CAMERA, GREEN)
    no_picture = {"name": "song.png", "mimeType": "image/png", "buffer": b"not a picture at all"}
    tab.page.get_by_test_id("upload").set_input_files(no_picture)  # type: ignore[arg-type]
    tab.reads("toast", "song.png")
    assert tab.page.get_by_test_id("card-colour").is_checked()
    tab.wait_shows(CAMERA, GREEN)


def test_gallery_has_thumbnails_and_its_pictures_work(tab: Tab, server: Server) -> None:
    tab.open(server.url)
    tab.choose_colour("#00b140")
    tab.start()
    tab.wait_shows(CAMERA, GREEN)
    cards = tab.page.locator("input[name=backdrop][value^='gallery:']")
    assert cards.count() > 0
    tab.wait(
        "[...document.querySelectorAll(\"input[value^='gallery:'] ~ img\")].every(image => image.naturalWidth > 0)"
    )
    cards.first.check(force=True)
    name = cards.first.get_attribute("value")
    tab.wait(
        "async name => (await (await fetch(`/api/sessions/${rimlight.session}`)).json()).settings.backdrop === name",
        name,
    )


def test_covered_camera_is_not_seen_and_comes_back(tab: Tab, server: Server) -> None:
    tab.open(server.url)
    tab.choose_colour("#00b140")
    tab.start()
    tab.wait_shows(CAMERA, GREEN)
    tab.page.get_by_test_id("cover").click()
    tab.wait_shows(GREEN, GREEN)
    tab.reads("badge", "Covered")
    assert tab.evaluate("rimlight.peer.getSenders()[0].track.enabled") is False
    tab.page.get_by_test_id("cover").click()
    tab.wait_shows(CAMERA, GREEN)


def test_two_people_at_once_each_see_their_own_backdrop(open_tab: OpenTab, server: Server) -> None:
    tabs = open_tab(), open_tab()
    for tab, colour in zip(tabs, ("#00b140", "#0047bb"), strict=True):
        tab.open(server.url)
        tab.choose_colour(colour)
        tab.start()
    tabs[0].wait_shows(CAMERA, GREEN)
    tabs[1].wait_shows(CAMERA, BLUE)
    tabs[0].wait_shows(CAMERA, GREEN)
    assert tabs[0].session() != tabs[1].session()


def test_choices_are_kept_for_the_next_visit(tab: Tab, server: Server) -> None:
    tab.open(server.url)
    tab.choose_colour("#0047bb")
    tab.page.get_by_test_id("feather").fill("7.5")
    tab.page.get_by_test_id("quality-low").check(force=True)
    tab.open(server.url)
    tab.wait("document.getElementById('feather').value === '7.5'")
    assert tab.page.get_by_test_id("colour").input_value() == "#0047bb"
    assert tab.page.get_by_test_id("quality-low").is_checked()


def test_meter_says_what_the_server_adds_and_what_the_network_adds(tab: Tab, server: Server) -> None:
    tab.open(server.url)
    tab.start()
    tab.wait_live()
    for name in ("server", "network"):
        tab.reads(f"meter-{name}", " ms")
    tab.reads("meter-in", "fps")
    tab.reads("meter-size", "320 \N{MULTIPLICATION SIGN} 180")
