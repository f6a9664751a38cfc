"""One browser tab with the page in it: what a person would do there, and what he would see."""

from __future__ import annotations

import time
from typing import Any

from playwright.sync_api import ConsoleMessage, Error, Page, expect

from .pictures import CAMERA, CENTRE, CORNERS, Colour, Point

PATIENCE_MS, POLL_MS = 30_000, 50
NEAR = 26  # levels: VP8 and the scaling of colour planes
FAR = 100  # levels of the farthest channel: nothing of the camera is in it

PIXELS = """points => {
  const video = document.getElementById("result-video");
  if (!video.videoWidth || video.readyState < 2) return null;
  const canvas = new OffscreenCanvas(video.videoWidth, video.videoHeight);
  const drawing = canvas.getContext("2d", { willReadFrequently: true });
  drawing.drawImage(video, 0, 0);
  return points.map(([y, x]) => Array.from(drawing.getImageData(
    Math.floor(x * video.videoWidth), Math.floor(y * video.videoHeight), 1, 1).data.slice(0, 3)));
}"""
SHOWS = f"""([points, colours, near]) => {{
  const seen = ({PIXELS})(points);
  return seen !== null && seen.every((pixel, p) => pixel.every((level, c) => Math.abs(level - colours[p][c]) <= near));
}}"""
# Looks at each frame that is shown, from the very first one on, and keeps what comes nearest to the camera's colour.
GUARD = f"""([points, camera]) => {{
  const seen = window.seenFrames = {{count: 0, nearest: 999}};
  const video = document.getElementById("result-video");
  const look = () => {{
    const pixels = ({PIXELS})(points);
    if (pixels) {{
      seen.count += 1;
      for (const pixel of pixels)
        seen.nearest = Math.min(seen.nearest, Math.max(...pixel.map((level, c) => Math.abs(level - camera[c]))));
    }}
    video.requestVideoFrameCallback(look);
  }};
  video.requestVideoFrameCallback(look);
}}"""
VIOLATIONS = """window.violations = [];
document.addEventListener("securitypolicyviolation", event => window.violations.push(event.violatedDirective));"""


class Tab:
    """problems: errors of the console and of scripts so far."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.problems: list[str] = []
        page.set_default_timeout(PATIENCE_MS)
        page.add_init_script(VIOLATIONS)
        page.on("console", self._heard)
        page.on("pageerror", self._thrown)

    def open(self, url: str) -> None:
        """Go to the page and wait until it has made itself ready."""
        self.page.goto(url)
        self.wait("window.rimlight !== undefined")

    def start(self) -> None:
        """Press Start, in the smallest resolution."""
        self.page.get_by_test_id("resolution").select_option("360")
        self.page.get_by_test_id("start").click()

    def wait_live(self) -> None:
        """Until the person is seen before a backdrop."""
        self.wait_state("running")
        self.reads("badge", "Live")

    def reads(self, name: str, text: str) -> None:
        """Until the element says this somewhere; nothing at all, if that is what is wanted."""
        element = expect(self.page.get_by_test_id(name))
        if text:
            element.to_contain_text(text, timeout=PATIENCE_MS)
        else:
            element.to_have_text("", timeout=PATIENCE_MS)

    def wait_state(self, name: str) -> None:
        try:
            self.wait("name => window.rimlight.state === name", name)
        except TimeoutError as error:
            raise AssertionError(f"wanted the page to be {name}; it is {self.evaluate('rimlight.state')}") from error

    def wait(self, script: str, argument: Any = None) -> None:
        """Until the script gives true; Playwright's own wait compiles text in the page, which the policy forbids."""
        deadline_s = time.monotonic() + PATIENCE_MS / 1000
        while not self.page.evaluate(script, argument):
            if time.monotonic() > deadline_s:
                raise TimeoutError(f"waited in vain for {script} of {argument}")
            self.page.wait_for_timeout(POLL_MS)

    def choose_colour(self, text: str) -> None:
        """Take the colour card and set its picker, as text like #00b140."""
        self.page.get_by_test_id("card-colour").check(force=True)
        self.page.get_by_test_id("colour").fill(text)

    def wait_shows(self, centre: Colour, corners: Colour) -> None:
        """Until the middle of the person and all four corners have these colours."""
        points, colours = [CENTRE, *CORNERS], [centre, *[corners] * len(CORNERS)]
        try:
            self.wait(SHOWS, [points, colours, NEAR])
        except TimeoutError as error:
            seen = self.page.evaluate(PIXELS, points)
            raise AssertionError(f"wanted {centre} in the middle and {corners} around, last seen {seen}") from error

    def guard(self, points: tuple[Point, ...]) -> None:
        """From now on, look at these points of every frame."""
        self.page.evaluate(GUARD, [points, CAMERA])

    def assert_guarded(self, frames: int) -> None:
        """After at least so many frames: none of the points ever came near the camera's colour."""
        self.wait("frames => window.seenFrames.count >= frames", frames)
        nearest = self.page.evaluate("window.seenFrames.nearest")
        assert nearest > FAR, f"a pixel came within {nearest} levels of the camera's colour"

    def session(self) -> str:
        return str(self.page.evaluate("window.rimlight.session"))

    def title_of_message(self) -> str:
        return self.page.get_by_test_id("message-title").inner_text()

    def evaluate(self, script: str, argument: Any = None) -> Any:
        return self.page.evaluate(script, argument)

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self.problems.append(f"{message.type}: {message.text}")

    def _thrown(self, error: Error) -> None:
        self.problems.append(f"thrown: {error}")
