from __future__ import annotations

import pytest

from rimlight.realtime.serve.cluster.names import WORKER, new_key, new_worker, worker_of


def test_an_id_tells_its_worker() -> None:
    for _ in range(50):
        worker = new_worker()
        assert WORKER.fullmatch(worker)
        assert worker_of(new_key(worker)) == worker


def test_ids_of_one_worker_share_nothing_but_its_name() -> None:
    assert len({new_key("worker1") for _ in range(100)}) == 100
    assert len(new_key("w" * 32)) <= 64, "the router takes ids of at most 64 letters"


@pytest.mark.parametrize(
    "key", ["", "x", "a_b", "x" * 24, "_" + "x" * 24, "WORKER1_" + "x" * 24, "w" * 33 + "_" + "x" * 24]
)
def test_other_ids_tell_none(key: str) -> None:
    assert worker_of(key) is None
