from __future__ import annotations

import io
import re
import threading
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from rimlight.errors import BackdropError, ConfigError
from rimlight.realtime.serve import gallery as shown
from rimlight.realtime.serve.gallery import PAINTED, Gallery
from rimlight.realtime.serve.measures import NAME
from rimlight.realtime.serve.painting import blend, colour, finished, grid
from rimlight.types import UInt8Array


def small(name: str, height: int = 180) -> UInt8Array:
    """A painted backdrop at a small size."""
    return finished(PAINTED[name][1](height, height * 16 // 9), 0)


@pytest.fixture(scope="module")
def painted() -> Gallery:
    return Gallery()


def test_there_are_enough_and_their_names_can_be_asked_for(painted: Gallery) -> None:
    assert len(painted.names()) >= 8
    assert all(re.fullmatch(NAME, name) for name in painted.names())
    assert len({painted.title(name) for name in painted.names()}) == len(painted.names())


@pytest.mark.parametrize("name", PAINTED)
def test_every_backdrop_fills_its_frame_and_is_the_same_each_time(name: str) -> None:
    picture = small(name)
    assert picture.dtype == np.uint8
    assert picture.shape == (180, 320, 3)
    assert 25 < picture.mean() < 235
    assert (picture == 255).all(2).mean() < 0.02
    assert (small(name) == picture).all()


def test_no_two_backdrops_are_alike() -> None:
    pictures = [small(name).astype(int) for name in PAINTED]
    assert min(
        np.abs(one - other).mean() for index, one in enumerate(pictures) for other in pictures[:index]
    ) > 8  # fmt: skip


@pytest.mark.parametrize("name", PAINTED)
def test_a_thumbnail_shows_what_the_picture_shows(name: str, painted: Gallery) -> None:
    data = painted.thumbnail(name)
    assert len(data) < 30_000
    with Image.open(io.BytesIO(data), formats=["JPEG"]) as image:
        assert (image.width, image.height) == (320, 180)
        thumbnail = np.asarray(image, np.int16)
    larger = cv2.resize(small(name, 540), (320, 180), interpolation=cv2.INTER_AREA).astype(np.int16)
    assert np.abs(thumbnail - larger).mean() < 5


def test_a_picture_is_full_hd_and_made_once(painted: Gallery, monkeypatch: pytest.MonkeyPatch) -> None:
    picture = painted.picture("slate")
    assert picture.shape == (1080, 1920, 3)
    assert painted.picture("slate") is picture
    monkeypatch.setattr(shown, "MOST_KEPT", 1)
    painted.picture("dawn")
    again = painted.picture("slate")
    assert again is not picture
    assert (again == picture).all()


def test_a_gradient_has_no_bands() -> None:
    y, x = grid(200, 400)
    canvas = blend([(0.0, "#404040"), (1.0, "#484848")], np.asarray(y + 0 * x, np.float32))
    picture = finished(canvas, 1).astype(float)
    blocks = picture[:, :, 0].reshape(25, 8, 50, 8)
    assert (blocks.max((1, 3)) > blocks.min((1, 3))).mean() > 0.99
    rows = picture.mean((1, 2))
    even = np.linspace(0x40, 0x48, 200)
    assert np.abs(rows - even).max() < 0.5  # a band would be a step of 1


def test_colours_are_what_they_are_called() -> None:
    for text, rgb in (("#000000", (0, 0, 0)), ("#ffffff", (255, 255, 255)), ("#1e90ff", (30, 144, 255))):
        canvas = np.broadcast_to(colour(text), (64, 64, 3)).astype(np.float32)
        assert np.abs(finished(canvas, 0).astype(int).mean((0, 1)) - rgb).max() < 1


def test_several_threads_get_the_same_picture() -> None:
    fresh, found = Gallery(), []
    threads = [threading.Thread(target=lambda: found.append(fresh.picture("slate"))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({id(picture) for picture in found}) == 1


@pytest.mark.parametrize("name", ["", "nothing", "../dusk", "/etc/passwd", "dusk.jpg", "DUSK", "dusk\0", "dawm"])
def test_a_name_that_there_is_not_is_refused(name: str, painted: Gallery) -> None:
    for ask in (painted.title, painted.picture, painted.thumbnail):
        with pytest.raises(BackdropError, match="the gallery has no picture"):
            ask(name)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Pictures of an operator, and what may lie beside them."""
    red = Image.new("RGB", (640, 640), (200, 30, 30))
    for name in ("Our Office_2.png", "our-office-2.jpg", "dusk.webp", "日本.png", "Bür o.JPG"):
        red.save(tmp_path / name, "JPEG" if name.lower().endswith("jpg") else None)
    (tmp_path / "notes.txt").write_text("no picture")
    (tmp_path / "broken.png").write_bytes(b"no picture")
    Image.new("RGB", (4, 4)).save(tmp_path / "really.png", "GIF")
    (tmp_path / "sub.png").mkdir()
    return tmp_path


def test_a_folders_pictures_are_listed_by_plain_names(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    mine = Gallery(folder)
    own = mine.names()[len(PAINTED) :]
    assert own == ("bur-o", "our-office-2", "dusk-2", "our-office-2-2", "picture")
    assert [mine.title(name) for name in own] == ["Bür o", "Our Office 2", "Dusk", "Our office 2", "日本"]
    assert [record.getMessage().split(":")[0] for record in caplog.records] == [
        "the gallery leaves out broken.png", "the gallery leaves out really.png", "the gallery leaves out sub.png",
    ]  # fmt: skip
    assert all(re.fullmatch(NAME, name) for name in own)


def test_a_folders_picture_is_cropped_to_the_frame(folder: Path) -> None:
    mine = Gallery(folder)
    picture = mine.picture("our-office-2")
    assert picture.shape == (1080, 1920, 3)
    assert (picture == (200, 30, 30)).all()
    assert mine.picture("dusk").mean() != mine.picture("dusk-2").mean()
    with Image.open(io.BytesIO(mine.thumbnail("bur-o"))) as image:
        assert image.size == (320, 180)


def test_a_picture_that_vanished_says_so(folder: Path) -> None:
    mine = Gallery(folder)
    (folder / "日本.png").unlink()
    with pytest.raises(BackdropError, match="picture cannot be read any more"):
        mine.picture("picture")


def test_a_folder_is_listed_once_and_not_without_end(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shown, "MOST_FILES", 2)
    mine = Gallery(folder)
    Image.new("RGB", (8, 8)).save(folder / "later.png")
    assert len(mine.names()) == len(PAINTED) + 2


def test_a_folder_that_cannot_be_read_says_so(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        Gallery(tmp_path / "nothing")
