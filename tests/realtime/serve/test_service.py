"""A person before the page: what comes back over a real connection is the person before the backdrop, or the cover."""

from __future__ import annotations

import asyncio
import io

import cv2
import numpy as np
import pytest

from rimlight.realtime.serve.options import Bounds
from rimlight.types import Size
from tests.realtime.serve.clients import Camera, run, until
from tests.realtime.serve.rig import (
    BACKDROP,
    BLUE,
    ROOMY,
    distance,
    has_person,
    is_covered,
    leaked,
    served,
    stands_before,
)

GREEN = (20, 180, 60)


@pytest.mark.parametrize("codec", ["VP8", "H264"])
def test_the_person_comes_back_and_the_room_never_does(codec: str) -> None:
    async def scenario() -> None:
        async with served() as rig:
            seen: list[int] = []
            client = await rig.client(lambda picture: seen.append(leaked(picture))).join(
                Camera(), {"backdrop": BACKDROP}, codec
            )
            await client.screen.shows(stands_before(BLUE), "the person before the backdrop")
            await until(lambda: len(seen) > 60, "sixty pictures")
            assert sum(seen) == 0
            status = await client.status()
            assert (status["state"], status["reason"], status["size"]) == ("live", "", "320x180")
            assert status["settings"]["backdrop"] == BACKDROP
            assert status["latency_ms"]["p50"] > 0

    run(scenario())


def test_a_patch_is_seen_and_told() -> None:
    async def scenario() -> None:
        async with served() as rig:
            client = await rig.client().join(Camera(), {"backdrop": BACKDROP})
            await client.screen.shows(stands_before(BLUE), "the person before blue")
            status, told = await client.change(backdrop="#14b43c", feather=2, quality="low")
            assert (status, told["settings"]["feather"], told["settings"]["quality"]) == (200, 2.0, "low")
            await client.screen.shows(stands_before(GREEN), "the person before green")
            status, told = await client.change(backdrop="/etc/passwd")
            assert (status, set(told)) == (422, {"error"})
            status, told = await client.change(feather=99)
            assert (status, set(told)) == (400, {"error"})
            await client.screen.shows(stands_before(GREEN), "green as before")
            assert (await client.status())["settings"]["feather"] == 2.0

    run(scenario())


def test_changes_that_come_at_once_all_count() -> None:
    async def scenario() -> None:
        async with served() as rig:
            client = await rig.client().join(Camera(fps=5))
            changes = [{"feather": 3}, {"shift": 0.5}, {"quality": "low"}, {"decontaminate": False}]
            await asyncio.gather(*(client.change(**one) for one in changes))
            settings = (await client.status())["settings"]
            assert {name: settings[name] for one in changes for name in one} == {
                name: value for one in changes for name, value in one.items()
            }

    run(scenario())


def test_pausing_covers_and_proof_is_asked_for_after_it() -> None:
    async def scenario() -> None:
        async with served() as rig:
            client = await rig.client().join(Camera(), {"backdrop": BACKDROP})
            await client.screen.shows(has_person, "the person")
            assert (await client.change(paused=True))[0] == 200
            await client.screen.shows(is_covered, "the cover")
            after = client.screen.pictures
            await until(lambda: client.screen.pictures > after + 5, "more covers")
            assert is_covered(client.screen.picture)
            assert (await client.status())["state"] == "cover"
            assert (await client.change(paused=False))[0] == 200
            await client.screen.shows(has_person, "the person again")

    run(scenario())


def test_a_picture_that_is_put_stands_behind() -> None:
    async def scenario() -> None:
        async with served() as rig:
            client = await rig.client().join(Camera(), {"backdrop": BACKDROP})
            bgr = np.full((60, 100, 3), GREEN[::-1], np.uint8)
            data = cv2.imencode(".png", bgr)[1].tobytes()
            place = f"{rig.address}{client.place}/backdrop"
            async with client.http.put(place, data=io.BytesIO(data), headers={"Content-Type": "image/png"}) as answer:
                assert answer.status == 200, await answer.text()
                assert (await answer.json())["settings"]["backdrop"] == "upload"
            await client.screen.shows(stands_before(GREEN), "the person before the picture")
            async with client.http.put(place, data=b"no picture", headers={"Content-Type": "image/png"}) as answer:
                assert answer.status == 415
            assert (await client.change(backdrop=BACKDROP))[0] == 200
            assert (await client.change(backdrop="upload"))[0] == 200

    run(scenario())


