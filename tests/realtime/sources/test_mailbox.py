from __future__ import annotations

import threading

import pytest

from rimlight.realtime.sources.mailbox import Mailbox


def test_the_newest_wins_and_the_others_are_counted() -> None:
    box: Mailbox[int] = Mailbox()
    for item in (1, 2, 3):
        box.put(item)
    assert box.take(1) == 3
    assert box.replaced == 2


def test_taking_empties_and_looking_does_not() -> None:
    box: Mailbox[int] = Mailbox()
    box.put(1)
    assert box.look(1) == 1
    assert box.take(1) == 1
    with pytest.raises(TimeoutError, match=r"0\.01 s"):
        box.take(0.01)


def test_an_error_comes_after_the_last_item_and_again() -> None:
    box: Mailbox[int] = Mailbox()
    box.put(1)
    box.fail(OSError("gone"))
    assert box.take(1) == 1
    for _ in range(2):
        with pytest.raises(OSError, match="gone"):
            box.take(1)


@pytest.mark.parametrize("end", ["put", "fail", "close"])
def test_whoever_waits_is_woken(end: str) -> None:
    box: Mailbox[int] = Mailbox()
    got: list[object] = []

    def take() -> None:
        try:
            got.append(box.take(30))
        except OSError as error:
            got.append(str(error))

    thread = threading.Thread(target=take)
    thread.start()
    {"put": lambda: box.put(5), "fail": lambda: box.fail(OSError("gone")), "close": box.close}[end]()
    thread.join(10)
    assert got == [{"put": 5, "fail": "gone", "close": None}[end]]


def test_a_closed_box_gives_none_at_once() -> None:
    box: Mailbox[int] = Mailbox()
    box.put(1)
    box.close()
    assert box.take(30) is None
    assert box.look(30) is None
