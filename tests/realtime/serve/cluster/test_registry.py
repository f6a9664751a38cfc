from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rimlight.realtime.serve.cluster import registry as module
from rimlight.realtime.serve.cluster.figures import exposition, used
from rimlight.realtime.serve.cluster.registry import SILENT_S, Registry
from rimlight.realtime.serve.cluster.report import Report
from rimlight.realtime.serve.refusals import RefusedError
from tests.realtime.serve.cluster.fakes import Clock


def report(name: str = "worker1", **values: object) -> Report:
    base = Report(name, f"http://{name}:80", room=10, load=0.1, one=0.05)
    return replace(base, **values)  # type: ignore[arg-type]


def known(*reports: Report) -> Registry:
    registry = Registry(Clock())
    for one in reports:
        registry.hear(one)
    return registry


def names(registry: Registry) -> list[str]:
    return [one.report.name for one in registry.candidates()]


def test_a_worker_that_says_nothing_is_gone() -> None:
    clock = Clock()
    registry = Registry(clock)
    registry.hear(report())
    clock.now_s += SILENT_S - 0.01
    assert registry.find("worker1")
    clock.now_s += 0.02
    assert registry.find("worker1") is None
    assert registry.candidates() == []
    assert registry.events == {"worker came": 1, "worker silent": 1}


def test_the_least_loaded_with_room_is_asked_first() -> None:
    registry = known(
        report("busy", load=0.8), report("calm", load=0.2), report("full", room=0, load=0.0),
        report("goes", draining=True, load=0.0),
    )  # fmt: skip
    assert names(registry) == ["calm", "busy"]


def test_what_was_placed_counts_before_the_next_report() -> None:
    registry = known(report("aaaa", load=0.1, room=2), report("bbbb", load=0.12, room=9))
    first = registry.candidates()[0]
    first.placed += 1
    assert names(registry) == ["bbbb", "aaaa"]
    first.placed += 1
    assert names(registry) == ["bbbb"]
    registry.hear(report("aaaa", load=0.1, room=2))
    assert names(registry) == ["aaaa", "bbbb"]


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 9)), min_size=1, max_size=8), st.integers(0, 60))
def test_no_more_are_placed_than_there_is_room(workers: list[tuple[int, int]], wanted: int) -> None:
    registry = known(*(report(f"work{n}", room=room, load=load / 10) for n, (room, load) in enumerate(workers)))
    placed = 0
    for _ in range(wanted):
        found = registry.candidates()
        if found:
            found[0].placed += 1
            placed += 1
    assert placed == min(wanted, sum(room for room, _ in workers))


def test_a_name_belongs_to_one_address_while_it_is_heard() -> None:
    clock = Clock()
    registry = Registry(clock)
    registry.hear(report())
    with pytest.raises(RefusedError) as refused:
        registry.hear(report(url="http://other:80"))
    assert refused.value.status == 409
    clock.now_s += SILENT_S + 1
    registry.hear(report(url="http://other:80"))


def test_an_address_belongs_to_one_worker_while_it_is_heard() -> None:
    """Or each would be asked for the other's sessions, and say that there are none."""
    clock = Clock()
    registry = Registry(clock)
    registry.hear(report())
    with pytest.raises(RefusedError, match="another worker has this address") as refused:
        registry.hear(report("worker2", url="http://worker1:80"))
    assert refused.value.status == 409
    clock.now_s += SILENT_S + 1
    registry.hear(report("worker2", url="http://worker1:80"))
    assert registry.find("worker1") is None


def test_there_are_only_so_many_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_WORKERS", 3)
    registry = known(report("aaaa"), report("bbbb"), report("cccc"))
    with pytest.raises(RefusedError) as refused:
        registry.hear(report("dddd"))
    assert refused.value.status == 503
    registry.hear(report("cccc"))


def test_a_worker_that_was_heard_again_is_not_lost_for_a_failure_before() -> None:
    registry = known(report())
    before = registry.find("worker1")
    assert before is not None
    registry.hear(report())
    registry.lose(before)
    assert registry.find("worker1")
    now = registry.find("worker1")
    assert now is not None
    registry.lose(now)
    assert registry.find("worker1") is None


def test_all_gateways_send_viewers_to_the_same_of_two_publishers() -> None:
    reports = [report("bbbb", names=("stage",)), report("aaaa", names=("stage", "other"))]
    for order in (reports, reports[::-1]):
        found = known(*order).publisher("stage")
        assert found is not None
        assert found.report.name == "aaaa"
    assert known(*reports).publisher("nobody") is None


def test_a_name_that_was_just_taken_outlives_a_report_from_before() -> None:
    clock = Clock()
    registry = Registry(clock)
    registry.hear(report())
    registry.note("worker1", "stage")
    registry.note("nobody", "stage")
    clock.now_s += 1.0
    registry.hear(report())
    assert registry.publisher("stage")
    clock.now_s += 1.0
    registry.hear(report())
    assert registry.publisher("stage") is None


def test_used_is_the_share_of_the_room_that_is_taken() -> None:
    registry = known(report("aaaa", sessions=3, room=1), report("bbbb", sessions=1, room=3))
    assert used(registry) == 0.5
    registry.hear(report("bbbb", sessions=1, room=0, draining=True))
    assert used(registry) == 0.75
    assert used([]) == 1.0


def test_the_room_of_a_worker_that_does_not_answer_is_none() -> None:
    registry = known(report("aaaa", sessions=3, room=1), report("bbbb", sessions=0, room=90))
    registry.answered("bbbb", well=False)
    for _ in range(2):
        assert used(registry) == 0.75
        text = exposition(registry).decode()
        assert "rimlight_gateway_room 1.0" in text
        assert 'rimlight_gateway_workers{state="failing"} 1.0' in text
        assert names(registry) == ["aaaa", "bbbb"], "it is asked where nobody else has room"
        registry.hear(report("bbbb", sessions=0, room=90))
    registry.answered("bbbb", well=True)
    assert used(registry) < 0.1


def test_figures_hold_no_name_and_no_address() -> None:
    registry = known(report("aaaa", sessions=3, viewers=2, names=("secret",)), report("bbbb", draining=True))
    text = exposition(registry).decode()
    assert 'rimlight_gateway_workers{state="ready"} 1.0' in text
    assert 'rimlight_gateway_workers{state="draining"} 1.0' in text
    assert "rimlight_gateway_sessions 3.0" in text
    assert "rimlight_gateway_viewers 2.0" in text
    assert 'rimlight_gateway_events_total{event="worker_came"} 2.0' in text
    assert not any(word in text for word in ("aaaa", "secret", "http"))
