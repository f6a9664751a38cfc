"""A gateway and two workers in processes of their own, real pages in front; one of them after the other goes away."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from .conftest import OpenTab
from .pictures import CAMERA, CORNERS, png
from .servers import Gateway, Server

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Route

    from .tab import Tab

pytestmark = pytest.mark.browser

GREEN, SAND, BLUE = (0, 177, 64), (200, 160, 90), (0, 80, 240)
TOKEN = "the-token-of-a-cluster"
# What the page is in, and whether a picture is seen then; looked at before every frame that the screen shows.
RECORD = """() => {
  const seen = window.recorded = [];
  const video = document.getElementById("result-video");
  const look = () => {
    const phase = window.rimlight.state;
    const picture = video.srcObject !== null && video.readyState >= 2;
    const last = seen.at(-1);
    if (last?.phase !== phase || last.picture !== picture) seen.push({ phase, picture });
    requestAnimationFrame(look);
  };
  look();
}"""
FRAMES = (
    "(async () => [...(await rimlight.peer.getStats()).values()].find(o => o.type === 'inbound-rtp').framesDecoded)()"
)


@dataclass(frozen=True, slots=True)
class Cluster:
    """The gateway, which pages are opened from, and the workers behind it."""

    gateway: Gateway
    workers: list[Server]

    def worker_of(self, tab: Tab) -> Server:
        """Where a tab's session is."""
        (found,) = [one for one in self.workers if not one.ended() and knows(one, tab.session())]
        return found


def knows(worker: Server, session: str) -> bool:
    """Whether a worker has this session."""
    request = urllib.request.Request(
        f"{worker.url}/api/sessions/{session}", headers={"Authorization": f"Bearer {TOKEN}"}
    )
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return bool(answer.status == 200)
    except urllib.error.HTTPError as error:
        if error.code != 404:
            raise
        return False
    except urllib.error.URLError as error:
        if not isinstance(error.reason, ConnectionRefusedError):
            raise
        return False  # it is about to end


@pytest.fixture
def open_cluster(
    tmp_path: Path,
    chromium: Browser,  # noqa: ARG001 - skips first
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Callable[..., Cluster]]:
    """Starts a gateway and two workers, these with further options."""
    monkeypatch.setenv("RIMLIGHT_CLUSTER_TOKEN", TOKEN)
    with ExitStack() as opened:

        def make(*arguments: str) -> Cluster:
            gateway = Gateway(tmp_path)
            role = ("--role", "worker", "--gateway", gateway.url)
            cluster = Cluster(gateway, [Server(tmp_path, *role, *arguments) for _ in range(2)])
            for one in (gateway, *cluster.workers):
                opened.callback(one.stop)
                one.start()
            return cluster

        yield make


def live(tab: Tab, cluster: Cluster) -> None:
    """Green behind the person, through the gateway."""
    tab.open(cluster.gateway.url)
    tab.choose_colour("#00b140")
    tab.start()
    tab.wait_shows(CAMERA, GREEN)


def two_live(open_tab: OpenTab, cluster: Cluster) -> tuple[Tab, Tab]:
    """Two tabs, each on a worker of its own."""
    tabs = open_tab(), open_tab()
    for tab in tabs:
        live(tab, cluster)
    assert cluster.worker_of(tabs[0]) is not cluster.worker_of(tabs[1])
    return tabs


def more_frames(tab: Tab, count: int = 20) -> None:
    """Wait until so many more came."""
    tab.wait(f"async frames => await {FRAMES} > frames", tab.evaluate(FRAMES) + count)


def recorded(tab: Tab) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = tab.evaluate("window.recorded")
    return found


def test_page_whose_worker_is_killed_goes_on_at_another_one_and_is_covered_meanwhile(
    open_tab: OpenTab, open_cluster: Callable[..., Cluster]
) -> None:
    cluster = open_cluster()
    hit, spared = two_live(open_tab, cluster)
    picture = {"name": "sand.png", "mimeType": "image/png", "buffer": png(SAND)}
    hit.page.get_by_test_id("upload").set_input_files(picture)  # type: ignore[arg-type]
    hit.wait_shows(CAMERA, SAND)
    before, others = hit.session(), spared.session()
    other_worker = cluster.worker_of(spared)
    for tab in (hit, spared):
        tab.guard(CORNERS)
        tab.evaluate(RECORD)

    cluster.worker_of(hit).stop()

    hit.wait("before => rimlight.session !== null && rimlight.session !== before", before)
    hit.wait_live()
    hit.wait_shows(CAMERA, SAND)
    assert cluster.worker_of(hit) is other_worker
    phases = recorded(hit)
    assert not any(one["picture"] for one in phases if one["phase"] != "running")
    assert {"waiting", "connecting"} <= {one["phase"] for one in phases}
    more_frames(hit, 30)
    hit.assert_guarded(60)

    assert spared.session() == others
    assert {(one["phase"], one["picture"]) for one in recorded(spared)} == {("running", True)}
    more_frames(spared)
    spared.wait_shows(CAMERA, GREEN)
    spared.assert_guarded(60)


