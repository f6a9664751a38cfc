"""The editor's server: only for this machine and its token; strokes, undo, propagation, previews."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("aiohttp")

from rimlight.errors import SinkError
from rimlight.studio import project as project_module
from rimlight.studio.project import Project, project_path
from rimlight.studio.trimaps import BACKDROP, FOREGROUND, UNKNOWN

from .editor_client import FRAMES, Client, draw_person, picture_of, run, stroke
from .films import centre, write_film


@pytest.fixture
def video(tmp_path: Path) -> Path:
    return write_film(tmp_path / "in.mp4", FRAMES, cuts=(20,))


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Authorization": ""}, 401),
        ({"Authorization": "Bearer " + "x" * 24}, 401),
        ({"Host": "evil.example"}, 403),
        ({"Origin": "https://evil.example"}, 403),
    ],
)
def test_only_this_machine_with_the_token_comes_in(video: Path, headers: dict[str, str], status: int) -> None:
    async def body(client: Client) -> None:
        for method, path in (
            ("get", "/api/project"),
            ("post", "/api/frames/0/undo"),
            ("get", "/api/frames/0/picture.jpg"),
        ):
            answer = await getattr(client, method)(path, headers=headers)
            assert answer.status == status

    run(video, body)


def test_the_page_and_all_it_names_are_served_with_a_strict_policy(video: Path) -> None:
    async def body(client: Client) -> None:
        page = await client.get("/", headers={"Authorization": ""})
        assert page.status == 200
        assert "default-src 'none'" in page.headers["Content-Security-Policy"]
        waiting, seen = {"page": await page.text()}, set()
        while waiting:
            _, text = waiting.popitem()
            assert "http:" not in text.replace("http://www.w3.org/2000/svg", "")
            assert "https:" not in text
            for name in set(re.findall(r'(?:/static/|from "\./)([\w.-]+)"', text)) - seen:
                answer = await client.get(f"/static/{name}", headers={"Authorization": ""})
                assert answer.status == 200, name
                waiting[name] = await answer.text()
                seen.add(name)
        assert {"app.js", "view.js", "studio.css", "style.css", "favicon.svg"} <= seen

    run(video, body)


def test_the_page_is_told_of_the_video(video: Path) -> None:
    async def body(client: Client) -> None:
        told = await (await client.get("/api/project")).json()
        wanted = {"video": "in.mp4", "height": 96, "width": 160, "frames": FRAMES, "shots": [0, 20], "marks": []}
        assert wanted.items() <= told.items()
        image = await picture_of(client, "/api/frames/7/picture.jpg")
        x, y = centre(7, 96, 160)
        assert np.abs(image[y, x].astype(int) - (60, 200 + x % 32, 230)).max() < 45
        assert (await picture_of(client, "/api/frames/7/thumb.jpg")).shape == (72, 120, 3)

    run(video, body)


def test_a_stroke_is_on_the_disk_when_it_is_answered(video: Path) -> None:
    async def body(client: Client) -> None:
        assert (await client.get("/api/frames/3/trimap.png")).status == 204
        state = await draw_person(client, 3)
        assert (state["marked"], state["origin"], state["undo"], state["marks"]) == (True, "drawn", 3, [3])
        trimap = await picture_of(client, "/api/frames/3/trimap.png")
        assert set(np.unique(trimap)) == {BACKDROP, UNKNOWN, FOREGROUND}
        assert np.array_equal(Project.load(project_path(video), video).trimap(3), trimap)

    run(video, body)


def test_undo_redo_and_removing_a_mark(video: Path) -> None:
    async def body(client: Client) -> None:
        await draw_person(client)
        whole = await picture_of(client, "/api/frames/0/trimap.png")
        state = await (await client.post("/api/frames/0/undo")).json()
        assert (state["undo"], state["redo"]) == (2, 1)
        assert not (await picture_of(client, "/api/frames/0/trimap.png") == FOREGROUND).any()
        await client.post("/api/frames/0/redo")
        assert np.array_equal(await picture_of(client, "/api/frames/0/trimap.png"), whole)
        assert not (await (await client.post("/api/frames/0/unmark")).json())["marked"]
        assert (await (await client.post("/api/frames/0/undo")).json())["marked"]

    run(video, body)


def test_a_trimap_propagates_and_changes_with_its_reference(video: Path) -> None:
    async def body(client: Client) -> None:
        await draw_person(client)
        state = await (await client.post("/api/frames/9/propagate")).json()
        assert (state["origin"], state["reference"], state["marked"]) == ("propagated", 0, False)
        trimap = await picture_of(client, "/api/frames/9/trimap.png")
        x, y = centre(9, 96, 160)
        assert trimap[y, x] == FOREGROUND
        await client.post("/api/frames/0/strokes", json=stroke("backdrop", 90, 80))
        assert (await (await client.get("/api/frames/9")).json())["origin"] == "none"
        assert (await client.get("/api/frames/9/trimap.png")).status == 204

    run(video, body)


def test_drawing_on_a_propagated_trimap_keeps_the_rest_of_it(video: Path) -> None:
    async def body(client: Client) -> None:
        await draw_person(client)
        await client.post("/api/frames/9/propagate")
        before = await picture_of(client, "/api/frames/9/trimap.png")
        state = await (await client.post("/api/frames/9/strokes", json=stroke("foreground", 90, 150, 3))).json()
        assert (state["marked"], state["origin"]) == (True, "propagated")
        after = await picture_of(client, "/api/frames/9/trimap.png")
        assert np.array_equal(before[:, :140], after[:, :140])
        assert after[90, 150] == FOREGROUND

    run(video, body)


def test_an_automatic_trimap_is_a_mark_like_others(video: Path) -> None:
    async def body(client: Client) -> None:
        state = await (await client.post("/api/frames/5/auto")).json()
        assert (state["marked"], state["origin"]) == (True, "automatic")
        assert len(np.unique(await picture_of(client, "/api/frames/5/trimap.png"))) == 3

    run(video, body)


def test_previews_show_matte_and_composite(video: Path) -> None:
    async def body(client: Client) -> None:
        await draw_person(client)
        x, y = centre(4, 96, 160)
        matte = await picture_of(client, "/api/frames/4/matte.jpg")
        assert matte.shape == (96, 160)
        assert matte[y, x] > 240
        assert matte[5, 5] < 15
        composite = await picture_of(client, "/api/frames/4/composite.jpg?backdrop=%2300b140")
        assert np.abs(composite[5, 5].astype(int) - (64, 177, 0)).max() < 12
        refused = await client.get("/api/frames/4/composite.jpg?backdrop=/etc/passwd")
        assert refused.status == 409

    run(video, body)


@pytest.mark.parametrize(
    ("path", "value", "status"),
    [
        ("/api/frames/30/strokes", stroke("unknown", 1, 1), 422),
        ("/api/frames/0/strokes", {"class": "hair", "radius": 1, "points": [[1, 1]]}, 422),
        ("/api/frames/0/strokes", [], 422),
        ("/api/frames/-1/undo", None, 404),
        ("/api/frames/30/undo", None, 422),
        ("/api/frames/0/propagate", None, 422),
        ("/api/frames/0/mark", None, 422),
        ("/api/frames/0/explode", None, 404),
    ],
)
def test_what_cannot_be_done_is_refused_in_words(video: Path, path: str, value: object, status: int) -> None:
    async def body(client: Client) -> None:
        answer = await client.post(path, json=value)
        assert answer.status == status
        assert len((await answer.json())["error"]) > 10

    run(video, body)


def test_a_stroke_that_comes_again_as_its_answer_was_lost_is_drawn_once(video: Path) -> None:
    async def body(client: Client) -> None:
        for kind in ("backdrop", "unknown", "unknown"):
            answer = await client.post("/api/frames/3/strokes", json=stroke(kind, 50, 50))
        assert (await answer.json())["undo"] == 2

    run(video, body)


def test_what_is_propagated_is_told_until_its_mark_changes(video: Path) -> None:
    async def body(client: Client) -> None:
        await draw_person(client)
        for frame in (1, 2, 4, 9, 10):
            state = await (await client.post(f"/api/frames/{frame}/propagate")).json()
        assert state["propagated"] == [[1, 3], [4, 5], [9, 11]]
        state = await (await client.post("/api/frames/14/auto")).json()
        assert state["propagated"] == [[1, 3], [4, 5]]
        state = await (await client.post("/api/frames/14/undo")).json()
        assert state["propagated"] == [[1, 3], [4, 5], [9, 11]]
        state = await (await client.post("/api/frames/0/undo")).json()
        assert state["propagated"] == []

    run(video, body)


def test_a_full_disk_is_told_apart_from_what_is_refused(video: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, _: bytes) -> None:
        raise SinkError(f"{path} cannot be written: no space left")

    async def body(client: Client) -> None:
        with monkeypatch.context() as patch:
            patch.setattr(project_module, "write_whole", full)
            answer = await client.post("/api/frames/3/strokes", json=stroke("unknown", 50, 50))
        assert (answer.status, "no space left" in (await answer.json())["error"]) == (507, True)
        assert (await client.post("/api/frames/3/strokes", json=stroke("unknown", 50, 50))).status == 200

    run(video, body)
