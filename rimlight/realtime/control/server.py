"""A small HTTP server on 127.0.0.1: GET /status, POST /set. Nobody without the token gets anything, no web page at all.

A web page in the user's browser can send requests to 127.0.0.1. Three things keep it out: it cannot know the token,
requests with an Origin are refused, and so are those whose Host is a name that was made to lead here.
"""

from __future__ import annotations

import hmac
import json
import logging
import secrets
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any, NoReturn

from rimlight.errors import ControlError, RimlightError
from rimlight.realtime.control.changes import Controls
from rimlight.realtime.control.describe import as_values
from rimlight.realtime.control.runtime import publish

log = logging.getLogger(__name__)
MOST_BYTES = 16 * 1024  # of a request's body
MOST_AT_ONCE = 8  # requests; more are turned away
SILENCE_S = 5.0  # without a byte, then a request is given up
WHOLE_S = 15.0  # for a whole request
DRAIN_BYTES = 1024 * 1024  # read and forgotten of a refused request, so that its sender sees the answer
POLL_S = 0.2


class ControlServer:
    """Serves until closed, in a thread of its own; a context manager.

    port: 0 for any free one. Raises ControlError where it cannot listen or cannot write down how to reach it.
    """

    def __init__(self, controls: Controls, port: int = 0) -> None:
        token = secrets.token_urlsafe(32)
        try:
            self._server = _Server(controls, token, port)
        except OSError as error:
            raise ControlError(f"port {port} of 127.0.0.1 cannot be used: {error.strerror}; choose another") from error
        try:
            self.address = publish(self._server.server_port, token)
        except ControlError:
            self._server.server_close()
            raise
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(POLL_S,), name="rimlight-control", daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        """Stop listening and remove the file."""
        self.address.path.unlink(missing_ok=True)
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(SILENCE_S)

    def __enter__(self) -> ControlServer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _Server(HTTPServer):
    """One thread per request, a limited number of them, each for a limited time."""

    def __init__(self, controls: Controls, token: str, port: int) -> None:
        self.controls, self.token = controls, token
        self._room = threading.BoundedSemaphore(MOST_AT_ONCE)
        self._open: dict[socket.socket, float] = {}  # and when each began
        super().__init__(("127.0.0.1", port), _Handler)

    def server_bind(self) -> None:
        """As the parent's, without looking up a name, which may take long."""
        super(HTTPServer, self).server_bind()
        self.server_name, self.server_port = "127.0.0.1", self.server_address[1]

    def process_request(self, request: Any, client_address: Any) -> None:
        if not self._room.acquire(blocking=False):
            self.shutdown_request(request)
            return
        self._open[request] = time.monotonic()
        try:
            threading.Thread(target=self._serve, args=(request, client_address), daemon=True).start()
        except RuntimeError:  # no thread is to be had
            self._open.pop(request, None)
            self._room.release()
            raise

    def service_actions(self) -> None:
        """Cut off requests that take too long; called between requests and every POLL_S."""
        now_s = time.monotonic()
        for request, began_s in list(self._open.items()):
            if now_s - began_s > WHOLE_S:
                self._open.pop(request, None)
                _shut(request, socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002 - as the parent's
        """A request that breaks off is its sender's matter."""
        log.debug("a control request broke off", exc_info=True)

    def _serve(self, request: Any, client_address: Any) -> None:
        try:
            self.finish_request(request, client_address)
        except Exception:  # noqa: BLE001 - the thread's edge
            self.handle_error(request, client_address)
        finally:
            _drain(request)
            self._open.pop(request, None)
            self.shutdown_request(request)
            self._room.release()


class _Refused(Exception):
    """A request that is answered with an error of the sender's making."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code


class _Handler(BaseHTTPRequestHandler):
    """One request, one answer in JSON."""

    server: _Server
    timeout = SILENCE_S

    def do_GET(self) -> None:
        self._answer("/status")

    def do_POST(self) -> None:
        self._answer("/set")

    def _answer(self, path: str) -> None:
        try:
            self._admit()
            if self.path not in ("/status", "/set"):
                raise _Refused(404, "there are GET /status and POST /set")
            if self.path != path:
                raise _Refused(405, "there are GET /status and POST /set")
            controls = self.server.controls
            if path == "/set":
                controls.change(self._body())
            self._reply(200, as_values(controls.live.status(), controls.note))
        except _Refused as refused:
            self._reply(refused.code, {"error": str(refused)})
        except ControlError as error:
            self._reply(400, {"error": str(error)})
        except RimlightError as error:
            self._reply(422, {"error": str(error)})

    def _admit(self) -> None:
        """Raise _Refused for a web page, a name that was made to lead here, and whoever lacks the token."""
        hosts = [f"{name}:{self.server.server_port}" for name in ("127.0.0.1", "localhost")]
        if "Origin" in self.headers or self.headers.get_all("Host", []) not in [[host] for host in hosts]:
            raise _Refused(403, f"only programs of this machine that ask for {hosts[0]}, and no web pages")
        given = self.headers.get("Authorization", "").encode("latin-1", "replace")
        if not hmac.compare_digest(given, f"Bearer {self.server.token}".encode()):
            raise _Refused(401, "expected Authorization: Bearer and the token of the control file")

    def _body(self) -> object:
        length = self.headers.get_all("Content-Length", [])
        if "Transfer-Encoding" in self.headers or len(length) != 1 or not (length[0].isascii() and length[0].isdigit()):
            raise _Refused(411, "expected one Content-Length")
        if len(length[0]) > 9 or int(length[0]) > MOST_BYTES:
            raise _Refused(413, f"expected at most {MOST_BYTES} bytes")
        body = self.rfile.read(int(length[0]))
        if len(body) < int(length[0]):
            raise _Refused(400, "the body ended early")
        try:
            return json.loads(body, parse_constant=_no_number)
        except (ValueError, RecursionError) as error:
            raise _Refused(400, f"expected JSON: {error}") from error

    def _reply(self, code: int, values: dict[str, Any]) -> None:
        body = json.dumps(values).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.end_headers()
        self.wfile.write(body)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:  # noqa: ARG002
        """What the parent finds wrong is the sender's error too, a method or version that there is not included."""
        self._reply(code if code < 500 else 405 if code == 501 else 400, {"error": message or "not understood"})

    def version_string(self) -> str:
        return "rimlight"

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: whoever knocks does not fill the user's terminal."""


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number")


def _drain(request: socket.socket) -> None:
    """Read and forget what is left, for a moment; to close with bytes unread would tear the answer from its reader."""
    try:
        request.shutdown(socket.SHUT_WR)
        request.settimeout(0.5)
        left = DRAIN_BYTES
        while left > 0 and (taken := len(request.recv(65536))):
            left -= taken
    except OSError:
        return


def _shut(request: socket.socket, how: int) -> None:
    try:
        request.shutdown(how)
    except OSError:
        return
