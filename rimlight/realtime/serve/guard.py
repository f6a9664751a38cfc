"""Who may ask what: Host, Origin and token are looked at before any handler runs, and every answer carries the headers
that keep a browser from doing harm with it.

This is also the one border where errors become answers: an error for people keeps its text, any other is logged and
answered without a word of what went wrong inside.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Literal

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from rimlight.errors import BackdropError, ConfigError, ControlError, FrameError, RimlightError
from rimlight.realtime.serve.logs import route_of, session_of
from rimlight.realtime.serve.paths import WORKERS

log = logging.getLogger(__name__)

Need = Literal["nothing", "view", "metrics", "full", "cluster"]

LEAST_TOKEN = 16  # letters, where others than this machine can ask
OPEN_ROUTES = ("/", "/watch", "/healthz", "/openapi.json")  # and all under /static
ANSWERS: tuple[tuple[type[RimlightError], int], ...] = ((ControlError, 400), (BackdropError, 422), (FrameError, 422))
PORTS = {"http": ":80", "https": ":443"}
EXPOSED = "Location, Link, Retry-After"
PREFLIGHT = {"Access-Control-Allow-Headers": "Authorization, Content-Type", "Access-Control-Max-Age": "600"}
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; media-src 'self' blob:; "
        "connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
    ),
    "Permissions-Policy": "camera=(self), microphone=(), picture-in-picture=(self)",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
    "Server": "rimlight",
}  # a handler may set its own


@dataclass(frozen=True, slots=True)
class Access:
    """Who may use the service.

    token: for everything, None where no token is asked for. view_token: for watching only. allowed_origins: of other
    servers' pages that may call the API, as https://example.com. loopback: only this machine can reach the service.
    behind_proxy: a reverse proxy ends TLS and passes Host on, which is its matter then. cluster_token: of workers that
    tell a gateway of themselves, and of nobody else. metrics_token: for the figures only. offers_per_minute: that one
    client may make, at once and in each minute; 0 for any number. Raises ConfigError for tokens and origins that are
    none.
    """

    token: str | None = field(default=None, repr=False)
    view_token: str | None = field(default=None, repr=False)
    allowed_origins: frozenset[str] = frozenset()
    loopback: bool = True
    behind_proxy: bool = False
    cluster_token: str | None = field(default=None, repr=False)
    metrics_token: str | None = field(default=None, repr=False)
    offers_per_minute: int = 600

    def __post_init__(self) -> None:
        for token in (self.token, self.view_token, self.cluster_token, self.metrics_token):
            if token is not None and not re.fullmatch(r"[A-Za-z0-9._~+/-]+=*", token):  # RFC 6750, section 2.1
                raise ConfigError("expected a token of letters, digits and -._~+/ without spaces; make another")
        if self.view_token is not None and self.view_token in (self.token, None):
            raise ConfigError("a token for viewers gives the rights of the other; choose two that differ")
        if self.view_token is not None and self.token is None:
            raise ConfigError("a token for viewers protects nothing without a token for all else; set both")
        if self.cluster_token is not None and self.cluster_token in (self.token, self.view_token):
            raise ConfigError("a client with the cluster's token could pass for a worker; choose one that differs")
        if self.metrics_token is not None and self.token is None:
            raise ConfigError("a token for figures protects nothing without a token for all else; set both")
        if self.metrics_token is not None and self.metrics_token in (self.token, self.view_token, self.cluster_token):
            raise ConfigError("a token for figures gives the rights of another; choose one that differs")
        for origin in self.allowed_origins:
            if _plain_origin(origin) is None:
                raise ConfigError(f"expected an origin such as https://example.com, without a path, got {origin!r}")


def check_binding(host: str, token: str | None, tls: bool, behind_proxy: bool) -> None:
    """Raise ConfigError where others than this machine could use the service, or a token would travel in the clear."""
    if is_loopback(host) and not behind_proxy:
        return
    place = f"on {host}" if not behind_proxy else "behind a proxy"
    if not token:
        raise ConfigError(f"without a token anybody could use the service {place}; set RIMLIGHT_TOKEN or a token file")
    if len(token) < LEAST_TOKEN:
        raise ConfigError(f"expected a token of at least {LEAST_TOKEN} letters {place}, got {len(token)}")
    if not tls and not behind_proxy:
        raise ConfigError(
            f"{place} the token and the picture's keys would travel in the clear; give --tls-cert and --tls-key, "
            "or --behind-proxy if a reverse proxy speaks TLS"
        )


def is_loopback(host: str) -> bool:
    """Whether a name or address, in brackets or not, leads to this machine alone."""
    try:
        return host.lower() == "localhost" or ip_address(host.removeprefix("[").removesuffix("]")).is_loopback
    except ValueError:
        return False


def host_fits(access: Access, hosts: Sequence[str]) -> bool:
    """Whether a request's Host headers can be meant for this server.

    A web page whose name was made to lead to 127.0.0.1 (DNS rebinding) still sends its own name as Host.
    """
    if access.behind_proxy or not access.loopback:
        return len(hosts) <= 1
    return len(hosts) == 1 and is_loopback(re.sub(r":[0-9]{1,5}\Z", "", hosts[0]))


def origin_fits(access: Access, origin: str, scheme: str, host: str) -> Literal["own", "allowed", "foreign"]:
    """Whose page asks: a request's Origin, compared with its scheme and Host."""
    plain = _plain_origin(origin)
    if plain is None:
        return "foreign"
    schemes = ("http", "https") if access.behind_proxy else (scheme,)
    if plain in {_plain_origin(f"{one}://{host}") for one in schemes}:
        return "own"
    return "allowed" if plain in {_plain_origin(one) for one in access.allowed_origins} else "foreign"


