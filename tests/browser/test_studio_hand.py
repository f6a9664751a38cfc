"""Hands, fingers and keys in the studio's editor: no stroke is lost or lands elsewhere, whatever comes in between."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from rimlight.studio.trimaps import BACKDROP, FOREGROUND, UNKNOWN

from .studio import FRAMES, HEIGHT, PLACE, READY, WIDTH, EditorServer, opened, saved

if TYPE_CHECKING:
    from .conftest import OpenTab
    from .tab import Tab

pytestmark = pytest.mark.browser
STROKES = "**/api/frames/*/strokes"
LEAVING = """() => { const event = new Event("beforeunload", { cancelable: true });
    dispatchEvent(event); return event.defaultPrevented; }"""


def press(tab: Tab, *points: tuple[float, float]) -> None:
    """The mouse down at the first point and moved over the others; it stays down."""
    places = [tab.evaluate(PLACE, point) for point in points]
    tab.page.mouse.move(*places[0])
    tab.page.mouse.down()
    for place in places[1:]:
        tab.page.mouse.move(*place, steps=4)


def test_a_stroke_belongs_to_the_frame_it_was_begun_on(open_tab: OpenTab, editor: EditorServer) -> None:
    tab, _ = opened(open_tab, editor)
    press(tab, (90, 100), (90, 140))
    tab.page.keyboard.press("ArrowRight")
    tab.wait("rimlight.shown === 1")
    tab.page.mouse.up()
    tab.wait(READY)
    assert list(saved(editor).frames) == [0]
    assert tab.evaluate("rimlight.timeline.marks") == [0]


def test_a_stroke_of_more_points_than_one_may_have_is_saved_whole(open_tab: OpenTab, editor: EditorServer) -> None:
    tab, _ = opened(open_tab, editor)
    tab.evaluate("""() => { const { brush } = rimlight;
        brush.begin(rimlight.tool(), [90, 20]);
        for (let index = 0; index < 25000; index++) brush.extend([90 + 40 * (index % 2), 20 + index / 100]);
        brush.end(); }""")
    tab.wait(READY)
    trimap = saved(editor).trimap(0)
    assert (trimap[95:125, 30:260] == FOREGROUND).all()
    assert max(len(step.points) for step in saved(editor).history(0).steps) <= 10_000  # type: ignore[union-attr]


def test_two_fingers_move_and_zoom_and_draw_nothing(open_tab: OpenTab, editor: EditorServer) -> None:
    tab, _ = opened(open_tab, editor, has_touch=True)
    touch = tab.page.context.new_cdp_session(tab.page)

    def fingers(kind: str, *points: tuple[float, float]) -> None:
        found = [tab.evaluate(PLACE, point) for point in points]
        touch.send(
            "Input.dispatchTouchEvent",
            {"type": kind, "touchPoints": [{"x": x, "y": y, "id": index} for index, (x, y) in enumerate(found)]},
        )

    zoom = tab.evaluate("rimlight.view.zoom")
    fingers("touchStart", (90, 140))
    fingers("touchStart", (90, 140), (90, 180))
    fingers("touchMove", (90, 120), (90, 200))
    fingers("touchEnd")
    assert tab.evaluate("rimlight.view.zoom") == pytest.approx(2 * zoom, rel=0.05)
    assert tab.evaluate("rimlight.view.layers.strokes.length") == 0
    fingers("touchStart", (90, 150))
    fingers("touchMove", (90, 170))
    fingers("touchEnd")
    tab.wait(f"rimlight.state.undo === 1 && {READY}")
    assert saved(editor).trimap(0)[90, 160] == FOREGROUND


def test_an_answer_that_is_none_does_not_stop_the_strokes_after_it(open_tab: OpenTab, editor: EditorServer) -> None:
    tab, hand = opened(open_tab, editor)
    tab.page.route(STROKES, lambda route: route.fulfill(status=200, body="{"))
    hand.stroke("backdrop", (40, 100), (40, 140))
    tab.reads("saved", "Not saved")
    tab.page.unroute(STROKES)
    hand.stroke("foreground", (90, 100), (90, 140))
    tab.reads("saved", "Saved")
    assert saved(editor).trimap(0)[90, 120] == FOREGROUND


@pytest.mark.parametrize("status", [401, 507])
def test_a_stroke_that_cannot_be_saved_now_waits(open_tab: OpenTab, editor: EditorServer, status: int) -> None:
    tab, _ = opened(open_tab, editor)
    assert not tab.evaluate(LEAVING)

    def failing(route: Any) -> None:
        route.fulfill(status=status, body='{"error": "there is no room"}', content_type="application/json")

    tab.page.route(STROKES, failing)
    press(tab, (90, 100), (90, 140))
    assert tab.evaluate(LEAVING)
    tab.page.mouse.up()
    tab.reads("toast", "keeps trying")
    assert tab.evaluate(LEAVING)
    tab.page.unroute(STROKES)
    tab.wait(READY)
    tab.reads("saved", "Saved")
    assert saved(editor).trimap(0)[90, 120] == FOREGROUND
    assert not tab.evaluate(LEAVING)


def test_who_goes_elsewhere_or_draws_ends_a_propagation(open_tab: OpenTab, editor: EditorServer) -> None:
    tab, hand = opened(open_tab, editor)
    hand.person()
    for interrupt in (lambda: tab.page.keyboard.press("Home"), lambda: tab.page.get_by_test_id("canvas").click()):
        tab.page.route("**/propagate", lambda route: route.continue_() if "/9/" not in route.request.url else None)
        tab.evaluate("() => { rimlight.propagation.toggle(); }")
        tab.wait("rimlight.shown === 8")
        interrupt()
        tab.page.unroute("**/propagate")
        assert not tab.evaluate("rimlight.propagation.going")
        tab.page.reload()
        tab.wait(f"window.rimlight !== undefined && {READY}")
    assert tab.evaluate("rimlight.timeline.carried")[0][1] <= 10


def test_what_is_propagated_from_other_marks_stays_when_one_is_drawn(open_tab: OpenTab, editor: EditorServer) -> None:
    tab, hand = opened(open_tab, editor)
    hand.person()
    tab.page.get_by_test_id("propagate").click()
    tab.wait(f"rimlight.shown === {FRAMES - 1} && {READY}")
    hand.go(20)
    hand.stroke("unknown", (90, 10), (90, 11))
    assert tab.evaluate("rimlight.timeline.carried") == [[1, 11]]
    tab.page.keyboard.press("Control+z")
    tab.wait(f"rimlight.state.redo === 1 && {READY}")
    tab.page.keyboard.press("Control+z")
    tab.wait(f"rimlight.state.redo === 2 && {READY}")
    assert tab.evaluate("rimlight.timeline.carried") == [[1, FRAMES]]


def test_sliders_keep_the_keys_that_move_them_and_no_others(open_tab: OpenTab, editor: EditorServer) -> None:
    tab, hand = opened(open_tab, editor)
    hand.stroke("foreground", (90, 100), (90, 140))
    size = tab.page.get_by_test_id("size")
    size.focus()
    before = int(size.input_value())
    tab.page.keyboard.press("ArrowRight")
    assert (int(size.input_value()), tab.evaluate("rimlight.wanted")) == (before + 1, 0)
    tab.page.keyboard.press("Control+z")
    tab.wait(f"rimlight.state.undo === 0 && {READY}")


def test_arrows_choose_for_who_came_by_keys_and_go_on_for_who_clicked(open_tab: OpenTab, editor: EditorServer) -> None:
    tab, _ = opened(open_tab, editor)
    tab.page.get_by_test_id("class-backdrop").check(force=True)
    tab.page.keyboard.press("ArrowRight")
    tab.wait(f"rimlight.shown === 1 && {READY}")
    assert tab.page.get_by_test_id("class-backdrop").is_checked()
    tab.page.get_by_test_id("overlay").focus()
    tab.page.keyboard.press("Tab")
    tab.page.keyboard.press("ArrowRight")
    assert tab.page.get_by_test_id("class-unknown").is_checked()
    assert tab.evaluate("rimlight.wanted") == 1


def test_the_view_follows_a_brush_that_keys_move(open_tab: OpenTab, editor: EditorServer) -> None:
    tab, _ = opened(open_tab, editor)
    tab.page.get_by_test_id("canvas").focus()
    for _ in range(10):
        tab.page.keyboard.press("+")
    for _ in range(100):
        tab.page.keyboard.press("Alt+ArrowLeft")
    y, x = tab.evaluate("[rimlight.view.brush.y, rimlight.view.brush.x]")
    left, top = tab.evaluate(PLACE, [y, x])
    box = tab.page.get_by_test_id("canvas").bounding_box()
    assert box is not None
    assert x == 0
    assert box["x"] <= left <= box["x"] + box["width"]
    assert box["y"] <= top <= box["y"] + box["height"]
    tab.page.keyboard.press("1")
    tab.page.keyboard.press("Enter")
    tab.wait(f"rimlight.state.undo === 1 && {READY}")
    trimap = saved(editor).trimap(0)
    assert (trimap[HEIGHT // 2, 0], trimap[HEIGHT // 2, WIDTH // 2]) == (BACKDROP, UNKNOWN)


def test_a_frame_that_is_not_there_is_said_and_an_empty_one_goes_nowhere(
    open_tab: OpenTab, editor: EditorServer
) -> None:
    tab, hand = opened(open_tab, editor)
    hand.go(5)
    place = tab.page.get_by_test_id("place")
    place.fill("")
    place.press("Enter")
    assert (place.input_value(), tab.evaluate("rimlight.wanted")) == ("5", 5)
    place.fill("500")
    place.press("Enter")
    tab.reads("toast", f"frames 0 to {FRAMES - 1}")
    tab.wait(f"rimlight.shown === {FRAMES - 1} && {READY}")


def test_a_view_of_a_matte_that_is_not_there_says_so(open_tab: OpenTab, editor: EditorServer) -> None:
    tab, _ = opened(open_tab, editor)
    tab.page.get_by_test_id("view-matte").check(force=True)
    tab.reads("preview-hint", "No frame is marked yet")


def test_a_frame_that_cannot_be_shown_leaves_everything_at_the_one_that_is(
    open_tab: OpenTab, editor: EditorServer
) -> None:
    tab, _ = opened(open_tab, editor)
    editor.kill()
    tab.page.keyboard.press("ArrowRight")
    tab.reads("toast", "does not answer")
    assert tab.evaluate("[rimlight.wanted, rimlight.shown, rimlight.timeline.frame]") == [0, 0, 0]
    assert tab.page.get_by_test_id("place").input_value() == "0"


def test_the_timeline_has_its_pictures_at_any_width(open_tab: OpenTab, editor: EditorServer) -> None:
    tab, _ = opened(open_tab, editor)
    there = "rimlight.timeline.places().every(({ frame }) => rimlight.timeline.thumbs.has(frame))"
    for width in (1280, 700, 1500):
        tab.page.set_viewport_size({"width": width, "height": 900})
        tab.wait(there)


def test_what_is_wrong_is_seen_without_scrolling(open_tab: OpenTab, editor: EditorServer) -> None:
    for width, height in ((1280, 800), (420, 700)):
        tab = open_tab(permissions=(), viewport={"width": width, "height": height})
        tab.open(editor.url)
        tab.wait(READY)
        tab.page.get_by_test_id("place").fill("500")
        tab.page.get_by_test_id("place").press("Enter")
        tab.page.evaluate("scrollTo(0, 0)")
        box = tab.page.get_by_test_id("toast").bounding_box()
        assert box is not None
        assert box["x"] >= 0
        assert box["y"] + box["height"] <= height
        assert box["x"] + box["width"] <= width


def test_a_hand_that_draws_gets_no_mark_of_focus_and_keys_do(open_tab: OpenTab, editor: EditorServer) -> None:
    tab, hand = opened(open_tab, editor)
    marked = "document.activeElement.id === 'canvas' && document.activeElement.matches(':focus-visible')"
    hand.stroke("foreground", (90, 100), (90, 140))
    assert tab.evaluate("document.activeElement.id") == "canvas"
    assert not tab.evaluate(marked)
    tab.page.keyboard.press("Shift+Tab")
    tab.page.keyboard.press("Tab")
    assert tab.evaluate(marked)


def test_nothing_to_propagate_to_is_said(open_tab: OpenTab, editor: EditorServer) -> None:
    tab, hand = opened(open_tab, editor)
    hand.go(FRAMES - 1)
    hand.stroke("foreground", (90, 100), (90, 140))
    tab.page.get_by_test_id("propagate").click()
    tab.reads("toast", "nothing to propagate to")
    assert not tab.evaluate("rimlight.propagating")


def test_a_colour_is_asked_for_where_one_is_used(open_tab: OpenTab, editor: EditorServer) -> None:
    tab, _ = opened(open_tab, editor)
    assert tab.page.get_by_test_id("colour").is_disabled()
    tab.page.get_by_test_id("backdrop").select_option("colour")
    assert tab.page.get_by_test_id("colour").is_enabled()


def test_a_picture_that_is_not_shown_any_more_takes_no_memory(open_tab: OpenTab, editor: EditorServer) -> None:
    tab, hand = opened(open_tab, editor)
    tab.evaluate("() => { window.first = rimlight.view.layers.picture; }")
    assert tab.evaluate("window.first.width") == WIDTH
    hand.go(1)
    assert tab.evaluate("window.first.width") == 0
