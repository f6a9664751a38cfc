from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from rimlight import demo
from rimlight.errors import SinkError
from rimlight.types import Frame, Size

from .realtime.sinks.outputs import pictures
from .realtime.streams import FAKE

SMALL = Size(96, 128)
COUNT = 10


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "SIZE", SMALL)
    monkeypatch.setattr(demo, "FRAMES", COUNT)


def test_the_demo_leaves_all_its_files(tmp_path: Path) -> None:
    seen: list[Frame] = []
    files, report = demo.run_demo(tmp_path / "demo", FAKE, seen.append)
    assert {path.name for path in (tmp_path / "demo").iterdir()} == {
        "demo-input.mp4", "demo-backdrop.png", "demo.mp4", "demo-alpha.mov", "demo-sheet.png",
    }  # fmt: skip
    assert len(seen) == 2 * COUNT
    assert report.snapshot.counts["out"] == COUNT
    assert "numpy" in report.device
    for path in (files.clip, files.demo, files.alpha):
        found = pictures(path)
        assert len(found) == COUNT
        assert {(picture.width, picture.height) for picture in found} == {(SMALL.width, SMALL.height)}
    assert all("yuva" in picture.format.name for picture in pictures(files.alpha))


def test_the_sheet_shows_input_matte_and_composite(tmp_path: Path) -> None:
    files, _ = demo.run_demo(tmp_path, FAKE, lambda _: None)
    sheet = cv2.imread(str(files.sheet))
    assert sheet.shape == (3 * 360, 3 * 480, 3)
    source, matte, composite = (sheet[row * 360 : row * 360 + 360].astype(int) for row in range(3))
    assert np.abs(np.diff(matte, axis=2)).max() <= 2  # grey
    assert matte.min() < 20
    assert matte.max() > 235
    changed = np.abs(source - composite).max(2)
    person = matte[:, :, 0] > 250
    assert np.median(changed[person]) < 12
    assert np.median(changed[matte[:, :, 0] < 5]) > 25


def test_the_demo_can_be_run_again(tmp_path: Path) -> None:
    for _ in range(2):
        demo.run_demo(tmp_path, FAKE, lambda _: None)
    assert len(list(tmp_path.iterdir())) == 5


def test_the_camera_of_the_demo_moves() -> None:
    portrait = np.random.default_rng(0).integers(0, 255, (512, 512, 3), np.uint8)
    found = list(demo.camera_path(portrait, 4))
    assert {picture.shape for picture in found} == {(SMALL.height, SMALL.width, 3)}
    assert not np.array_equal(found[0], found[1])


@pytest.mark.parametrize("size", [Size(90, 160), Size(31, 17)])
def test_the_sunset_fits_any_frame(size: Size) -> None:
    picture = demo.sunset(size)
    assert picture.shape == (size.height, size.width, 3)
    assert picture.dtype == np.uint8
    assert picture[0].mean() < 120


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "demo").touch()
    with pytest.raises(SinkError, match="cannot make the folder"):
        demo.run_demo(tmp_path / "demo", FAKE, lambda _: None)


def test_the_demo_of_the_command_line_tells_files_and_figures(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from rimlight import cli

    arguments = ["rimlight", "demo", "--out", str(tmp_path), "--backend", "fake", "--detail", "128"]
    monkeypatch.setattr("sys.argv", arguments)
    cli.main()
    told = capsys.readouterr().out
    for word in ("composite", "alpha video", "contact sheet", "backend", "fps", "latency        p50"):
        assert word in told
    assert all(Path(line.split()[-1]).is_file() for line in told.splitlines()[:3])
