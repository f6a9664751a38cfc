"""The simulated cluster: what is known of simple ones holds, nobody gets lost, and the autoscaler is Kubernetes'."""

from __future__ import annotations

import math
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

pytest.importorskip("aiortc", reason="aiortc (extra webrtc) is not installed")
pytest.importorskip("psutil", reason="psutil (extra bench) is not installed")

from rimlight.benchmarks import scale, scale_captions, scale_gateway
from rimlight.benchmarks.charts import is_drawn_from
from rimlight.benchmarks.records import Record, new_record, read_record, write_record
from rimlight.benchmarks.scale import Plan, measure, run, scenarios
from rimlight.benchmarks.scale_command import scale_command
from rimlight.benchmarks.scale_crowd import Arrivals, Crowd, draw, expected, rate
from rimlight.benchmarks.scale_machines import Machine, Machines
from rimlight.benchmarks.scale_rule import EVERY_S, Autoscaler, Rule
from rimlight.benchmarks.scale_simulation import SPREAD_S, STILL_S, Plant, Simulation, Tally
from rimlight.benchmarks.scale_tables import BASE, gateways, render
from rimlight.errors import SourceError
from rimlight.realtime.serve.capacity import Capacity, Costs
from rimlight.realtime.serve.cluster.registry import MUTE_S, OWED_S, REPORT_S
from rimlight.realtime.serve.service import USUAL

COSTS = Costs(3e-7, 9e-9, 5e-9)
SMALL = Crowd(people=150, hours=3)
STEADY = Plant(rule=None, lasts_s=None, patience_s=0.0)
GATEWAY = {"report_ms": 0.3, "look_ms": 0.6, "offer_ms": 0.9}
PEACE = {"busy": None, "others": 0.0, "spread": None, "load_before": 0.1, "load_after": 0.1}


def machines(processors: float = 8.0, most: int = 50) -> Machines:
    return Machines(COSTS, processors, [one.demand for one in SMALL.kinds], USUAL, most)


def simulated(plant: Plant, crowd: Crowd = SMALL, seed: int = 1) -> Tally:
    people, dice = np.random.default_rng(seed), np.random.default_rng(seed + 1)
    return Simulation(plant, machines(), draw(crowd, people), dice).run(crowd.hours * 3600)


def everybody(tally: Tally) -> int:
    return tally.finished + tally.rejected + tally.lost + tally.running + tally.waiting


def erlang_b(offered: float, places: int) -> float:
    """Share that is turned away (Erlang 1917), by its recursion."""
    blocked = 1.0
    for place in range(1, places + 1):
        blocked = offered * blocked / (place + offered * blocked)
    return blocked


@pytest.mark.parametrize(("offered", "begin"), [(24.0, 5), (40.0, 6)])
def test_without_scaling_the_loss_is_erlangs(offered: float, begin: int) -> None:
    """M/M/c/c: who is rejected and who is there agree with the formulas, within three standard errors."""
    usual = 2  # 720p at 30
    hours, stay_s, losses, present = 20.0, 300.0, [], []
    assert SMALL.kinds[usual].demand == USUAL
    places = begin * int(machines().limit / machines().usual)
    for seed in range(12):
        rng = np.random.default_rng(seed)
        at_s = np.cumsum(rng.exponential(stay_s / offered, int(hours * 3600 * offered / stay_s)))
        people = Arrivals(at_s, rng.exponential(stay_s, len(at_s)), np.full(len(at_s), usual))
        tally = Simulation(replace(STEADY, begin=begin), machines(), people, rng).run(float(at_s[-1]))
        assert everybody(tally) == tally.arrivals
        losses.append(tally.rejected / tally.arrivals)
        present.append(tally.session_s / at_s[-1])
    known = erlang_b(offered, places)
    assert known > 0.02
    for found, right in ((losses, known), (present, offered * (1 - known))):  # the second by Little's law
        error = np.std(found, ddof=1) / math.sqrt(len(found))
        assert abs(np.mean(found) - right) < 3 * error + 0.005 * right


@pytest.mark.parametrize(
    "plant",
    [Plant(begin=3), Plant(begin=1, lasts_s=3600.0, drain_s=60.0), Plant(Rule(most=4), begin=2, patience_s=20.0),
     Plant(rule=None, begin=4, lasts_s=600.0, replace_s=1e9)],
    ids=["usual", "failing", "too few", "dying"],
)  # fmt: skip
def test_nobody_gets_lost_in_the_count(plant: Plant) -> None:
    tally = simulated(plant)
    assert tally.arrivals > 500
    assert everybody(tally) == tally.arrivals
    assert min(tally.running, tally.waiting, tally.finished, tally.rejected, tally.lost) >= 0


def test_who_finds_no_place_again_is_lost_not_rejected() -> None:
    early = Arrivals(np.zeros(6), np.full(6, 7200.0), np.zeros(6, np.int64))  # all are let in at once
    plant = Plant(rule=None, begin=1, lasts_s=600.0, replace_s=1e9)
    tally = Simulation(plant, machines(), early, np.random.default_rng(1)).run(7100.0)
    assert (tally.failures, tally.moved_by_failure, tally.lost, tally.rejected) == (1, 6, 6, 0)


