"""Where a server listens, and with which certificate."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

from rimlight.errors import ConfigError
from rimlight.realtime.serve.logs import AccessLog

KEEP_ALIVE_S = 30.0  # for a connection without a whole request
SHUTDOWN_S = 2.0  # for requests that are being answered when the server ends


@dataclass(frozen=True, slots=True)
class Place:
    """Where the service listens. port 0 takes any free one. tls: certificate chain and key, PEM files."""

    host: str = "127.0.0.1"
    port: int = 8080
    tls: tuple[Path, Path] | None = None
    drain_s: float = 30.0
    gallery: Path | None = None


def make_runner(app: web.Application, access_log: type[AccessLog] = AccessLog) -> web.AppRunner:
    """What runs an application; signals are its caller's."""
    return web.AppRunner(
        app, access_log_class=access_log, handle_signals=False, shutdown_timeout=SHUTDOWN_S,
        auto_decompress=False, keepalive_timeout=KEEP_ALIVE_S,
    )  # fmt: skip


async def listen(runner: web.AppRunner, place: Place, context: ssl.SSLContext | None) -> str:
    """Listen, and return the address; raises ConfigError where the place cannot be had."""
    try:
        await web.TCPSite(runner, place.host, place.port, ssl_context=context).start()
    except OSError as error:
        raise ConfigError(f"{place.host}:{place.port} cannot be listened on: {error.strerror or error}") from error
    port = runner.addresses[0][1]
    host = f"[{place.host}]" if ":" in place.host else place.host
    return f"{'https' if context else 'http'}://{host}:{port}"


def tls_context(files: tuple[Path, Path] | None) -> ssl.SSLContext | None:
    """For a certificate chain and its key; raises ConfigError where they cannot be used."""
    if files is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(*files)
    except (OSError, ssl.SSLError) as error:
        names = f"the certificate {files[0].name} with the key {files[1].name}"
        raise ConfigError(f"{names} cannot be used: {error}") from error
    return context
