"""Asks a running stream: finds it by its file, sends one request, tells errors apart."""

from __future__ import annotations

import json
from http.client import HTTPConnection, HTTPException
from typing import Any

from rimlight.errors import ControlError
from rimlight.realtime.control.runtime import Address, published

TIMEOUT_S = 10.0
HOW = "start one: rimlight run --source camera:0 --sink …"


def running(pid: int | None = None) -> Address:
    """The one stream that runs, or that of a process; raises ControlError where there is none, or more than one."""
    found = [address for address in published() if pid in (None, address.pid)]
    if not found:
        raise ControlError(f"no live stream runs{f' in process {pid}' if pid else ''}; {HOW}")
    if len(found) > 1:
        raise ControlError(
            f"{len(found)} live streams run; choose one: --pid {' or --pid '.join(str(one.pid) for one in found)}"
        )
    return found[0]


def ask(address: Address, change: dict[str, Any] | None = None) -> dict[str, Any]:
    """The status, after a change if one is given (see changes.KNOBS).

    Raises ControlError with the text of the stream's own error where it refuses, or where nobody answers: then the
    file was left behind by a process that ended, and is removed.
    """
    connection = HTTPConnection("127.0.0.1", address.port, timeout=TIMEOUT_S)
    headers = {"Authorization": f"Bearer {address.token}", "Content-Type": "application/json"}
    try:
        if change is None:
            connection.request("GET", "/status", headers=headers)
        else:
            connection.request("POST", "/set", json.dumps(change), headers)
        reply = connection.getresponse()
        said = json.loads(reply.read())
    except ConnectionRefusedError as error:
        address.path.unlink(missing_ok=True)
        raise ControlError(f"process {address.pid} is no live stream any more; its file is removed; {HOW}") from error
    except (OSError, HTTPException, ValueError) as error:
        raise ControlError(f"the stream of process {address.pid} does not answer ({error}); is it stopped?") from error
    finally:
        connection.close()
    if not isinstance(said, dict) or reply.status != 200:
        raise ControlError(str(said.get("error", said)) if isinstance(said, dict) else str(said))
    return said
