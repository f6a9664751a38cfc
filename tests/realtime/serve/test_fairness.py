"""Everybody gets the same share of time, whatever a turn costs and whenever he comes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from rimlight.realtime.serve.fairness import Turns


def served(costs: dict[str, float], turns: int) -> dict[str, float]:
    """Seconds that each is served when all are always ready and one is served at a time."""
    rule: Turns[str] = Turns()
    found = dict.fromkeys(costs, 0.0)
    for _ in range(turns):
        first = rule.order(costs)[0]
        rule.charge([first], costs[first])
        found[first] += costs[first]
    return found


@given(st.lists(st.floats(0.001, 0.1), min_size=2, max_size=6))
def test_streams_of_any_cost_get_the_same_time(costs: list[float]) -> None:
    named = {str(index): cost for index, cost in enumerate(costs)}
    found = served(named, 400)
    assert max(found.values()) - min(found.values()) <= 2 * max(costs)


def test_who_comes_late_gets_no_more_than_who_is_there() -> None:
    rule: Turns[str] = Turns()
    for _ in range(1000):
        rule.order(["old"])
        rule.charge(["old"], 1.0)
    firsts = []
    for _ in range(10):
        first = rule.order(["old", "new"])[0]
        rule.charge([first], 1.0)
        firsts.append(first)
    assert 4 <= firsts.count("new") <= 6


def test_who_was_idle_saves_no_turns_up() -> None:
    rule: Turns[str] = Turns()
    rule.order(["idle", "busy"])
    rule.charge(["idle"], 1.0)
    for _ in range(100):
        rule.order(["busy"])
        rule.charge(["busy"], 1.0)
    turns = []
    for _ in range(6):
        first = rule.order(["idle", "busy"])[0]
        rule.charge([first], 1.0)
        turns.append(first)
    assert turns.count("idle") <= 4


def test_a_turn_together_is_paid_in_parts() -> None:
    rule: Turns[str] = Turns()
    rule.order(["a", "b", "c"])
    rule.charge(["a", "b"], 1.0)
    rule.charge(["c"], 0.4)
    assert rule.order(["a", "b", "c"]) == ["c", "a", "b"]


def test_who_is_forgotten_begins_anew() -> None:
    rule: Turns[str] = Turns()
    rule.order(["a", "b"])
    rule.charge(["a"], 5.0)
    rule.forget("a")
    assert rule.order(["a", "b"]) == ["a", "b"]