def test_another_persons_upload_cannot_be_had() -> None:
    async def scenario() -> None:
        async with served() as rig:
            client = await rig.client().join(Camera(fps=5))
            assert (await client.change(backdrop="upload"))[0] == 409

    run(scenario())


@pytest.mark.parametrize(("height", "width"), [(97, 161), (320, 180), (16, 16)])
def test_any_size_and_either_way_up(height: int, width: int) -> None:
    async def scenario() -> None:
        async with served() as rig:
            client = await rig.client().join(Camera(height, width), {"backdrop": BACKDROP})
            picture = await client.screen.shows(has_person, f"the person in {width}x{height}")
            assert picture.shape[:2] == (height, width)

    run(scenario())


def test_the_size_may_change_in_the_middle_and_nothing_leaks() -> None:
    async def scenario() -> None:
        async with served() as rig:
            seen: list[int] = []
            camera = Camera()
            client = await rig.client(lambda picture: seen.append(leaked(picture))).join(camera, {"backdrop": BACKDROP})
            await client.screen.shows(has_person, "the person")
            for height, width in ((240, 320), (90, 160), (180, 320)):
                camera.height, camera.width = height, width
                await client.screen.shows(
                    lambda picture, size=(height, width): picture.shape[:2] == size and has_person(picture),  # type: ignore[misc]
                    f"the person in {width}x{height}",
                )
            assert sum(seen) == 0

    run(scenario())


def test_what_is_larger_than_allowed_is_scaled_down() -> None:
    async def scenario() -> None:
        async with served(Bounds(largest=Size(90, 160))) as rig:
            client = await rig.client().join(Camera(), {"backdrop": BACKDROP})
            picture = await client.screen.shows(has_person, "the person")
            assert picture.shape[:2] == (90, 160)

    run(scenario())


def test_frames_beyond_the_rate_are_left_out() -> None:
    async def scenario() -> None:
        async with served(Bounds(fps=10)) as rig:
            client = await rig.client().join(Camera(fps=30), {"backdrop": BACKDROP})
            await client.screen.shows(has_person, "the person")
            counts = next(iter(rig.service.sessions.values())).stream.stats.counts
            await until(lambda: counts()["in"] > 20, "twenty frames")
            assert counts()["skipped"] > 1.5 * counts()["in"]

    run(scenario())


def test_a_camera_that_stops_is_covered_and_comes_back() -> None:
    async def scenario() -> None:
        async with served() as rig:
            camera = Camera()
            client = await rig.client().join(camera, {"backdrop": BACKDROP})
            await client.screen.shows(has_person, "the person")
            camera.off.set()
            covered = await client.screen.shows(is_covered, "the cover")
            assert np.abs(covered.astype(int) - BLUE).max(2)[distance(covered) > 0].max() < 60
            camera.off.clear()
            await client.screen.shows(has_person, "the person again")

    run(scenario())


def test_nothing_of_a_session_stays_behind() -> None:
    async def scenario() -> None:
        async with served(capacity=ROOMY) as rig:
            client = rig.client()
            assert (await client.http.get(f"{rig.address}/healthz")).status == 200  # its connection stays
            tasks = len(asyncio.all_tasks())
            for _ in range(3):
                client = await rig.client().join(Camera(), {"backdrop": BACKDROP})
                await client.screen.shows(has_person, "the person")
                assert await client.leave() == 204
                assert rig.service.sessions == rig.service.names == {}
            networks = rig.service.engine._networks._ready.values()
            await until(lambda: not any(network.seats for network in networks), "an empty network")
            await until(lambda: len(asyncio.all_tasks()) <= tasks, "the end of all tasks")
            assert (await client.http.get(rig.address + client.place)).status == 404

    run(scenario())


def test_a_session_can_be_watched_under_the_name_of_the_one_before() -> None:
    async def scenario() -> None:
        async with served() as rig:
            first = await rig.client().join(Camera(fps=3))
            name = first.values["watch"]
            offer = {"sdp": await rig.client().offer(Camera(fps=3)), "watch": name}
            for wrong in (None, "a/b", "", 1, ["a"]):
                asked = offer | {"watch": wrong}
                async with first.http.post(f"{rig.address}/api/sessions", json=asked) as answer:
                    assert answer.status == 400
            async with first.http.post(f"{rig.address}/api/sessions", json=offer) as answer:
                assert answer.status == 409, "it is still in use"
            assert await first.leave() == 204
            async with first.http.post(f"{rig.address}/api/sessions", json=offer) as answer:
                assert answer.status == 201
                assert (await answer.json())["watch"] == name

    run(scenario())
