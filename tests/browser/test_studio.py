"""The studio's editor as a person uses it: draw, propagate, look, export, and read the result back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from rimlight.studio.trimaps import BACKDROP, FOREGROUND, UNKNOWN
from tests.studio.films import centre, read_film

from .studio import FRAMES, HEIGHT, PIXEL, PLACE, READY, WIDTH, EditorServer, opened, saved
from .test_access import CONTRASTS

if TYPE_CHECKING:
    from .conftest import OpenTab

pytestmark = pytest.mark.browser


def test_draw_propagate_export_and_read_the_result_back(open_tab: OpenTab, editor: EditorServer) -> None:
    tab, hand = opened(open_tab, editor)
    hand.person()
    tab.page.get_by_test_id("propagate").click()
    tab.wait(f"rimlight.shown === {FRAMES - 1} && {READY}")
    tab.reads("badge", "from frame 0")
    tab.page.get_by_test_id("name").fill("cut.mov")
    tab.page.get_by_test_id("export-begin").click()
    tab.reads("progress", "cut.mov is written")
    pictures = read_film(editor.video.with_name("cut.mov"), "rgba")
    assert len(pictures) == FRAMES
    for frame in (0, 14, FRAMES - 1):
        x, y = centre(frame, HEIGHT, WIDTH)
        assert pictures[frame][y, x, 3] > 240, frame
        assert pictures[frame][12, 12, 3] < 15, frame
    assert tab.evaluate("window.violations") == []
    assert tab.problems == []


def test_every_stroke_outlives_a_kill_of_the_editor(open_tab: OpenTab, editor: EditorServer) -> None:
    _, hand = opened(open_tab, editor)
    hand.stroke("foreground", (90, 100), (90, 140))
    hand.stroke("backdrop", (20, 20), (20, 200))
    editor.kill()
    trimap = saved(editor).trimap(0)
    assert trimap[90, 120] == FOREGROUND
    assert trimap[20, 100] == BACKDROP
    assert trimap[60, 120] == UNKNOWN


def test_a_stroke_drawn_while_the_editor_is_away_is_saved_when_it_is_back(
    open_tab: OpenTab, editor: EditorServer
) -> None:
    tab, _ = opened(open_tab, editor)
    editor.kill()
    places = [tab.evaluate(PLACE, point) for point in ((90, 100), (90, 160))]
    tab.page.mouse.move(*places[0])
    tab.page.mouse.down()
    tab.page.mouse.move(*places[1], steps=4)
    tab.page.mouse.up()
    tab.reads("toast", "keeps trying")
    tab.reads("saved", "Not saved")
    editor.start()
    tab.wait(READY)
    tab.reads("saved", "Saved")
    assert saved(editor).trimap(0)[90, 130] == FOREGROUND


def test_what_is_drawn_is_seen_where_it_is_drawn(open_tab: OpenTab, editor: EditorServer) -> None:
    tab, hand = opened(open_tab, editor)
    tab.page.get_by_test_id("overlay").fill("100")
    hand.stroke("backdrop", (40, 60), (40, 61), size=20)
    tab.page.mouse.move(5, 5)
    tab.wait(f"JSON.stringify(({PIXEL})([40, 60])) === '[91,130,232,255]'")
    for _ in range(4):
        tab.page.keyboard.press("+")
    hand.stroke("foreground", (90, 160), (90, 161), size=20)
    tab.page.mouse.move(5, 5)
    tab.wait(f"JSON.stringify(({PIXEL})([90, 160])) === '[63,201,141,255]'")
    trimap = saved(editor).trimap(0)
    assert (trimap[90, 160], trimap[40, 60]) == (FOREGROUND, BACKDROP)
    assert (trimap == FOREGROUND).sum() == pytest.approx(np.pi * 100, rel=0.2)


def test_undo_and_redo_by_keys_and_buttons(open_tab: OpenTab, editor: EditorServer) -> None:
    tab, hand = opened(open_tab, editor)
    hand.stroke("foreground", (90, 100), (90, 140))
    hand.stroke("foreground", (40, 100), (40, 140))
    tab.page.keyboard.press("Control+z")
    tab.wait(f"rimlight.state.redo === 1 && {READY}")
    assert saved(editor).trimap(0)[40, 120] == UNKNOWN
    tab.page.keyboard.press("Control+Shift+Z")
    tab.wait(f"rimlight.state.redo === 0 && {READY}")
    assert saved(editor).trimap(0)[40, 120] == FOREGROUND
    for _ in range(2):
        tab.page.get_by_test_id("undo").click()
        tab.wait(READY)
    tab.wait("rimlight.state.undo === 0")
    assert tab.page.get_by_test_id("undo").is_disabled()
    assert list(saved(editor).frames) == []


def test_all_is_reached_by_keys_even_drawing(open_tab: OpenTab, editor: EditorServer) -> None:
    tab, _ = opened(open_tab, editor)
    keys = tab.page.keyboard
    keys.press("ArrowRight")
    tab.wait(f"rimlight.shown === 1 && {READY}")
    keys.press("Shift+ArrowRight")
    tab.wait(f"rimlight.shown === 11 && {READY}")
    tab.page.get_by_test_id("canvas").focus()
    keys.press("1")
    assert tab.page.get_by_test_id("class-backdrop").is_checked()
    keys.press("Alt+ArrowUp")
    keys.press("Enter")
    tab.wait(f"rimlight.state.undo === 1 && {READY}")
    assert (saved(editor).trimap(11) == BACKDROP).any()
    size = int(tab.page.get_by_test_id("size").input_value())
    keys.press("]")
    assert int(tab.page.get_by_test_id("size").input_value()) > size
    keys.press("Home")
    tab.wait(f"rimlight.shown === 0 && {READY}")
    keys.press("v")
    assert tab.page.get_by_test_id("view-matte").is_checked()


def test_typing_a_name_draws_nothing_and_moves_nowhere(open_tab: OpenTab, editor: EditorServer) -> None:
    tab, _ = opened(open_tab, editor)
    tab.page.get_by_test_id("name").fill("")
    tab.page.get_by_test_id("name").type("a1 p2v0")
    assert tab.page.get_by_test_id("name").input_value() == "a1 p2v0"
    tab.wait(READY)
    assert tab.evaluate("rimlight.shown") == 0
    assert list(saved(editor).frames) == []


def test_onion_skin_shows_the_outlines_of_another_mark(open_tab: OpenTab, editor: EditorServer) -> None:
    tab, hand = opened(open_tab, editor)
    hand.stroke("foreground", (90, 100), (90, 140))
    hand.go(5)
    tab.page.get_by_test_id("onion-before").check(force=True)
    tab.reads("onion-hint", "frame 0")
    tab.wait("rimlight.view.layers.onion !== null")
    tab.page.get_by_test_id("onion-after").check(force=True)
    tab.reads("onion-hint", "no mark after")
    tab.wait("rimlight.view.layers.onion === null")


def test_an_automatic_trimap_and_its_composite(open_tab: OpenTab, editor: EditorServer) -> None:
    tab, _ = opened(open_tab, editor)
    tab.page.get_by_test_id("auto").click()
    tab.reads("badge", "automatic")
    tab.wait(READY)
    assert set(np.unique(saved(editor).trimap(0))) == {BACKDROP, UNKNOWN, FOREGROUND}
    tab.page.get_by_test_id("backdrop").select_option("colour")
    tab.page.get_by_test_id("colour").fill("#00b140")
    tab.page.get_by_test_id("view-composite").check(force=True)
    tab.wait(f"""(() => {{ const [r, g, b] = ({PIXEL})([4, 4]);
        return Math.abs(r) < 16 && Math.abs(g - 177) < 16 && Math.abs(b - 64) < 16; }})()""")


def test_propagation_stops_where_it_is_asked_to(open_tab: OpenTab, editor: EditorServer) -> None:
    tab, hand = opened(open_tab, editor)
    hand.person()
    hand.go(20)
    hand.stroke("unknown", (90, 10), (90, 11))
    hand.go(0)
    tab.page.get_by_test_id("propagate").click()
    tab.wait(f"rimlight.shown === 19 && {READY}")
    assert tab.evaluate("rimlight.timeline.carried") == [[1, 20]]


def test_the_page_without_its_token_shows_nothing_of_the_video(open_tab: OpenTab, editor: EditorServer) -> None:
    tab = open_tab(permissions=())
    tab.page.goto(editor.url.partition("#")[0])
    tab.reads("message", "This address is not complete")
    assert "in.mp4" not in tab.page.content()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 420])
def test_nothing_sticks_out_sideways(open_tab: OpenTab, editor: EditorServer, scheme: str, width: int) -> None:
    tab = open_tab(permissions=(), viewport={"width": width, "height": 800}, color_scheme=scheme)
    tab.open(editor.url)
    tab.wait(READY)
    assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_all_text_stands_out_from_what_is_behind_it(open_tab: OpenTab, editor: EditorServer, scheme: str) -> None:
    tab, hand = opened(open_tab, editor, color_scheme=scheme)
    hand.person()
    weak = [one for one in tab.evaluate(CONTRASTS) if one["ratio"] < 4.5]
    assert weak == []


def test_every_control_has_a_name(open_tab: OpenTab, editor: EditorServer) -> None:
    tab, _ = opened(open_tab, editor)
    nameless = """() => [...document.querySelectorAll("button, input, select, canvas, summary")].filter(one =>
      !(one.ariaLabel || one.innerText?.trim() || one.labels?.length || one.textContent.trim())).map(one => one.id)"""
    assert tab.evaluate(nameless) == []