def _plain_origin(origin: str) -> str | None:
    """An origin in the one form in which it can be compared (RFC 6454, section 6.2); None for what is none."""
    match = re.fullmatch(r"([a-z][a-z0-9+.-]*)://([^\s/?#@:\[\]*]+|\[[0-9a-f:.]+\])(:[0-9]{1,5})?", origin.lower())
    if match is None:
        return None
    scheme, host, port = match.groups()
    return f"{scheme}://{host}{port if port and port != PORTS.get(scheme) else ''}"


def needed(method: str, route: str) -> Need:
    """Which rights a request needs; route as the router has it, such as /whep/{name}."""
    if route in OPEN_ROUTES or route.startswith("/static/"):
        return "nothing"
    if route == WORKERS:
        return "cluster"
    if route == "/metrics":
        return "metrics"
    watches = route.startswith("/whep/") or (method in ("GET", "HEAD") and route == "/api/info")
    return "view" if watches else "full"


def admits(access: Access, need: Need, authorizations: Sequence[str]) -> bool:
    """Whether a request's Authorization headers give the rights; takes the same time for any wrong token."""
    scheme, _, given = authorizations[0].partition(" ") if len(authorizations) == 1 else ("", "", "")
    if need == "cluster":
        return scheme.lower() == "bearer" and access.cluster_token is not None and _same(given, access.cluster_token)
    if need == "nothing" or access.token is None:
        return True
    lesser = {"view": access.view_token, "metrics": access.metrics_token}.get(need)
    full, less = _same(given, access.token), _same(given, lesser or "")
    return scheme.lower() == "bearer" and (full or (less and lesser is not None))


def _same(given: str, token: str) -> bool:
    digests = [hashlib.sha256(text.encode("utf-8", "surrogateescape")).digest() for text in (given.strip(), token)]
    return hmac.compare_digest(*digests)


def guard(access: Access) -> Middleware:
    """The middleware that asks all of the above; it belongs before all others."""

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        response = await _answer(access, request, handler)
        if not response.prepared:
            for name, value in (HEADERS | _cors(access, request)).items():
                response.headers.setdefault(name, value)
        return response

    return middleware


