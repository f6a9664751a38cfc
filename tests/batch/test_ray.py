"""The same batch on a real cluster of two nodes on this machine, one of which is killed half-way."""

from __future__ import annotations

import importlib.util
import os
import signal
import socket
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from rimlight.batch.items import Failed, Item, Outcome
from rimlight.batch.pool import News, Pool
from rimlight.batch.storage import stamp
from rimlight.errors import BackendError
from rimlight.realtime.session import Settings
from tests.conftest import need

from .runs import begun, digests, ended, events, left_over, run_here, videos, wait_for

STORE_BYTES = 80 * 1024 * 1024  # of each node; the smallest that Ray takes is near
PART_FRAMES = 160  # so long that both nodes are at work when one is killed
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]  # Ray's own


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """Two nodes with a processor each, besides one that only leads."""
    need("ray", importlib.util.find_spec("ray") is not None, "Ray is not installed")
    from ray.cluster_utils import Cluster

    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    head = {"num_cpus": 0, "object_store_memory": STORE_BYTES, "include_dashboard": False}
    found = Cluster(initialize_head=True, head_node_args=head)
    found.working = [found.add_node(num_cpus=1, object_store_memory=STORE_BYTES) for _ in range(2)]
    yield found
    found.shutdown()


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten videos, one of which is split."""
    return videos(tmp_path_factory.mktemp("clips") / "in", short=9, long_frames=960)


def a_part_is_done(out: Path) -> bool:
    return any(event["task"] == "part" for event in events(out, "done"))


def processes_of(node: Any) -> list[psutil.Process]:
    """A node's raylet and all its workers."""
    raylet = psutil.Process(node.all_processes["raylet"][0].process.pid)
    return [raylet, *raylet.children(recursive=True)]


def at_work(node: Any) -> bool:
    """Whether a worker of a node does an item; Ray names processes by what they do."""
    with suppress(psutil.NoSuchProcess):
        return any("ray::perform" in " ".join(one.cmdline()) for one in processes_of(node))
    return False


def kill(node: Any) -> None:
    """End a node as a power cut would: its raylet, and all workers at once."""
    for process in processes_of(node):
        os.kill(process.pid, signal.SIGKILL)


@pytest.fixture(scope="module")
def wanted(clips: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What one process alone makes."""
    out = tmp_path_factory.mktemp("sequential") / "out"
    run_here(clips, out, part_frames=PART_FRAMES)
    return digests(out)


def test_a_killed_driver_leaves_what_another_finishes(
    cluster: Any, clips: Path, tmp_path: Path, wanted: dict[str, str]
) -> None:
    out = tmp_path / "out"
    options = ("--ray", cluster.address, "--memory", "0.3", "--part-frames", PART_FRAMES)
    process = begun(clips, out, *options)
    wait_for(lambda: a_part_is_done(out), process)
    process.kill()
    ended(process)
    assert ended(begun(clips, out, *options))[0] == 0
    assert digests(out) == wanted
    assert left_over(out) == []
    begins = [event["source"] for event in events(out, "done") if event["task"] == "begin"]
    assert len(begins) == len(set(begins)) == 10


def test_a_node_that_is_killed_half_way_costs_nothing_but_time(
    cluster: Any, clips: Path, tmp_path: Path, wanted: dict[str, str]
) -> None:
    out = tmp_path / "out"
    process = begun(clips, out, "--ray", cluster.address, "--memory", "0.3", "--part-frames", PART_FRAMES)
    wait_for(lambda: a_part_is_done(out), process)
    wait_for(lambda: any(map(at_work, cluster.working)), process)
    kill(next(filter(at_work, cluster.working), cluster.working[0]))
    assert ended(process)[0] == 0
    assert digests(out) == wanted
    assert left_over(out) == []
    assert {event["state"] for event in events(out, "failed")} == {"running"}
    assert "Died" in events(out, "failed")[0]["reason"] or "Crashed" in events(out, "failed")[0]["reason"]


def test_a_task_that_hangs_fails_after_the_stall_time(
    cluster: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    need("aiohttp", importlib.util.find_spec("aiohttp") is not None, "aiohttp is not installed")
    from rimlight.batch.on_ray import RayPool

    clip = str(videos(tmp_path / "in", short=1, long_frames=0) / "0.mp4")
    item = Item(
        "begin", Settings("fake", long_side=128), source=clip, stamp=stamp(clip), out=str(tmp_path / "out.mp4")
    )  # fmt: skip
    with (
        socket.create_server(("127.0.0.1", 0)) as silent,
        RayPool(cluster.address, "cpu=1,cuda=1", "cpu", 1, 0.3, stall_s=3.0) as pool,
    ):
        assert "for a worker on cuda; work for it waits until one comes" in caplog.text
        assert "on cpu" not in caplog.text
        pool.give("cpu", 1, replace(item, source=f"http://127.0.0.1:{silent.getsockname()[1]}/0.mp4"))
        assert not pool.takes("cpu")  # one was asked for
        ticket, said = heard(pool)
        assert isinstance(said, Failed)
        assert not said.final
        assert "when no frame came for 3 s" in said.reason
        pool.give("cpu", 2, item)
        ticket, said = heard(pool)
        assert (ticket, type(said)) == (2, Outcome)


def heard(pool: Pool) -> tuple[int, News]:
    while True:
        for one in pool.news(0.5):
            return one


def test_a_cluster_that_is_not_there_is_said() -> None:
    need("ray", importlib.util.find_spec("ray") is not None, "Ray is not installed")
    from rimlight.batch.on_ray import RayPool

    with pytest.raises(BackendError, match=r"no Ray cluster at 127\.0\.0\.1:1"):
        RayPool("127.0.0.1:1", "", "cpu", 1, 1.0)
