from __future__ import annotations

import pytest

from rimlight.errors import ConfigError
from rimlight.realtime.serve.guard import Access, admits, check_binding, host_fits, needed, origin_fits

TOKEN, VIEW, FIGURES, CLUSTER = "t" * 32, "v" * 32, "f" * 32, "c" * 32
LOCKED = Access(TOKEN, VIEW)
FRIEND = Access(TOKEN, VIEW, frozenset({"https://friend.example"}))


WRONG = [
    TOKEN, f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}", "Bearer", "Bearer ", f"Basic {TOKEN}", f"Bearer {TOKEN} {TOKEN}",
    f"Bearer {TOKEN.upper()}", f"Bearer {TOKEN},", "Bearer \udcff", f"Bearer,{TOKEN}",
]  # fmt: skip


@pytest.mark.parametrize("given", WRONG)
def test_a_wrong_token_does_not_admit(given: str) -> None:
    assert not admits(LOCKED, "full", [given])
    assert not admits(Access(TOKEN), "view", [given])


def test_only_one_authorization_admits() -> None:
    right = f"Bearer {TOKEN}"
    assert admits(LOCKED, "full", [right])
    assert admits(LOCKED, "full", [f"bearer  {TOKEN}"])
    assert not admits(LOCKED, "full", [right, right])
    assert not admits(LOCKED, "full", [])
    assert admits(Access(), "full", [])
    assert not admits(Access(TOKEN), "view", ["Bearer "])


def test_every_comparison_takes_both_tokens_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[tuple[int, int]] = []

    def compare(one: bytes, other: bytes) -> bool:
        compared.append((len(one), len(other)))
        return one == other

    monkeypatch.setattr("rimlight.realtime.serve.guard.hmac.compare_digest", compare)
    for given in ("Bearer x", f"Bearer {TOKEN}", f"Bearer {VIEW}", ""):
        admits(LOCKED, "view", [given])
    assert compared == [(32, 32)] * 8


def test_a_new_route_needs_the_full_token() -> None:
    for route in ("", "/new", "/static", "/staticx/y", "/healthz/x", "/api/infos", "/whepx/{name}"):
        assert needed("GET", route) == "full"
    assert needed("POST", "/api/info") == "full"


HOSTS = {
    "localhost": True, "localhost:8080": True, "LOCALHOST:1": True, "127.0.0.1": True, "127.0.0.1:8080": True,
    "127.9.9.9": True, "[::1]": True, "[::1]:8080": True,
    "evil.example": False, "evil.example:8080": False, "localhost.evil.example": False, "127.0.0.1.evil.example": False,
    "10.0.0.1": False, "0.0.0.0": False, "[::]": False, "": False, "localhost:8080:1": False, "localhost@evil": False,
}  # fmt: skip


@pytest.mark.parametrize("host", HOSTS)
def test_on_this_machine_only_its_own_names_are_answered(host: str) -> None:
    assert host_fits(Access(), [host]) is HOSTS[host]
    assert host_fits(Access(loopback=False), [host])
    assert host_fits(Access(TOKEN, behind_proxy=True), [host])


def test_there_is_one_host() -> None:
    assert not host_fits(Access(), [])
    assert not host_fits(Access(), ["localhost", "localhost"])
    assert not host_fits(Access(loopback=False), ["a", "b"])


ORIGINS: list[tuple[str, str, str, str]] = [
    ("http://localhost:8080", "http", "localhost:8080", "own"),
    ("HTTP://LocalHost:8080", "http", "localhost:8080", "own"),
    ("http://localhost", "http", "localhost:80", "own"),
    ("https://rim.example", "https", "rim.example:443", "own"),
    ("http://[::1]:8080", "http", "[::1]:8080", "own"),
    ("http://localhost:8081", "http", "localhost:8080", "foreign"),
    ("https://localhost:8080", "http", "localhost:8080", "foreign"),
    ("http://evil.example", "http", "localhost:8080", "foreign"),
    ("null", "http", "localhost:8080", "foreign"),
    ("", "http", "localhost:8080", "foreign"),
    ("http://", "http", "", "foreign"),
    ("http://localhost:8080/", "http", "localhost:8080", "foreign"),
    ("https://friend.example", "http", "localhost:8080", "allowed"),
    ("https://friend.example:443", "http", "localhost:8080", "allowed"),
    ("https://friend.example.evil", "http", "localhost:8080", "foreign"),
    ("http://friend.example", "http", "localhost:8080", "foreign"),
    ("https://x@friend.example", "http", "localhost:8080", "foreign"),
]


