"""WHIP and WHEP: publishers and players that have nothing of the page, with sound."""

from __future__ import annotations

import asyncio
import datetime
import sys
from pathlib import Path

import av
import numpy as np
import pytest

from rimlight.realtime.serve.options import IceServer
from tests.conftest import ROOT
from tests.realtime.serve.clients import RATE, RED, Camera, Client, Tone, run, until
from tests.realtime.serve.rig import BACKDROP, BLUE, has_person, leaked, served, stands_before

LOOK = "?backdrop=%230050f0&quality=low&decontaminate=false&feather=1.5"


def pitch(samples: np.ndarray) -> float:
    """The strongest frequency of 20 ms, in Hz."""
    spectrum = np.abs(np.fft.rfft(samples.astype(float), RATE))
    return float(spectrum[1:].argmax() + 1)


def test_a_viewer_sees_the_person_and_hears_the_sound() -> None:
    async def scenario() -> None:
        async with served() as rig:
            seen: list[int] = []
            await rig.client().publish("stage", Camera(), LOOK, Tone())
            await until(lambda: rig.service.names["stage"].sound.published, "the publisher's sound")
            viewer = await rig.client(lambda picture: seen.append(leaked(picture))).view("stage")
            await viewer.screen.shows(stands_before(BLUE), "the person before the backdrop")
            await until(lambda: viewer.screen.sounds > 50, "sound")
            assert viewer.screen.sound is not None
            left = viewer.screen.sound[::2]  # Opus decodes to stereo
            assert abs(pitch(left) - Tone.HZ) < 30
            assert sum(seen) == 0
            look = rig.service.names["stage"].look
            assert (look.backdrop, look.quality, look.decontaminate, look.feather) == (BACKDROP, "low", False, 1.5)

    run(scenario())


def test_viewers_come_and_go_without_harm_to_others() -> None:
    async def scenario() -> None:
        async with served() as rig:
            await rig.client().publish("stage", Camera(), LOOK)
            first = await rig.client().view("stage")
            await first.screen.shows(has_person, "the person")
            for _ in range(3):
                other = await rig.client().view("stage")
                await other.screen.shows(has_person, "the person for who comes late")
                assert await other.leave() == 200
            session = rig.service.names["stage"]
            assert len(session.viewers) == 1
            seen = first.screen.pictures
            await until(lambda: first.screen.pictures > seen + 10, "more pictures")
            await first.close()
            await until(lambda: not session.viewers, "nobody")

    run(scenario())


def test_what_nobody_watches_is_not_matted() -> None:
    async def scenario() -> None:
        async with served() as rig:
            await rig.client().publish("stage", Camera(), LOOK)
            session = rig.service.names["stage"]
            await until(lambda: session.stream.stats.counts().get("in", 0) > 20, "twenty frames")
            assert rig.service.stats.counts().get("matted", 0) == 0
            viewer = await rig.client().view("stage")
            await viewer.screen.shows(has_person, "the person")

    run(scenario())


def test_viewers_end_with_the_publisher() -> None:
    async def scenario() -> None:
        async with served() as rig:
            publisher = await rig.client().publish("stage", Camera(), LOOK)
            viewer = await rig.client().view("stage")
            await viewer.screen.shows(has_person, "the person")
            async with viewer.http.get(f"{rig.address}/metrics") as answer:
                assert "rimlight_serve_viewers 1.0" in await answer.text()
            assert await publisher.leave() == 200
            await until(lambda: viewer.peer.connectionState == "closed", "the viewer's end")
            async with viewer.http.delete(rig.address + viewer.place) as answer:
                assert answer.status == 404

    run(scenario())


async def posted(client: Client, path: str, sdp: str = "v=0\r\n", kind: str = "application/sdp") -> int:
    async with client.http.post(client.address + path, data=sdp, headers={"Content-Type": kind}) as answer:
        return answer.status


