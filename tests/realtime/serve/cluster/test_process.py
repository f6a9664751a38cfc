"""A gateway and a worker as programs: they find each other, say little, and end when they are told to."""

from __future__ import annotations

import os
import signal
import ssl
import sys
from datetime import datetime, timedelta, timezone
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.realtime.serve.clients import Camera, people, run, until
from tests.realtime.serve.cluster.fakes import CLUSTER

pytest.importorskip("psutil", reason="psutil (extra bench) is not installed")
if sys.platform == "win32":
    pytest.skip("there are no such signals", allow_module_level=True)

from rimlight.benchmarks.serve_child import Child

ENVIRONMENT = os.environ | {"RIMLIGHT_CLUSTER_TOKEN": CLUSTER}
WORKER = ["--role", "worker", "--backend", "fake", "--drain", "600"]


async def asked(http: aiohttp.ClientSession, url: str) -> tuple[int, dict[str, Any]]:
    """Status and JSON of an answer."""
    async with http.get(url) as answer:
        return answer.status, await answer.json()


async def a_session(gateway: Child, worker: Child) -> None:
    """Somebody comes, the worker is told to end, and does so when they have left."""
    async with people(gateway.address) as client:
        http = client().http
        while not (await asked(http, f"{gateway.address}/healthz"))[1]["ready"]:
            assert worker.running, worker.last_lines
        person = await client().join(Camera(96, 160))
        await until(lambda: person.screen.pictures, "a picture")
        for _ in range(3):
            assert (await person.status())["draining"] is False
        os.kill(worker.pid, signal.SIGTERM)
        while not (await person.status())["draining"]:
            pass
        assert await person.leave() == 204
        await until(lambda: not worker.running, "its end")


def certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate for this machine's own names, which trusts itself, and its key."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "me")])
    now, names = datetime.now(timezone.utc), [x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1"))]
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(now).not_valid_after(now + timedelta(days=1))
    made = builder.add_extension(x509.SubjectAlternativeName(names), critical=False).sign(key, hashes.SHA256())
    cert_file, key_file = folder / "cert.pem", folder / "key.pem"
    cert_file.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    plain = serialization.NoEncryption()
    form = serialization.PrivateFormat.TraditionalOpenSSL
    key_file.write_bytes(key.private_bytes(serialization.Encoding.PEM, form, plain))
    return cert_file, key_file


def test_gateway_and_worker_speak_tls_by_name_and_by_address(tmp_path: Path) -> None:
    cert, key = certificate(tmp_path)
    tls, trusting = ["--tls-cert", str(cert), "--tls-key", str(key)], ENVIRONMENT | {"SSL_CERT_FILE": str(cert)}

    async def looked(gateway: Child, worker: Child) -> None:
        mine = ssl.create_default_context(cafile=str(cert))
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=mine)) as http:
            while not (await asked(http, f"{gateway.address}/healthz"))[1]["workers"]:
                assert worker.running, worker.last_lines
            status, info = await asked(http, f"{gateway.address}/api/info")
            assert status == 200
            assert info["gallery"]

    with Child(["--role", "gateway", *tls], trusting) as gateway:
        named = gateway.address.replace("127.0.0.1", "localhost")
        with Child([*WORKER, "--gateway", named, *tls], trusting) as worker:
            run(looked(gateway, worker))


def test_a_worker_drains_through_its_gateway_and_both_end_well() -> None:
    with (
        Child(["--role", "gateway"], ENVIRONMENT) as gateway,
        Child([*WORKER, "--gateway", gateway.address], ENVIRONMENT) as worker,
    ):
        run(a_session(gateway, worker))
    assert (gateway.stop(), worker.stop()) == (0, 0)
    said = "\n".join([*gateway.last_lines, *worker.last_lines])
    assert "Traceback" not in said
    assert CLUSTER not in said
    assert not any('"GET"' in line and "/api/sessions/{key}" in line for line in gateway.last_lines)
    assert "/api/sessions/{key}" in said
