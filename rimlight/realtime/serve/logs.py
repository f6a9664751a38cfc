"""What the service writes down: one line an event, as JSON for machines or as text for people.

Nothing of a person gets in: no picture, no SDP, no address, no token; a session is known by a hash of its id, because
whoever knows the id can change the session. An event is logged as log.info("session ended", extra={"session": id,
"fields": {"reason": "…"}}); the rest is done here.
"""

from __future__ import annotations

import hashlib
import json
import logging
import math
import re
import sys
import traceback
from datetime import datetime, timezone
from ipaddress import ip_address

from aiohttp import web
from aiohttp.abc import AbstractAccessLogger
from aiohttp.http_exceptions import HttpProcessingError

from rimlight.realtime.serve.paths import WORKERS

MACHINES = ("/healthz", "/metrics", WORKERS)  # asked every few seconds
SDP = re.compile(r"v=0(\s|\\r|\\n)+o=.*", re.DOTALL)
SDP_LINE = re.compile(r"\b(candidate|fingerprint|ice-pwd|ice-ufrag):[^'\"\n]*")
SECRET = re.compile(r"\b(Bearer |Basic |token=)[^\s'\"&,;]+", re.IGNORECASE)
ADDRESS = re.compile(
    r"(?<![\w.:])(?:[0-9]{1,3}(?:\.[0-9]{1,3}){3}|[0-9a-f]*:[0-9a-f]*:[0-9a-f:.]*)(?![\w])", re.IGNORECASE
)


class JsonLines(logging.Formatter):
    """One JSON object a record: time, level, logger, event, then session and fields where there are any, then the
    error with its traceback.
    """

    def format(self, record: logging.LogRecord) -> str:
        return json.dumps(values_of(record), default=str)


class TextLines(logging.Formatter):
    """One line a record, and the traceback below it."""

    def format(self, record: logging.LogRecord) -> str:
        values = values_of(record)
        time, level, event, trace = (values.pop(name, "") for name in ("time", "level", "event", "trace"))
        values.pop("logger")
        rest = [f"{name}={_word(value)}" for name, value in values.items()]
        return " ".join([f"{time} {level:7} {_one_line(str(event))}", *rest]) + (f"\n{trace}" if trace else "")


class AccessLog(AbstractAccessLogger):
    """One event a request: method, route as the router has it, status, bytes, milliseconds; no path, query or address.

    To be given to aiohttp's runner as access_log_class.
    """

    def log(self, request: web.BaseRequest, response: web.StreamResponse, time: float) -> None:
        route = route_of(request)
        level = logging.DEBUG if route in MACHINES and response.status < 400 else logging.INFO
        fields = {
            "method": request.method, "route": route or "unknown", "status": response.status,
            "bytes": response.body_length, "took_ms": round(time * 1e3, 1),
        }  # fmt: skip
        self.logger.log(level, "request", extra={"session": session_of(request), "fields": fields})


class _Malformed(logging.Filter):
    """aiohttp logs bytes that are no HTTP with a traceback that shows them, and who sent them; here they are a word."""

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        if record.name == "aiohttp.server" and isinstance(error, HttpProcessingError):
            record.msg, record.args, record.exc_info = "malformed request", (), None
            record.levelno, record.levelname = logging.INFO, "INFO"
        return True


def log_to_stderr(form: str) -> None:
    """Let all loggers of this process write to stderr, and nowhere else; form: json or text."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter({"json": JsonLines, "text": TextLines}[form]())
    handler.addFilter(_Malformed())
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    logging.getLogger("aioice").setLevel(logging.WARNING)  # tells of every pair of addresses that it tries


def values_of(record: logging.LogRecord) -> dict[str, object]:
    """What a record says, with what has to stay out left out."""
    values: dict[str, object] = {
        "time": datetime.fromtimestamp(record.created, timezone.utc).isoformat(timespec="milliseconds")[:-6] + "Z",
        "level": record.levelname.lower(),
        "logger": record.name,
        "event": hidden(record.getMessage()),
    }
    session = getattr(record, "session", None)
    if session:
        values["session"] = tag(str(session))
    fields = getattr(record, "fields", None) or {}
    values |= {name: _plain(value) for name, value in fields.items() if name not in values}
    if record.exc_info and record.exc_info[1]:
        error = record.exc_info[1]
        values["error"] = hidden(f"{type(error).__name__}: {error}")
        values["trace"] = hidden("".join(traceback.format_exception(error)))
    return values


def tag(session: str) -> str:
    """What a session is called in logs: 8 letters that do not tell its id."""
    return hashlib.sha256(session.encode()).hexdigest()[:8]


def hidden(text: str) -> str:
    """The text without SDP, tokens, and addresses other than this machine's own loopback."""
    text = SDP_LINE.sub(r"\1:(hidden)", SDP.sub("(SDP)", text))
    return ADDRESS.sub(_address, SECRET.sub(r"\1(hidden)", text))


def route_of(request: web.BaseRequest) -> str | None:
    """The route as the router has it, such as /api/sessions/{key}; None where nothing matched."""
    try:
        resource = request.match_info.route.resource if isinstance(request, web.Request) else None
    except (AssertionError, AttributeError):  # what could not be parsed was never routed
        return None
    return resource.canonical if resource else None


def session_of(request: web.BaseRequest) -> str | None:
    """The id in a request's path, if it has one."""
    return request.match_info.get("key") if isinstance(request, web.Request) and route_of(request) else None


def _address(match: re.Match[str]) -> str:
    try:
        address = ip_address(match[0])
    except ValueError:
        return match[0]
    return match[0] if address.is_loopback or address.is_unspecified else "(address)"


def _plain(value: object) -> object:
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value if isinstance(value, bool | int | float | None) else hidden(str(value))


def _word(value: object) -> str:
    text = str(value)
    return text if re.fullmatch(r"[\w./:{}+-]+", text) else json.dumps(text)


def _one_line(text: str) -> str:
    return " ".join(text.splitlines())
