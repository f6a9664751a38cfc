from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rimlight.errors import ConfigError, ControlError
from rimlight.realtime.serve.cluster.report import MOST_NAMES, Report, read_report, worker_url

GOOD = Report("worker1", "http://10.0.0.7:8080", 3, 2, 4, 0.5, 0.125, False, ("stage", "x_-1")).as_json()
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)


def test_a_report_comes_back_from_json_as_it_was() -> None:
    report = Report("worker1", "http://10.0.0.7:8080", 3, 2, 4, 0.5, 0.125, True, ("stage", "x_-1"))
    assert read_report(json.loads(json.dumps(report.as_json()))) == report


def test_what_a_newer_worker_says_besides_is_left_aside() -> None:
    assert read_report(GOOD | {"temperature": 40}) == read_report(GOOD)


@given(ANYTHING)
def test_any_json_is_a_report_or_a_sentence(value: Any) -> None:
    with pytest.raises(ControlError, match="expected"):
        read_report(value)


@given(st.sampled_from(sorted(GOOD)), ANYTHING)
def test_any_value_of_a_field_is_taken_within_bounds_or_refused(field: str, value: Any) -> None:
    try:
        report = read_report(GOOD | {field: value})
    except ControlError:
        return
    assert all(0 <= count <= 100_000 for count in (report.sessions, report.viewers, report.room))
    assert all(math.isfinite(share) and share >= 0 for share in (report.load, report.one))
    assert isinstance(report.draining, bool)
    assert len(report.names) <= MOST_NAMES


@pytest.mark.parametrize("field", sorted(GOOD))
def test_every_field_has_to_be_there(field: str) -> None:
    with pytest.raises(ControlError, match=f"{field} missing"):
        read_report({name: value for name, value in GOOD.items() if name != field})


def test_too_many_names_are_refused() -> None:
    read_report(GOOD | {"names": ["a"] * MOST_NAMES})
    with pytest.raises(ControlError, match="names"):
        read_report(GOOD | {"names": ["a"] * (MOST_NAMES + 1)})


TAKEN = {
    "http://10.0.0.7:8080": "http://10.0.0.7:8080", "http://10.0.0.7:8080/": "http://10.0.0.7:8080",
    "https://worker.example:443": "https://worker.example", "http://worker": "http://worker",
    "http://[fd00::7]:8080": "http://[fd00::7]:8080", "http://127.0.0.1:1": "http://127.0.0.1:1",
}  # fmt: skip
REFUSED = [
    "", "worker:8080", "//worker:8080", "ftp://worker:8080", "file:///etc/passwd", "http://", "http://:8080",
    "http://user@worker:8080", "http://user:word@worker:8080", "http://worker:8080/api", "http://worker:8080/?a=b",
    "http://worker:8080/#a", "http://worker:8080#", "http://worker:0", "http://worker:99999", "http://worker:x",
    "http://0.0.0.0:8080", "http://[::]:8080", "http://169.254.169.254", "http://[fe80::1]:80", "http://224.0.0.1:80",
    "http://2852039166", "http://0xa9fea9fe", "http://0XA9FEA9FE.", "http://169.254.43518", "http://0251.0376.0251.0376",
    "http://[::ffff:169.254.169.254]:80", "http://169.254.169.254.:80", "http://0", "http://10.0.0.0x7:8080",
    "http://wor ker:80", "http://worker:80\r\nHost: x", "http://wörker:80", "http://" + "w" * 300, "unix:///run/x",
]  # fmt: skip


@pytest.mark.parametrize(("text", "form"), TAKEN.items())
def test_addresses_have_one_form(text: str, form: str) -> None:
    assert worker_url(text) == form


@pytest.mark.parametrize("text", REFUSED)
def test_what_no_worker_can_have_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="expected a worker's address"):
        worker_url(text)
    with pytest.raises(ControlError):
        read_report(GOOD | {"url": text})
