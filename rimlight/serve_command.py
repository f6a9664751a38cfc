"""`rimlight serve`: options to the service's own words, and what is said at its start."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from rimlight.errors import ConfigError, MissingExtraError
from rimlight.types import Size

LOOPBACK = ("127.0.0.1", "localhost", "::1")
MEMBERS_OWN = ("gateway", "advertise")
WORKERS_OWN = (
    "ice_server", "max_sessions", "max_size", "max_fps", "max_duration", "idle", "drain", "bitrate", "min_bitrate",
    "codec", "low_delay", "gallery", "backend", "device", "threads", *MEMBERS_OWN,
)  # fmt: skip
GATEWAYS_OWN = ("token_file", "view_token_file", "allow_origin", "offers_per_minute")

Say = Callable[[str], None]


def _reach_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Who can reach the service."""
    options = [
        click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on."),
        click.option("--port", default=8080, show_default=True, type=click.IntRange(0, 65535), help="0: any free one."),
        click.option("--token-file", type=click.Path(path_type=Path),
                     help="File with the token that clients must send  [default: $RIMLIGHT_TOKEN]"),
        click.option("--view-token-file", type=click.Path(path_type=Path),
                     help="File with a token that only lets watch  [default: $RIMLIGHT_VIEW_TOKEN]"),
        click.option("--metrics-token-file", type=click.Path(path_type=Path),
                     help="File with a token for /metrics only  [default: $RIMLIGHT_METRICS_TOKEN]"),
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
        click.option("--offers-per-minute", default=600, show_default=True, type=click.IntRange(0), metavar="N",
                     help="Of one client's address, at once and in each minute; 0: any number."),
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


def _cluster_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """One service alone, or many workers behind gateways."""
    options = [
        click.option("--role", type=click.Choice(["single", "gateway", "worker"]), default="single", show_default=True,
                     help="single: all of it in one process. gateway: the address for everybody, in front of workers."),
        click.option("--cluster-token-file", type=click.Path(path_type=Path),
                     help="File with the token that gateways and workers share  [default: $RIMLIGHT_CLUSTER_TOKEN]"),
        click.option("--gateway", multiple=True, metavar="URL", envvar="RIMLIGHT_GATEWAY",
                     help="Of a worker: a gateway to tell of itself; may be repeated."),
        click.option("--advertise", metavar="URL", envvar="RIMLIGHT_ADVERTISE",
                     help="Of a worker: where gateways reach it  [default: the address it listens on]"),
    ]  # fmt: skip
    return _with(options, command)


def _with(options: list[Callable[..., Any]], command: Callable[..., Any]) -> Callable[..., Any]:
    for option in reversed(options):
        command = option(command)
    return command


@click.command("serve")
@_reach_options
@_bound_options
@_cluster_options
@click.option("--backend", default="auto", show_default=True, help="What runs the network; auto takes the fastest.")
@click.option("--device", default="cpu", show_default=True, help="Where the backend runs: cpu, cuda, gpu …")
@click.option("--threads", type=click.IntRange(1), help="Processors for the network  [default: all]")
def serve_command(**options: Any) -> None:
    """Matting as a service: a page with your camera, WHIP and WHEP, many sessions.

    \b
    rimlight serve                      then open http://localhost:8080
    rimlight serve --role gateway       and workers: --role worker --gateway http://host:8080
    RIMLIGHT_TOKEN=… rimlight serve --host 0.0.0.0 --tls-cert cert.pem --tls-key key.pem
    """
    try:
        import aiohttp  # noqa: F401 - only to say which extra is missing
        import aiortc  # noqa: F401
    except ImportError as error:
        raise MissingExtraError("rimlight serve", error.name or "aiortc", "webrtc") from error
    from rimlight.realtime.serve.listening import Place
    from rimlight.realtime.serve.logs import log_to_stderr

    role, tls = options["role"], (options["tls_cert"], options["tls_key"])
    if any(tls) and not all(tls):
        raise ConfigError("--tls-cert and --tls-key go together; give both")
    place = Place(options["host"], options["port"], tls if all(tls) else None, options["drain"], options["gallery"])
    run = {"single": _single, "gateway": _gateway, "worker": _worker}[role](options, place)
    log_to_stderr(options["log_format"])
    run(lambda text: click.echo(f"rimlight serve: {text}", err=True))


def _single(options: dict[str, Any], place: Any) -> Callable[[Say], None]:
    """All of it in one process."""
    from rimlight.realtime.serve.run import serve

    _check_own("service that is alone", (*MEMBERS_OWN, "cluster_token_file"))
    access, asked = _access(options), _service_options(options)
    return lambda say: serve(asked, access, place, say)


def _gateway(options: dict[str, Any], place: Any) -> Callable[[Say], None]:
    """In front of workers."""
    from rimlight.realtime.serve.cluster.run import serve_gateway

    _check_own("gateway", WORKERS_OWN)
    access = _access(options, _cluster_token(options))
    return lambda say: serve_gateway(access, place, say)


def _worker(options: dict[str, Any], place: Any) -> Callable[[Say], None]:
    """Behind gateways: they look at the clients' tokens, and come with the cluster's."""
    from dataclasses import replace

    from rimlight.realtime.serve.cluster.member import Membership
    from rimlight.realtime.serve.cluster.names import new_worker
    from rimlight.realtime.serve.cluster.report import worker_url
    from rimlight.realtime.serve.guard import Access
    from rimlight.realtime.serve.run import serve

    _check_own("worker", GATEWAYS_OWN)
    if not options["gateway"]:
        raise ConfigError("a worker needs a gateway; name it with --gateway http://host:port")
    token, gateways = _cluster_token(options), tuple(worker_url(one) for one in options["gateway"])
    membership = Membership(gateways, token, options["advertise"])
    access = Access(
        token, loopback=options["host"] in LOOPBACK, behind_proxy=options["behind_proxy"],
        metrics_token=_metrics_token(options),
    )  # fmt: skip
    asked = replace(_service_options(options), worker=new_worker())
    return lambda say: serve(asked, access, place, say, membership)


def _access(options: dict[str, Any], cluster_token: str | None = None) -> Any:
    from rimlight.realtime.serve.guard import Access

    return Access(
        _token(options["token_file"], "RIMLIGHT_TOKEN"), _token(options["view_token_file"], "RIMLIGHT_VIEW_TOKEN"),
        frozenset(options["allow_origin"]), options["host"] in LOOPBACK, options["behind_proxy"], cluster_token,
        _metrics_token(options), options["offers_per_minute"],
    )  # fmt: skip


def _metrics_token(options: dict[str, Any]) -> str | None:
    return _token(options["metrics_token_file"], "RIMLIGHT_METRICS_TOKEN")


def _cluster_token(options: dict[str, Any]) -> str:
    token = _token(options["cluster_token_file"], "RIMLIGHT_CLUSTER_TOKEN")
    if token is None:
        raise ConfigError("gateways and workers need a token of their own; set RIMLIGHT_CLUSTER_TOKEN")
    return token


def _check_own(role: str, others: tuple[str, ...]) -> None:
    """Raise ConfigError for what was said on the command line and would have no effect."""
    context = click.get_current_context()
    given = [name for name in others if context.get_parameter_source(name) is ParameterSource.COMMANDLINE]
    if given:
        names = ", ".join(f"--{name.replace('_', '-')}" for name in given)
        raise ConfigError(f"{names} says nothing to a {role}; give it where it belongs")


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
