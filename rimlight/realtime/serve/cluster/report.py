"""What a worker tells its gateways of itself each second, as JSON, and how it is checked.

A gateway asks the address in it, so an address that is not plainly a worker's is refused, whoever sent it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import asdict, dataclass
from ipaddress import ip_address
from typing import Any

from yarl import URL

from rimlight.errors import ConfigError, ControlError
from rimlight.realtime.serve.cluster.names import WORKER
from rimlight.realtime.serve.paths import STREAM

MOST_NAMES = 1000
MOST_COUNT = 100_000
MOST_LETTERS = 200  # of an address
NUMBER = re.compile(r"[0-9]*|0[xX][0-9A-Fa-f]*")
ADDRESS = re.compile(r"https?://(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(:[0-9]{1,5})?/?")


@dataclass(frozen=True, slots=True)
class Report:
    """name and url of the worker, and what it has to do.

    room: usual sessions that it would still let in. load: share of its machine that is asked for, 0..1 and beyond;
    one: what a usual session adds to it. names: under which videos are published there. draining: it takes nobody new.
    """

    name: str
    url: str
    sessions: int = 0
    viewers: int = 0
    room: int = 0
    load: float = 0.0
    one: float = 0.0
    draining: bool = False
    names: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Plain values, as read_report takes them."""
        return asdict(self) | {"names": list(self.names)}


def read_report(value: object) -> Report:
    """The report in what JSON gave; fields that are not known are left aside. Raises ControlError for anything else."""
    if not isinstance(value, dict):
        raise ControlError("expected a report as a JSON object")
    missing = sorted(set(READERS) - set(value))
    if missing:
        raise ControlError(f"expected a report with {', '.join(READERS)}; {', '.join(missing)} missing")
    return Report(**{name: read(name, value[name]) for name, read in READERS.items()})


def worker_url(text: str) -> str:
    """An address such as http://10.0.0.7:8080, in one form; raises ConfigError for what no worker can have."""
    wanted = "expected a worker's address such as http://10.0.0.7:8080"
    if len(text) > MOST_LETTERS or not ADDRESS.fullmatch(text):
        raise ConfigError(f"{wanted}, without login, path, query or fragment, got {text[:60]!r}")
    try:
        url = URL(text)
        host, port = url.host, url.port
    except ValueError as error:
        raise ConfigError(f"{wanted}, got {text[:60]!r}") from error
    if not host or not port:
        raise ConfigError(f"{wanted}, got {text[:60]!r}")
    if _nowhere(host):
        raise ConfigError(f"{wanted}, which others can reach; {host[:60]} is no such address")
    return str(url.origin())


def _nowhere(host: str) -> bool:
    """Whether no worker can be there: addresses that stand for none, for many, or for the machine's own services.

    Numbers that are no plain address are among them: 0xa9fea9fe is one to what looks names up.
    """
    try:
        address = ip_address(host)
    except ValueError:
        return NUMBER.fullmatch(host.rstrip(".").rpartition(".")[2]) is not None
    address = getattr(address, "ipv4_mapped", None) or address
    return address.is_unspecified or address.is_multicast or address.is_link_local


def _name(field: str, value: object) -> str:
    if not isinstance(value, str) or not WORKER.fullmatch(value):
        raise ControlError(f"expected {field} as 4 to 32 letters a-z and digits")
    return value


def _url(field: str, value: object) -> str:
    if not isinstance(value, str):
        raise ControlError(f"expected {field} as a text")
    try:
        return worker_url(value)
    except ConfigError as error:
        raise ControlError(str(error)) from error


def _count(field: str, value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= MOST_COUNT:
        raise ControlError(f"expected {field} as a whole number from 0 to {MOST_COUNT}")
    return value


def _share(field: str, value: object) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= MOST_COUNT:
        return float(value)
    raise ControlError(f"expected {field} as a number from 0 to {MOST_COUNT}")  # which NaN is not


def _switch(field: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise ControlError(f"expected {field} as true or false")
    return value


def _names(field: str, value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or len(value) > MOST_NAMES:
        raise ControlError(f"expected {field} as a list of at most {MOST_NAMES} names")
    if not all(isinstance(one, str) and STREAM.fullmatch(one) for one in value):
        raise ControlError(f"expected {field} as names of 1 to 64 letters, digits, - and _")
    return tuple(value)


READERS: dict[str, Callable[[str, object], Any]] = {
    "name": _name, "url": _url, "sessions": _count, "viewers": _count, "room": _count, "load": _share, "one": _share,
    "draining": _switch, "names": _names,
}  # fmt: skip