def test_page_whose_worker_is_frozen_goes_on_at_another_one_and_is_covered_meanwhile(
    open_tab: OpenTab, open_cluster: Callable[..., Cluster]
) -> None:
    cluster = open_cluster()
    hit, spared = two_live(open_tab, cluster)
    other_worker, before, others = cluster.worker_of(spared), hit.session(), spared.session()
    for tab in (hit, spared):
        tab.guard(CORNERS)
        tab.evaluate(RECORD)
    cluster.worker_of(hit).freeze()
    hit.wait("before => rimlight.session !== null && rimlight.session !== before", before)
    hit.wait_live()
    hit.wait_shows(CAMERA, GREEN)
    assert knows(other_worker, hit.session())
    assert not any(one["picture"] for one in recorded(hit) if one["phase"] != "running")
    hit.assert_guarded(30)
    assert spared.session() == others
    assert {one["phase"] for one in recorded(spared)} == {"running"}


def test_page_without_a_worker_says_so_and_begins_once_there_is_one(
    open_tab: OpenTab, open_cluster: Callable[..., Cluster]
) -> None:
    cluster, tab = open_cluster(), open_tab()
    for worker in cluster.workers:
        worker.stop()
    tab.open(cluster.gateway.url)
    tab.start()
    tab.reads("message-text", "There is no worker at the moment; try again. Next try in")
    cluster.workers[0].start()
    tab.wait_live()


def test_page_whose_pictures_stop_does_not_wait_for_its_next_look(
    open_tab: OpenTab, open_cluster: Callable[..., Cluster]
) -> None:
    cluster, tab = open_cluster(), open_tab()

    def patient(route: Route) -> None:
        script = route.fetch().text()
        assert script.count("LOOK_MS = 1000") == 1
        route.fulfill(body=script.replace("LOOK_MS = 1000", "LOOK_MS = 1e9"), content_type="text/javascript")

    tab.page.route("**/connection.js", patient)
    live(tab, cluster)
    before, asked = tab.session(), list[str]()
    tab.page.on("request", lambda one: asked.append(one.method) if one.url.endswith(before) else None)
    cluster.worker_of(tab).stop()
    tab.wait("before => rimlight.session !== null && rimlight.session !== before", before)
    tab.wait_shows(CAMERA, GREEN)
    assert asked[:1] == ["GET"], "it looked before the browser had called the connection lost"


def test_worker_that_drains_keeps_its_session_till_it_ends_and_the_page_then_moves(
    open_tab: OpenTab, open_cluster: Callable[..., Cluster]
) -> None:
    cluster = open_cluster("--drain", "15")
    first, second = two_live(open_tab, cluster)
    session, leaving, staying = first.session(), cluster.worker_of(first), cluster.worker_of(second)
    first.evaluate(RECORD)
    leaving.ask_to_stop()
    first.reads("toast", "about to stop")
    newcomer = open_tab()
    live(newcomer, cluster)
    assert cluster.worker_of(newcomer) is staying
    assert first.session() == session
    first.wait_shows(CAMERA, GREEN)
    first.wait("before => rimlight.session !== null && rimlight.session !== before", session)
    first.wait_live()
    assert cluster.worker_of(first) is staying
    assert not any(one["picture"] for one in recorded(first) if one["phase"] != "running")
    first.wait_shows(CAMERA, GREEN)


def test_gateway_that_is_killed_and_started_again_finds_every_session(
    open_tab: OpenTab, open_cluster: Callable[..., Cluster]
) -> None:
    cluster = open_cluster()
    tabs = two_live(open_tab, cluster)
    sessions = [tab.session() for tab in tabs]
    for tab in tabs:
        tab.evaluate(RECORD)
    cluster.gateway.stop()
    for tab in tabs:
        more_frames(tab)
    cluster.gateway.start()
    for tab in tabs:
        tab.choose_colour("#0050f0")
        tab.wait_shows(CAMERA, BLUE)
        assert {(one["phase"], one["picture"]) for one in recorded(tab)} == {("running", True)}
    assert [tab.session() for tab in tabs] == sessions


def test_page_does_not_believe_that_its_worker_is_gone_while_pictures_come(tab: Tab, server: Server) -> None:
    tab.open(server.url)
    tab.start()
    tab.wait_live()
    session, told = tab.session(), []

    def gone(route: Route) -> None:
        told.append(route.request.url)
        route.fulfill(status=410, json={"error": "the worker of this session is gone; offer again"})

    tab.evaluate(RECORD)
    tab.page.route("**/api/sessions/*", gone)
    while len(told) < 3:
        more_frames(tab, 10)
    tab.page.unroute("**/api/sessions/*")
    assert tab.session() == session
    assert {one["phase"] for one in recorded(tab)} == {"running"}


def test_watch_link_works_through_the_gateway_and_follows_its_sender_to_another_worker(
    open_tab: OpenTab, open_cluster: Callable[..., Cluster]
) -> None:
    cluster = open_cluster()
    sender, viewer = open_tab(), open_tab(permissions=())
    live(sender, cluster)
    link = sender.page.get_by_test_id("watch-link").input_value()
    assert link.startswith(cluster.gateway.url)
    viewer.open(link)
    viewer.wait_state("running")
    viewer.wait_shows(CAMERA, GREEN)
    sender.reads("viewers", "1 watching")
    before = sender.session()
    cluster.worker_of(sender).stop()
    sender.wait("before => rimlight.session !== null && rimlight.session !== before", before)
    sender.wait_live()
    assert sender.page.get_by_test_id("watch-link").input_value() == link
    viewer.guard(CORNERS)
    sender.reads("viewers", "1 watching")
    viewer.wait_shows(CAMERA, GREEN)
    viewer.assert_guarded(10)
