"""`rimlight serve`: options to the service's own words, and what is said at its start."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from rimlight.errors import ConfigError, MissingExtraError
from rimlight.types import Size

LOOPBACK = ("127.0.0.1", "localhost", "::1")


def _reach_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Who can reach the service."""
    options = [
        click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on."),
        click.option("--port", default=8080, show_default=True, type=click.IntRange(0, 65535), help="0: any free one."),
        click.option("--token-file", type=click.Path(path_type=Path),
                     help="File with the token that clients must send  [default: $RIMLIGHT_TOKEN]"),
        click.option("--view-token-file", type=click.Path(path_type=Path),
                     help="File with a token that only lets watch  [default: $RIMLIGHT_VIEW_TOKEN]"),
        click.option("--tls-cert", type=click.Path(path_type=Path), help="Certificate chain, PEM."),
        click.option("--tls-key", type=click.Path(path_type=Path), help="Its key, PEM."),
        click.option("--behind-proxy", is_flag=True, help="A proxy in front ends TLS; a token is needed all the same."),
        click.option("--allow-origin", multiple=True, metavar="URL", help="Origin of a page elsewhere that may call."),
        click.option("--ice-server", multiple=True, metavar="URL", envvar="RIMLIGHT_ICE_SERVERS",
                     help="stun:host:port or turn:user:password@host:port?transport=udp"),
    ]  # fmt: skip
    return _with(options, command)


def _bound_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """What clients may ask for."""
    options = [
        click.option("--max-sessions", type=click.IntRange(1), help="[default: as many as were measured to fit]"),
        click.option("--max-size", default="1920x1080", show_default=True, metavar="WxH",
                     help="Larger pictures are scaled down."),
        click.option("--max-fps", default=60.0, show_default=True, type=click.FloatRange(1, 240), metavar="FPS"),
        click.option("--max-duration", default=4 * 3600.0, show_default=True, type=click.FloatRange(1), metavar="S"),
        click.option("--idle", default=30.0, show_default=True, type=click.FloatRange(1), metavar="S",
                     help="End a session that sends nothing for so long."),
        click.option("--drain", default=30.0, show_default=True, type=click.FloatRange(0), metavar="S",
                     help="After SIGTERM, wait so long for sessions to end."),
        click.option("--bitrate", default=2500, show_default=True, type=click.IntRange(100, 50_000), metavar="KBPS",
                     help="Of every video at its start, and at most."),
        click.option("--min-bitrate", default=500, show_default=True, type=click.IntRange(50, 50_000), metavar="KBPS"),
        click.option("--codec", type=click.Choice(["h264", "vp8", "auto"]), default="h264", show_default=True,
                     help="What to prefer; auto: as the other side does."),
        click.option("--low-delay/--no-low-delay", default=True, show_default=True,
                     help="Take a picture when its last packet is here, not when the next one begins."),
        click.option("--gallery", type=click.Path(path_type=Path, exists=True, file_okay=False),
                     help="Folder with more backdrops to choose from."),
        click.option("--log-format", type=click.Choice(["json", "text"]), default="json", show_default=True),
    ]  # fmt: skip
    return _with(options, command)


def _with(options: list[Callable[..., Any]], command: Callable[..., Any]) -> Callable[..., Any]:
    for option in reversed(options):
        command = option(command)
    return command


@click.command("serve")
@_reach_options
@_bound_options
@click.option("--backend", default="auto", show_default=True, help="What runs the network; auto takes the fastest.")
@click.option("--device", default="cpu", show_default=True, help="Where the backend runs: cpu, cuda, gpu …")
@click.option("--threads", type=click.IntRange(1), help="Processors for the network  [default: all]")
def serve_command(**options: Any) -> None:
    """Matting as a service: a page with your camera, WHIP and WHEP, many sessions.

    \b
    rimlight serve                      then open http://localhost:8080
    RIMLIGHT_TOKEN=… rimlight serve --host 0.0.0.0 --tls-cert cert.pem --tls-key key.pem
    """
    try:
        import aiohttp  # noqa: F401 - only to say which extra is missing
        import aiortc  # noqa: F401
    except ImportError as error:
        raise MissingExtraError("rimlight serve", error.name or "aiortc", "webrtc") from error
    from rimlight.realtime.serve.guard import Access
    from rimlight.realtime.serve.logs import log_to_stderr
    from rimlight.realtime.serve.run import Place, serve

    token = _token(options["token_file"], "RIMLIGHT_TOKEN")
    view_token = _token(options["view_token_file"], "RIMLIGHT_VIEW_TOKEN")
    access = Access(
        token, view_token, frozenset(options["allow_origin"]), options["host"] in LOOPBACK, options["behind_proxy"]
    )
    tls = (options["tls_cert"], options["tls_key"])
    if any(tls) and not all(tls):
        raise ConfigError("--tls-cert and --tls-key go together; give both")
    place = Place(options["host"], options["port"], tls if all(tls) else None, options["drain"], options["gallery"])
    asked = _service_options(options)
    log_to_stderr(options["log_format"])
    serve(asked, access, place, lambda text: click.echo(f"rimlight serve: {text}", err=True))


def _service_options(options: dict[str, Any]) -> Any:
    from rimlight.realtime.serve.options import Bounds, ServeOptions

    bounds = Bounds(
        largest=Size.parse(options["max_size"]), fps=options["max_fps"], idle_s=options["idle"],
        duration_s=options["max_duration"], sessions=options["max_sessions"],
    )  # fmt: skip
    if options["min_bitrate"] > options["bitrate"]:
        raise ConfigError(f"--min-bitrate {options['min_bitrate']} is above --bitrate {options['bitrate']}")
    return ServeOptions(
        options["backend"], options["device"], options["threads"], bounds=bounds,
        ice_servers=tuple(_ice_server(text) for text in options["ice_server"]),
        start_kbps=options["bitrate"], min_kbps=options["min_bitrate"], max_kbps=options["bitrate"],
        low_delay=options["low_delay"], codec=options["codec"],
    )  # fmt: skip


def _ice_server(text: str) -> Any:
    """stun:host:port, or turn:user:password@host:port with the login taken out (RFC 7064, RFC 7065)."""
    from rimlight.realtime.serve.options import IceServer

    kind, _, rest = text.partition(":")
    if kind not in ("stun", "stuns", "turn", "turns") or not rest:
        raise ConfigError("expected an ICE server as stun:host:port or turn:user:password@host:port")
    login, at, place = rest.rpartition("@")
    if not at:
        return IceServer(text)
    user, _, password = login.partition(":")
    return IceServer(f"{kind}:{place}", user, password)


def _token(path: Path | None, variable: str) -> str | None:
    """The token in the file, or in the environment; raises ConfigError for one that is no use."""
    import os

    if path is not None:
        try:
            token = path.read_text().strip()
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"the token's file {path.name} cannot be read: {error}") from error
    else:
        token = os.environ.get(variable, "").strip()
        if not token:
            return None
    if len(token) < 16 or not token.isascii() or not token.isprintable():
        raise ConfigError("expected a token of at least 16 printable characters; make one: openssl rand -hex 24")
    return token
