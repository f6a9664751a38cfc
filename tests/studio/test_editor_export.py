"""Exports from the editor: begun, followed, stopped, refused."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("aiohttp")

from rimlight.studio.edit import exporting
from rimlight.studio.edit.exporting import check_choice, proposed_name
from rimlight.studio.project import project_path

from .editor_client import FRAMES, Client, draw_person, ended, run, stroke
from .films import centre, read_film, write_film


@pytest.fixture
def video(tmp_path: Path) -> Path:
    return write_film(tmp_path / "in.mp4", FRAMES, cuts=(20,))


def test_an_export_is_the_video_that_the_command_makes(video: Path) -> None:
    async def body(client: Client) -> None:
        await draw_person(client)
        begun = await client.post("/api/export", json={"name": "cut.mov", "backdrop": "transparent"})
        assert begun.status == 202
        progress = await ended(client)
        assert (progress["state"], progress["done"], progress["error"]) == ("done", FRAMES, "")
        pictures = read_film(video.with_name("cut.mov"), "rgba")
        assert len(pictures) == FRAMES
        x, y = centre(4, 96, 160)
        assert pictures[4][y, x, 3] == 255
        again = await client.post("/api/export", json={"name": "cut.mov", "backdrop": "transparent"})
        assert again.status == 409
        assert "exists beside the video" in (await again.json())["error"]
        replaced = await client.post(
            "/api/export", json={"name": "cut.mov", "backdrop": "transparent", "replace": True}
        )
        assert replaced.status == 202
        assert (await ended(client))["state"] == "done"

    run(video, body)


def test_an_export_that_is_stopped_does_not_stand_in_the_way_of_the_next(video: Path) -> None:
    async def body(client: Client) -> None:
        await draw_person(client)
        wish = {"name": "cut.mkv", "backdrop": "transparent"}
        await client.post("/api/export", json=wish)
        while (await (await client.get("/api/export")).json())["done"] < 25:
            await asyncio.sleep(0)
        assert (await (await client.delete("/api/export")).json())["state"] in ("stopped", "done")
        await client.post("/api/frames/0/strokes", json=stroke("backdrop", 90, 150))
        await client.post("/api/export", json=wish | {"replace": True})
        progress = await ended(client)
        assert (progress["state"], progress["done"], progress["error"]) == ("done", FRAMES, "")
        assert len(read_film(video.with_name("cut.mkv"), "rgba")) == FRAMES

    run(video, body)


@pytest.mark.parametrize(
    ("wish", "status"),
    [
        ({"name": "../out.mov", "backdrop": "blur"}, 409),
        ({"name": "/elsewhere/out.mov", "backdrop": "blur"}, 409),
        ({"name": "out.exe", "backdrop": "blur"}, 409),
        ({"name": ".out.mov", "backdrop": "blur"}, 409),
        ({"name": "out.mov", "backdrop": "/etc/passwd"}, 409),
        ({"name": "out.mov", "backdrop": "blur:7"}, 409),
        ({"name": 7, "backdrop": "blur"}, 409),
        ({"name": "out.mov"}, 409),
        ([], 409),
    ],
)
def test_exports_that_cannot_be_meant_are_refused(video: Path, wish: object, status: int) -> None:
    async def body(client: Client) -> None:
        await draw_person(client)
        answer = await client.post("/api/export", json=wish)
        assert answer.status == status
        assert "expected" in (await answer.json())["error"]

    run(video, body)


def test_an_export_without_a_mark_says_what_to_do(video: Path) -> None:
    async def body(client: Client) -> None:
        answer = await client.post("/api/export", json={"name": "out.mov", "backdrop": "blur"})
        assert (answer.status, "draw a trimap" in (await answer.json())["error"]) == (409, True)
        mp4 = await draw_person(client)
        assert mp4["marked"]
        await client.post("/api/export", json={"name": "out.mp4", "backdrop": "transparent"})
        progress = await ended(client)
        assert progress["state"] == "failed"
        assert ".mp4 cannot hold alpha" in progress["error"]

    run(video, body)


def test_a_video_that_changed_while_it_was_edited_is_not_exported(video: Path) -> None:
    async def body(client: Client) -> None:
        await draw_person(client)
        write_film(video, 12)
        answer = await client.post("/api/export", json={"name": "out.mov", "backdrop": "transparent"})
        assert answer.status == 409
        assert "in.mp4 has changed" in (await answer.json())["error"]

    run(video, body)
    assert project_path(video).exists()


def test_the_video_itself_is_not_replaced_by_an_export(video: Path) -> None:
    async def body(client: Client) -> None:
        await draw_person(client)
        before = video.read_bytes()
        other = video.with_name("other.mp4")
        os.link(video, other)
        for name in (video.name, other.name):
            answer = await client.post("/api/export", json={"name": name, "backdrop": "blur", "replace": True})
            assert (answer.status, "is the video itself" in (await answer.json())["error"]) == (409, True)
        assert video.read_bytes() == before

    run(video, body)


@pytest.mark.parametrize("stem", ["shot #3, take 2", "-a", "_b", "&c", "50% [x]", ".hidden", "Ærø", "n" * 200])
def test_the_name_that_is_proposed_for_any_video_is_taken(stem: str) -> None:
    check_choice(proposed_name(Path(f"{stem}.mp4")), "blur")


def test_a_stroke_does_not_wait_for_an_export(video: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = threading.Event()

    def waiting(*_: object) -> Iterator[int]:
        yield 0
        assert drawn.wait(20)
        yield FRAMES

    async def body(client: Client) -> None:
        await draw_person(client)
        monkeypatch.setattr(exporting, "matte_film", waiting)
        await client.post("/api/export", json={"name": "cut.mov", "backdrop": "blur"})
        assert (await client.post("/api/frames/2/strokes", json=stroke("unknown", 9, 9))).status == 200
        drawn.set()
        assert (await ended(client))["state"] == "done"

    run(video, body)
