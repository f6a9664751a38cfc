"""The page for everybody: by keyboard, read aloud, on small screens, in both schemes; and nothing from elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import pytest

from .conftest import OpenTab
from .pictures import CAMERA
from .servers import Server

if TYPE_CHECKING:
    from .tab import Tab

pytestmark = pytest.mark.browser

Scheme = Literal["light", "dark"]
FOCUSED = """() => {
  const at = document.activeElement;
  if (at === document.body) return null;
  const marked = [at, ...at.parentElement.children].some(one => getComputedStyle(one).outlineStyle !== "none");
  return { name: at.dataset.testid ?? at.id ?? at.tagName, marked };
}"""
# Text against the nearest opaque background behind it; the stage is left out, where video and gradients lie below.
CONTRASTS = """() => {
  const parse = text => (text.match(/[\\d.]+/g) ?? []).map(Number);
  const light = ([r, g, b]) => [r, g, b].map(v => v / 255)
    .map(v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = one => {
    for (let at = one; at; at = at.parentElement) {
      const colour = parse(getComputedStyle(at).backgroundColor);
      if (colour.length === 3 || colour[3] === 1) return colour;
    }
    throw new Error("nothing opaque behind");
  };
  const texts = [...document.querySelectorAll("h1, h2, legend, label, span, output, p, dt, dd, button")].filter(one =>
    !one.closest(".stage") && !one.closest(":disabled") && one.checkVisibility() &&
    [...one.childNodes].some(node => node.nodeType === Node.TEXT_NODE && node.data.trim()));
  return texts.map(one => {
    const [a, b] = [light(parse(getComputedStyle(one).color)), light(behind(one))];
    return { text: one.textContent.trim().slice(0, 30), ratio: (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05) };
  });
}"""


def test_a_whole_call_leaves_no_error_and_no_policy_violation(tab: Tab, server: Server) -> None:
    tab.open(server.url)
    tab.start()
    tab.wait_live()
    for button in ("compare", "mirror", "cover", "compare", "cover"):
        tab.page.get_by_test_id(button).click()
    tab.page.get_by_test_id("card-colour").check(force=True)
    tab.page.get_by_test_id("shift").fill("-0.5")
    tab.page.get_by_test_id("stop").click()
    tab.wait_state("idle")
    assert tab.evaluate("window.violations") == []
    assert tab.problems == []


def test_nothing_is_asked_of_another_host(tab: Tab, server: Server) -> None:
    asked: list[str] = []
    tab.page.on("request", lambda request: asked.append(request.url))
    tab.open(server.url)
    tab.start()
    tab.wait_live()
    assert len(asked) > 5
    assert [url for url in asked if not url.startswith((server.url, "blob:"))] == []


def test_tab_key_comes_to_every_control_and_each_shows_its_focus(tab: Tab, server: Server) -> None:
    tab.open(server.url)
    walked: list[str] = []
    for _ in range(40):
        tab.page.keyboard.press("Tab")
        focused = tab.evaluate(FOCUSED)
        if focused is None or focused["name"] in walked:
            break
        assert focused["marked"], f"no mark of the focus at {focused['name']}"
        walked.append(focused["name"])
    wanted = ["start", "cover", "compare", "mirror", "camera", "resolution", "card-blur", "upload", "blur"]
    wanted += ["quality-medium", "feather", "shift", "decontaminate"]
    assert [name for name in walked if name in wanted] == wanted


def test_a_call_can_be_led_by_keyboard_alone(tab: Tab, server: Server) -> None:
    tab.open(server.url)
    keyboard = tab.page.keyboard
    tab.page.get_by_test_id("card-blur").focus()
    keyboard.press("ArrowRight")
    assert tab.page.get_by_test_id("card-colour").is_checked()
    tab.page.get_by_test_id("start").focus()
    keyboard.press("Enter")
    tab.wait_live()
    assert tab.evaluate("document.activeElement.id") == "stop"
    keyboard.press("Tab")
    keyboard.press("Space")
    tab.reads("badge", "Covered")
    tab.reads("announcer", "Covered")


def test_every_control_has_a_name_and_the_document_its_structure(tab: Tab, server: Server) -> None:
    tab.open(server.url)
    tab.start()
    tab.wait_live()
    session = tab.page.context.new_cdp_session(tab.page)
    nodes: list[dict[str, Any]] = session.send("Accessibility.getFullAXTree")["nodes"]
    focusable = [node for node in nodes if _property(node, "focusable") and not node["ignored"]]
    roles = {node["role"]["value"] for node in focusable}
    assert {"button", "radio", "slider", "combobox", "switch", "textbox"} <= roles
    nameless = [node["role"] for node in focusable if not node.get("name", {}).get("value")]
    assert nameless == []
    assert tab.evaluate("document.documentElement.lang") == "en"
    assert tab.evaluate("document.querySelectorAll('h1').length") == 1
    ids = tab.evaluate("[...document.querySelectorAll('[id]')].map(one => one.id)")
    assert len(ids) == len(set(ids))
    assert tab.evaluate("[...document.querySelectorAll('img')].every(one => one.hasAttribute('alt'))")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_from_what_is_behind_it(open_tab: OpenTab, server: Server, scheme: Scheme) -> None:
    tab = open_tab(color_scheme=scheme)
    tab.open(server.url)
    tab.start()
    tab.wait_live()
    contrasts = tab.evaluate(CONTRASTS)
    assert len(contrasts) > 20
    assert [one for one in contrasts if one["ratio"] < 4.5] == []


@pytest.mark.parametrize("path", ["/", "/watch#nobody"])
def test_phone_of_360_pixels_needs_no_scrolling_sideways(open_tab: OpenTab, server: Server, path: str) -> None:
    tab = open_tab(viewport={"width": 360, "height": 740}, is_mobile=True, has_touch=True, device_scale_factor=2)
    tab.open(server.url + path)
    assert tab.evaluate("document.documentElement.scrollWidth") == 360
    small = tab.evaluate(
        "[...document.querySelectorAll('button')].filter(one => one.checkVisibility())"
        ".map(one => [one.id, one.getBoundingClientRect().height]).filter(([, height]) => height < 40)"
    )
    assert small == []


def test_nothing_moves_for_who_wants_no_motion(open_tab: OpenTab, server: Server) -> None:
    tab = open_tab(reduced_motion="reduce")
    tab.open(f"{server.url}/watch#nobody")
    tab.page.locator("#message-spinner").wait_for()
    assert tab.evaluate("document.getAnimations().length") == 0


def test_compare_shows_the_camera_beside_the_result(tab: Tab, server: Server) -> None:
    tab.open(server.url)
    tab.choose_colour("#00b140")
    tab.start()
    tab.wait_shows(CAMERA, (0, 177, 64))
    tab.page.get_by_test_id("compare").click()
    tab.wait("document.getElementById('camera-video').videoWidth === 320")
    camera, result = (tab.page.get_by_test_id(f"{one}-video").bounding_box() for one in ("camera", "result"))
    assert camera is not None
    assert result is not None
    assert camera["x"] + camera["width"] <= result["x"]
    tab.page.get_by_test_id("compare").click()
    assert tab.evaluate("document.getElementById('camera-video').srcObject") is None


def test_result_goes_full_screen_and_into_a_window_of_its_own(tab: Tab, server: Server) -> None:
    tab.open(server.url)
    tab.start()
    tab.wait_live()
    tab.page.get_by_test_id("fullscreen").click()
    tab.wait("document.fullscreenElement?.id === 'stage'")
    tab.evaluate("document.exitFullscreen()")
    tab.wait("document.fullscreenElement === null")
    tab.page.get_by_test_id("pip").click()
    tab.wait("document.pictureInPictureElement?.id === 'result-video'")
    assert tab.problems == []


def _property(node: dict[str, Any], name: str) -> bool:
    return any(one["name"] == name and one["value"]["value"] for one in node.get("properties", []))