def test_days_are_added_up() -> None:
    one, two = (run(Plan(SMALL, processors=8, days=days), COSTS) for days in (1, 2))
    assert two["arrivals"] > 1.5 * one["arrivals"]
    assert two["machine_hours"] > 1.5 * one["machine_hours"]
    assert two["samples"] == one["samples"]


def test_a_seed_gives_the_same_day_and_another_one_another() -> None:
    assert simulated(Plant(begin=3)) == simulated(Plant(begin=3))
    assert simulated(Plant(begin=3), seed=5) != simulated(Plant(begin=3))


def test_without_failures_and_drains_nobody_is_covered() -> None:
    tally = simulated(Plant(rule=None, begin=40, lasts_s=None))
    assert (tally.covered_s, tally.moved_by_drain, tally.failures, tally.rejected) == (0, 0, 0, 0)


def test_a_failure_covers_for_as_long_as_it_takes_to_notice_and_come_back() -> None:
    tally = simulated(Plant(rule=None, begin=40, lasts_s=7200.0, connect_s=1.0))
    assert tally.moved_by_failure > 50
    moved_s = tally.covered_s / tally.moved_by_failure
    least_s, most_s = OWED_S + STILL_S + 1.0, MUTE_S + STILL_S + SPREAD_S + 1.0
    assert MUTE_S > OWED_S + STILL_S > MUTE_S - REPORT_S
    assert least_s < moved_s < most_s


def test_machine_hours_are_what_the_machines_ran() -> None:
    tally = simulated(Plant(rule=None, begin=7, lasts_s=None))
    assert tally.machine_s == pytest.approx(7 * SMALL.hours * 3600)


def test_admission_is_the_services_own() -> None:
    """One machine lets in as many as Capacity does."""
    one, machine, capacity = machines(), Machine(1), Capacity(COSTS, 8.0)
    one.open(machine)
    rng, inside = np.random.default_rng(4), []
    for number, kind in enumerate(rng.choice(len(SMALL.kinds), 30).tolist()):
        lets = capacity.admits(inside, USUAL)
        assert (one.put(number, kind, 0.0) is not None) == lets
        inside += [SMALL.kinds[kind].demand] if lets else []
        room = capacity.room(inside, USUAL)
        assert one.used() == pytest.approx(len(inside) / (len(inside) + room))


def test_what_is_used_is_what_the_gateway_says() -> None:
    pytest.importorskip("prometheus_client", reason="prometheus-client (extra webrtc) is not installed")
    from rimlight.realtime.serve.cluster.figures import used
    from rimlight.realtime.serve.cluster.registry import Worker
    from rimlight.realtime.serve.cluster.report import Report

    ours, capacity, inside = machines(), Capacity(COSTS, 8.0), [[], []]
    for number in range(2):
        ours.open(Machine(number))
    for number, kind in enumerate((0, 2, 3, 1, 2)):
        place = ours.put(number, kind, 0.0)
        assert place is not None
        inside[place % 2].append(SMALL.kinds[kind].demand)
    theirs = [Worker(Report("a" * 4, "", len(one), room=capacity.room(one, USUAL)), 0.0) for one in inside]
    assert ours.used() == pytest.approx(used(theirs))


def test_the_peak_is_as_high_as_asked_and_the_rate_gives_as_many_people() -> None:
    crowd = Crowd(people=500)
    assert expected(crowd).max() == pytest.approx(500)
    people = draw(crowd, np.random.default_rng(2))
    wanted = float(rate(crowd).sum() * 10)
    assert abs(len(people.at_s) - wanted) < 4 * math.sqrt(wanted)
    assert np.all(np.diff(people.at_s) >= 0)
    assert people.stay_s.max() <= crowd.longest_s
    assert people.stay_s.mean() == pytest.approx(crowd.stay_s, rel=0.1)


def test_a_ratio_within_the_tolerance_changes_nothing() -> None:
    scaler = Autoscaler(Rule(lag_s=0.0), 10)
    assert [scaler.look(EVERY_S * step, used, 10) for step, used in enumerate((0.64, 0.7, 0.76))] == [10, 10, 10]


def test_more_is_wanted_by_the_ratio_of_those_that_are_ready() -> None:
    assert Autoscaler(Rule(lag_s=0.0), 10).look(0.0, 1.0, 10) == math.ceil(10 / 0.7)
    assert Autoscaler(Rule(lag_s=0.0), 14).look(0.0, 1.0, 10) == 15  # those that start do not count


def test_a_target_above_ten_elevenths_never_asks_for_more() -> None:
    assert Autoscaler(Rule(target=0.92, lag_s=0.0), 10).look(0.0, 1.0, 10) == 10


def test_workers_go_only_when_the_window_has_wanted_no_more() -> None:
    rule = Rule(lag_s=0.0, down_window_s=300.0)
    scaler = Autoscaler(rule, 100)
    scaler.look(0.0, 0.7, 100)
    looks = [scaler.look(EVERY_S * step, 0.35, 100) for step in range(1, 41)]
    assert looks[:20] == [100] * 20  # 300 s
    assert looks[20] == 90  # a tenth a minute at most
    assert looks[24:26] == [81, 81]