def test_what_is_asked_wrongly_is_refused() -> None:
    async def scenario() -> None:
        async with served() as rig:
            client = rig.client()
            offer = await client.offer(Camera(), "sendonly")
            assert await posted(client, "/whip/stage?backdrop=/etc/passwd", offer) == 422
            assert await posted(client, "/whip/stage?colour=red", offer) == 400
            assert await posted(client, "/whip/stage", offer, "text/plain") == 415
            assert await posted(client, "/whip/st..age", offer) == 404
            assert await posted(client, "/whip/stage") == 400
            assert await posted(client, "/whep/stage") == 404
            watching = await rig.client().offer(None)
            assert await posted(client, "/whep/stage", watching) == 404
            assert await posted(client, "/whip/stage", watching) == 400
            assert rig.service.sessions == {}

    run(scenario())


def test_a_session_is_only_ended_by_its_own_address() -> None:
    async def scenario() -> None:
        async with served() as rig:
            publisher = await rig.client().publish("stage", Camera(fps=3))
            key = publisher.place.rsplit("/", 1)[1]
            for path, status in (
                (f"/whip/other/{key}", 404), ("/whip/stage/wrong", 404), (f"/whep/stage/{key}", 404),
            ):  # fmt: skip
                async with publisher.http.delete(rig.address + path) as answer:
                    assert answer.status == status
            async with publisher.http.patch(rig.address + publisher.place, data=b"") as answer:
                assert answer.status == 405
            assert len(rig.service.sessions) == 1
            assert await publisher.leave() == 200

    run(scenario())


def test_the_answer_names_the_ice_servers() -> None:
    async def scenario() -> None:
        servers = (IceServer("stun:127.0.0.1:9"), IceServer("turn:127.0.0.1:9", "me", "secret"))
        async with served(ice_servers=servers) as rig:
            client = rig.client()
            offer, head = await client.offer(Camera(), "sendonly"), {"Content-Type": "application/sdp"}
            async with client.http.post(f"{rig.address}/whip/a", data=offer, headers=head) as answer:
                assert answer.status == 201, await answer.text()
                links = answer.headers.getall("Link")
            assert links[0] == '<stun:127.0.0.1:9>; rel="ice-server"'
            assert 'username="me"' in links[1]

    run(scenario())


def write_key(folder: Path) -> tuple[Path, Path]:
    """A certificate of its own with an EC P-256 key, as FFmpeg's WHIP needs one."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "whip")])
    now = datetime.datetime.now(datetime.timezone.utc)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(now).not_valid_after(now + datetime.timedelta(days=1))
    certificate = builder.sign(key, hashes.SHA256())
    cert_file, key_file = folder / "cert.pem", folder / "key.pem"
    cert_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
        )
    )
    return cert_file, key_file


def test_ffmpeg_can_publish(tmp_path: Path) -> None:
    if "whip" not in av.formats_available:
        pytest.skip("this PyAV has no WHIP")
    cert_file, key_file = write_key(tmp_path)

    async def scenario() -> None:
        async with served() as rig:
            url = f"{rig.address}/whip/ffmpeg?backdrop=%230050f0"
            command = [
                sys.executable, "-m", "tests.realtime.serve.ffmpeg_whip", url, str(cert_file), str(key_file),
                ",".join(map(str, RED)),
            ]  # fmt: skip
            process = await asyncio.create_subprocess_exec(*command, stdin=asyncio.subprocess.PIPE, cwd=ROOT)
            assert process.stdin is not None
            try:
                await until(lambda: "ffmpeg" in rig.service.names or process.returncode is not None, "the publisher")
                viewer = await rig.client().view("ffmpeg")
                await viewer.screen.shows(stands_before(BLUE), "the person before the backdrop")
            finally:
                process.stdin.close()
                status = await asyncio.wait_for(process.wait(), 30)
            assert status == 0
            await until(lambda: not rig.service.sessions, "the session's end")

    run(scenario())