async def _answer(access: Access, request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await _admitted(access, request, handler)
    except web.HTTPException as error:
        return _said(request, error)
    except RimlightError as error:
        return _told(request, error)
    except Exception as error:  # noqa: BLE001 - the one border
        if isinstance(error, ConnectionError) and request.transport is None:
            return _error(400, "the connection broke off", {})  # which nobody reads
        return _failed(request)


async def _admitted(access: Access, request: web.Request, handler: Handler) -> web.StreamResponse:
    _check_sender(access, request)
    unmatched = request.match_info.http_exception
    if request.method == "OPTIONS" and isinstance(unmatched, web.HTTPMethodNotAllowed):
        return _options(request, unmatched)
    if unmatched is None:
        _check_token(access, request)
    return await handler(request)


def _check_sender(access: Access, request: web.Request) -> None:
    """Raise HTTPForbidden for another server's name and for web pages that may not ask."""
    if not host_fits(access, request.headers.getall("Host", [])):
        raise web.HTTPForbidden(text="this server is reached as localhost only; use that name")
    origins = request.headers.getall("Origin", [])
    if len(origins) > 1 or (origins and _origin(access, request) == "foreign"):
        raise web.HTTPForbidden(text="pages of this origin may not use this server; allow it with --allow-origin")


def _origin(access: Access, request: web.Request) -> str:
    return origin_fits(access, request.headers["Origin"], request.scheme, request.headers.get("Host", ""))


def _check_token(access: Access, request: web.Request) -> None:
    given = request.headers.getall("Authorization", [])
    if not admits(access, needed(request.method, route_of(request) or ""), given):
        reason, detail = ("not the right token", ', error="invalid_token"') if given else ("no token", "")
        raise web.HTTPUnauthorized(
            text=f"{reason}; expected Authorization: Bearer and the token of this server",
            headers={"WWW-Authenticate": f'Bearer realm="rimlight"{detail}'},  # RFC 6750, section 3
        )


def _options(request: web.Request, unmatched: web.HTTPMethodNotAllowed) -> web.Response:
    """What OPTIONS is answered, be it a browser's preflight or not (Accept-Post: RFC 9725, section 4)."""
    headers = {"Allow": ", ".join(sorted(unmatched.allowed_methods | {"OPTIONS"}))}
    if request.path.startswith(("/whip/", "/whep/")) and "POST" in unmatched.allowed_methods:
        headers["Accept-Post"] = "application/sdp"
    return web.Response(headers=headers)


def _cors(access: Access, request: web.Request) -> dict[str, str]:
    """What a page of an allowed origin needs to read the answer (Fetch, section 3.3)."""
    headers = {"Vary": "Origin"}
    if len(request.headers.getall("Origin", [])) == 1 and _origin(access, request) == "allowed":
        headers |= {"Access-Control-Allow-Origin": request.headers["Origin"], "Access-Control-Expose-Headers": EXPOSED}
        if request.method == "OPTIONS":
            unmatched = request.match_info.http_exception
            methods = unmatched.allowed_methods if isinstance(unmatched, web.HTTPMethodNotAllowed) else ()
            headers |= {"Access-Control-Allow-Methods": ", ".join(sorted(methods)), **PREFLIGHT}
    return headers


def _said(request: web.Request, error: web.HTTPException) -> web.Response:
    """aiohttp's error with its text as JSON; its headers stay."""
    text = error.text or error.reason
    if isinstance(error, web.HTTPMethodNotAllowed):
        text = f"{request.method} is not possible here; there are {', '.join(sorted(error.allowed_methods))}"
    elif text == f"{error.status}: {error.reason}":
        text = "there is nothing at this address" if error.status == 404 else error.reason.lower()
    return _error(error.status, text, error.headers)


def _told(request: web.Request, error: RimlightError) -> web.Response:
    """An error for people; it may carry a status and retry_after_s of its own."""
    status = getattr(error, "status", None) or next((code for kind, code in ANSWERS if isinstance(error, kind)), 500)
    if status == 500:
        return _failed(request)  # not of the asker's making, and its text may tell of this machine
    wait_s = getattr(error, "retry_after_s", None)
    return _error(status, str(error), {} if wait_s is None else {"Retry-After": str(wait_s)})


def _failed(request: web.Request) -> web.Response:
    """Log the error that is being handled, with where it came from, and tell nobody else."""
    fields = {"method": request.method, "route": route_of(request) or "unknown"}
    log.exception("a request failed", extra={"session": session_of(request), "fields": fields})
    return _error(500, "internal error", {})


def _error(status: int, text: str, headers: Mapping[str, str]) -> web.Response:
    kept = {name: value for name, value in headers.items() if name.lower() not in ("content-type", "content-length")}
    return web.json_response({"error": text}, status=status, headers=kept)