@pytest.mark.parametrize(("origin", "scheme", "host", "whose"), ORIGINS)
def test_pages_are_told_apart_by_their_origin(origin: str, scheme: str, host: str, whose: str) -> None:
    assert origin_fits(FRIEND, origin, scheme, host) == whose


def test_behind_a_proxy_the_page_may_have_come_by_tls() -> None:
    access = Access(TOKEN, behind_proxy=True)
    assert origin_fits(access, "https://rim.example", "http", "rim.example") == "own"
    assert origin_fits(access, "http://rim.example", "http", "rim.example") == "own"
    assert origin_fits(access, "https://evil.example", "http", "rim.example") == "foreign"


BINDINGS: list[tuple[str, str | None, bool, bool, str | None]] = [
    ("127.0.0.1", None, False, False, None),
    ("localhost", None, False, False, None),
    ("::1", "short", False, False, None),
    ("127.0.0.1", None, False, True, "without a token"),
    ("127.0.0.1", TOKEN, False, True, None),
    ("0.0.0.0", None, True, False, "without a token"),
    ("", None, False, False, "without a token"),
    ("::", "", True, False, "without a token"),
    ("0.0.0.0", "short", True, False, "at least 16 letters"),
    ("0.0.0.0", TOKEN, False, False, "in the clear"),
    ("0.0.0.0", TOKEN, True, False, None),
    ("0.0.0.0", TOKEN, False, True, None),
    ("rim.example", TOKEN, False, False, "in the clear"),
    ("localhost.evil.example", None, True, False, "without a token"),
]


@pytest.mark.parametrize(("host", "token", "tls", "behind_proxy", "text"), BINDINGS)
def test_others_than_this_machine_need_a_token_and_tls(
    host: str, token: str | None, tls: bool, behind_proxy: bool, text: str | None
) -> None:
    if text is None:
        check_binding(host, token, tls, behind_proxy)
        return
    with pytest.raises(ConfigError, match=text):
        check_binding(host, token, tls, behind_proxy)


@pytest.mark.parametrize("origin", ["*", "null", "https://a.example/", "a.example", "https://", "https://*.a.example"])
def test_an_origin_that_is_none_is_refused(origin: str) -> None:
    with pytest.raises(ConfigError, match="expected an origin"):
        Access(TOKEN, allowed_origins=frozenset({origin}))


@pytest.mark.parametrize("token", ["", " ", "a b", "pässword", "a\nb", "a,b"])
def test_a_token_that_no_header_can_carry_is_refused(token: str) -> None:
    with pytest.raises(ConfigError, match="expected a token of letters"):
        Access(token)


def test_a_token_for_viewers_needs_another_for_the_rest() -> None:
    with pytest.raises(ConfigError, match="set both"):
        Access(None, VIEW)
    with pytest.raises(ConfigError, match="two that differ"):
        Access(TOKEN, TOKEN)


def test_a_token_for_figures_is_nobody_elses_and_needs_another_for_the_rest() -> None:
    with pytest.raises(ConfigError, match="set both"):
        Access(metrics_token=FIGURES)
    for other in (TOKEN, VIEW, CLUSTER):
        with pytest.raises(ConfigError, match="choose one that differs"):
            Access(TOKEN, VIEW, cluster_token=CLUSTER, metrics_token=other)
    with pytest.raises(ConfigError, match="expected a token of letters"):
        Access(TOKEN, metrics_token="a b")


def test_tokens_are_not_shown() -> None:
    shown = repr(Access(TOKEN, VIEW, cluster_token=CLUSTER, metrics_token=FIGURES))
    assert not any(token in shown for token in (TOKEN, VIEW, CLUSTER, FIGURES))