def test_no_more_come_in_a_period_than_the_policies_allow() -> None:
    scaler = Autoscaler(Rule(target=0.1, lag_s=0.0), 20)
    assert [scaler.look(EVERY_S * step, 1.0, 20) for step in range(3)] == [40, 80, 160]


def test_the_metric_is_as_old_as_it_is_said_to_be() -> None:
    scaler = Autoscaler(Rule(lag_s=30.0), 10)
    looks = [scaler.look(EVERY_S * step, used, 10) for step, used in enumerate((0.7, 1.0, 1.0, 1.0))]
    assert looks == [10, 10, 10, 15]


def test_every_scenario_differs_from_the_plan() -> None:
    found = scenarios(Plan())
    assert next(iter(found)) == BASE
    assert len({repr(one) for one in found.values()}) == len(found)
    assert list(scenarios(Plan(sweep=False))) == [BASE]


def earlier() -> Record:
    """A record with costs, made on another machine."""
    machine = {"cpu": "another processor", "cores": 2, "git": "abc"}
    return new_record(
        "before", {"costs_from": None}, {"costs": asdict(COSTS), "gateway": GATEWAY, "peace": PEACE}, machine
    )


@pytest.fixture
def record(tmp_path: Path) -> Record:
    """Of a short morning, with costs from another record."""
    path = write_record(earlier(), tmp_path)
    return measure(Plan(SMALL, processors=8, price=0.5, costs=path, days=2), lambda _: None)


def test_a_record_holds_all_scenarios_and_what_was_assumed(record: Record, tmp_path: Path) -> None:
    assert read_record(write_record(record, tmp_path)) == record
    base = record.figures["cases"][BASE]
    assert base == run(Plan(SMALL, processors=8, price=0.5, days=2), COSTS)
    assert base["cost"] == pytest.approx(base["machine_hours"] * 0.5, rel=1e-3)
    assert record.settings["crowd"]["punctual"] == 0.3
    assert record.settings["metric"] == "rimlight_gateway_used"
    assert "cost / session-hour" in render(record)
    for caption in (scale_captions.scale, scale_captions.scale_costs, scale_captions.gateways):
        assert "| -" in caption(record)
        assert "another processor, 2 cores" in caption(record)


def test_without_a_price_there_is_no_cost() -> None:
    assert run(Plan(SMALL, processors=8, sweep=False), COSTS)["cost"] is None


def test_costs_of_another_kind_of_record_are_refused(tmp_path: Path) -> None:
    path = write_record(new_record("other", {}, {}), tmp_path)
    with pytest.raises(SourceError, match=r"expected a record of rimlight bench scale in other\.json"):
        measure(Plan(costs=path), lambda _: None)


def test_costs_are_measured_through_the_service(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter([3e-7, 9e-7, 4e-7])
    monkeypatch.setattr(scale, "measured", lambda _: Capacity(Costs(next(answers), 1e-9), 2))
    monkeypatch.setattr(scale_gateway, "measure_gateway", lambda: GATEWAY)
    assert scale.costs_of(Plan()) == ({"costs": asdict(Costs(4e-7, 1e-9)), "gateway": GATEWAY}, None)


def test_gateways_are_as_many_as_looks_need_beside_the_reports() -> None:
    assert gateways(looks=6.0, reports=0.3) == "20"
    assert gateways(looks=0.01, reports=0.0) == "1"
    assert gateways(looks=0.01, reports=0.6) == "none are enough"


def test_a_real_gateway_is_measured() -> None:
    found = scale_gateway.measure_gateway(requests=60)
    assert set(found) == set(GATEWAY)
    assert all(math.isfinite(cost_ms) for cost_ms in found.values())  # few requests: a busy machine hides their cost


def test_the_chart_is_of_the_record(record: Record, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="matplotlib (extra bench) is not installed")
    from rimlight.benchmarks.scale_chart import draw_scale

    path = draw_scale(record, tmp_path / "scale.png")
    assert is_drawn_from(path, record)


def test_an_hour_of_video_is_counted_in_machine_hours() -> None:
    streams: dict[str, Any] = {"rimlight": {"fps": 60.0}, "rvm 0.25": {"fps": 10.0}}
    machine = {"cpu": "a processor", "cores": 2, "git": "abc"}
    asked = {"size": "1920x1080", "sink": "null"}
    text = scale_captions.hours(new_record("endtoend", asked, {"streams": streams, "peace": PEACE}, machine))
    assert "| rimlight |     60.0 |          0.50 |            1.00 |" in text
    assert "rvm" not in text


def test_the_command_keeps_a_record(tmp_path: Path) -> None:
    costs = write_record(earlier(), tmp_path)
    words = ["--people", "50", "--hours", "1", "--no-sweep", "--costs", str(costs), "--out", str(tmp_path)]
    result = CliRunner().invoke(scale_command, words, catch_exceptions=False)
    assert result.exit_code == 0
    found = read_record(tmp_path / "scale.json")
    assert list(found.figures["cases"]) == [BASE]
    assert found.settings["people"] == 50
