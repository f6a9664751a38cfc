"""Bad input: one line on stderr that begins with "rimlight: ", exit code 2, and nothing left behind."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from rimlight import assets, backends

from .commandline import FAKE, RUN, Runs, files, refused, runner, video
from .realtime.sources.media import write_sound


@pytest.fixture
def rimlight(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path) -> Runs:
    return runner(monkeypatch, capfd, tmp_path)


def _missing(_: Path) -> str:
    return "none.mp4"


def _empty(folder: Path) -> str:
    (folder / "in.mp4").touch()
    return "in.mp4"


def _truncated(folder: Path) -> str:
    path = video(folder / "in.mp4")
    path.write_bytes(path.read_bytes()[:-900])
    return "in.mp4"


def _sound(folder: Path) -> str:
    write_sound(folder / "in.m4a", "aac")
    return "in.m4a"


def _text(folder: Path) -> str:
    (folder / "in.mp4").write_text("this is a letter\n" * 100)
    return "in.mp4"


def _folder(folder: Path) -> str:
    (folder / "in").mkdir()
    return "in"


SOURCES = {
    "missing": (_missing, "no file none.mp4"),
    "empty": (_empty, "in.mp4 is empty"),
    "truncated": (_truncated, "cut off"),
    "sound only": (_sound, "no moving pictures"),
    "text": (_text, "in.mp4"),
    "folder": (_folder, "folder"),
    "no name": (lambda _: "", "empty name"),
    "no camera": (lambda _: "/dev/video99", "no camera at /dev/video99"),
    "no such pattern": (lambda _: "pattern:big", "pattern[:WIDTHxHEIGHT]"),
}


@pytest.mark.parametrize("kind", SOURCES)
def test_a_source_that_cannot_be_read_is_one_line(rimlight: Runs, tmp_path: Path, kind: str) -> None:
    make, said = SOURCES[kind]
    source = make(tmp_path)
    before = files(tmp_path)
    refused(rimlight("run", "--source", source, "--sink", "out.mp4", *FAKE), said)
    assert files(tmp_path) == before


OPTIONS: list[tuple[tuple[str, ...], str]] = [
    (("--backdrop", "none.jpg"), "no backdrop 'none.jpg'"),
    (("--backdrop", "blur:7"), "blur of 0 to 1"),
    (("--backdrop", "#12"), "no backdrop"),
    (("--backend", "abacus"), "'abacus' is not one of"),
    (("--backend", "onnx", "--device", "abacus"), "no device 'abacus'"),
    (("--backend", "openvino", "--device", "abacus"), "no device 'abacus'"),
    (("--sink", "none/out.mp4"), "no folder none"),
    (("--sink", "out.gif"), "expected a file ending in"),
    (("--sink", "out"), "expected a file ending in"),
    (("--sink", ""), "empty name"),
    (("--sink", "pipe:abacus"), "pipe:abacus"),
    (("--sink", "null:abacus"), "null:abacus"),
    (("--backdrop", "transparent"), ".mp4 cannot hold alpha"),
    (("--backdrop", "transparent", "--sink", "out.jpg"), "JPEG has no alpha"),
    (("--backdrop", "transparent", "--sink", "pipe:y4m"), "no alpha"),
    (("--backdrop", "transparent", "--side-by-side", "--sink", "out.webm"), "side-by-side"),
    (("--backdrop", "transparent", "--side-by-side", "--sink", "out-%d.png"), "side-by-side"),
    (("--size", "big"), "WIDTHxHEIGHT"),
    (("--size", "0x9"), "1 to 16384"),
    (("--rate", "fast"), "frame rate"),
    (("--rate", "0"), "frame rate"),
    (("--rate", "-30"), "frame rate"),
    (("--rate", "1/0"), "frame rate"),
    (("--rate", "1e400"), "frame rate"),
    (("--rate", "nan"), "frame rate"),
    (("--shift", "2"), "edge shift of -1"),
    (("--shift", "nan"), "edge shift of -1"),
    (("--shift", "left"), "'left' is not a valid float"),
    (("--feather", "-1"), "edge feather of 0"),
    (("--feather", "1e9"), "edge feather of 0"),
    (("--detail", "100"), "multiples of 16"),
    (("--detail", "0"), "at least 64"),
    (("--detail", "some"), "not a valid integer"),
    (("--batch", "65"), "65 is not in the range"),
    (("--threads", "0"), "0 is not in the range"),
    (("--target-fps", "30"), "live sources"),
    (("--target-fps", "fast"), "frame rate"),
    (("--cpu-share", "0.5"), "live sources"),
    (("--cpu-share", "1.5"), "share of the processors"),
    (("--cpu-share", "much"), "not a valid float"),
    (("--nothing",), "No such option"),
]


@pytest.mark.parametrize(("options", "said"), OPTIONS, ids=[" ".join(options) for options, _ in OPTIONS])
def test_an_option_that_cannot_be_is_one_line(
    rimlight: Runs, tmp_path: Path, options: tuple[str, ...], said: str
) -> None:
    if "openvino" in options and not backends.installed("openvino"):
        pytest.skip("OpenVINO is not installed")
    refused(rimlight(*RUN, "--backend", "fake", *options), said)
    assert files(tmp_path) == set()


@pytest.mark.parametrize("arguments", [("run",), ("run", "--source", "a.mp4"), ("fly",), ("export",)])
def test_a_command_that_lacks_something_says_where_to_read(rimlight: Runs, arguments: tuple[str, ...]) -> None:
    refused(rimlight(*arguments), "--help'")


def test_a_file_is_not_asked_for_a_size(rimlight: Runs, tmp_path: Path) -> None:
    video(tmp_path / "in.mp4")
    refused(rimlight("run", "--source", "in.mp4", "--sink", "out.mp4", "--size", "64x64", *FAKE), "its own size")


def test_a_target_that_is_a_folder_is_one_line(rimlight: Runs, tmp_path: Path) -> None:
    (tmp_path / "out.mp4").mkdir()
    refused(rimlight(*RUN, "--sink", "file:out.mp4", *FAKE), "is a folder")


def test_a_folder_that_may_not_be_written_is_one_line(
    rimlight: Runs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda _path, mode, **_: mode != os.W_OK)  # root may write everywhere
    refused(rimlight(*RUN, *FAKE), "may not be written")
    assert files(tmp_path) == set()


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="needs a folder in which nobody can write")
def test_a_folder_that_cannot_be_written_is_one_line(rimlight: Runs) -> None:
    refused(rimlight(*RUN, "--sink", "/proc/self/out.mp4", *FAKE), "/proc/self")


def test_a_missing_extra_names_what_to_install(rimlight: Runs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backends, "installed", lambda name: name != "openvino")
    refused(rimlight(*RUN, "--backend", "openvino"), "pip install 'rimlight[openvino]'")
    assert files(tmp_path) == set()


def test_export_without_torch_names_what_to_install(rimlight: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backends, "installed", lambda name: name != "torch")
    refused(rimlight("export", "onnx"), "pip install 'rimlight[export]'")


@pytest.fixture
def copied_assets(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path_factory.mktemp("install") / "assets"
    shutil.copytree(assets.FOLDER, folder)
    monkeypatch.setattr(assets, "FOLDER", folder)
    monkeypatch.setattr(assets, "MANIFEST", folder / "manifest.json")
    return folder


def _damage(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(data)


def _truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:1000])


ASSETS = [("onnx", "attention-memory-v0.onnx"), ("openvino", "attention-memory-v0.onnx"),
          ("openvino", "attention-memory-v0-tail.npz")]  # fmt: skip


@pytest.mark.parametrize("harm", [_damage, _truncate, Path.unlink])
@pytest.mark.parametrize(("backend", "name"), ASSETS)
def test_a_damaged_network_is_named(
    rimlight: Runs, tmp_path: Path, copied_assets: Path, backend: str, name: str, harm: Callable[[Path], None]
) -> None:
    if not backends.installed(backend):
        pytest.skip(f"{backend} is not installed")
    harm(copied_assets / name)
    refused(rimlight(*RUN, "--backend", backend), name, "install rimlight again")
    assert files(tmp_path) == set()


def test_a_damaged_portrait_is_named(rimlight: Runs, copied_assets: Path) -> None:
    _damage(copied_assets / "astronaut.jpg")
    ran = rimlight("demo", "--out", "demo", *FAKE)
    assert ran.code == 2
    assert ran.err.splitlines()[-1].startswith("rimlight: astronaut.jpg is damaged")


def test_a_sink_that_fails_in_the_middle_is_one_line(
    rimlight: Runs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from rimlight.realtime.sinks.file import FileSink

    def full(self: FileSink, _: object) -> None:
        with self._said():
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(FileSink, "write", full)
    refused(rimlight(*RUN, *FAKE), "No space left", "make room")
    assert files(tmp_path) == set()
