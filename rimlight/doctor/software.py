"""What is installed: Python, rimlight, its network on each backend, codecs, extras, windows, other programs."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import platform
import re
import shutil
import sys

import numpy as np

import rimlight
from rimlight import assets
from rimlight.backends import BACKENDS, fastest, installed, open_backend, tensorrt_compat
from rimlight.doctor.check import Check, Place
from rimlight.errors import RimlightError
from rimlight.types import Size

TINY = Size(64, 96)  # that the network is opened at
CODECS = {
    "libx264": ".mp4",
    "aac": "sound",
    "libvpx-vp9": ".webm",
    "prores_ks": ".mov with alpha",
    "ffv1": ".mkv with alpha",
}
LEFT_OUT = ("all", "dev")  # extras that are other extras, or not for users
OBS_PLACES = {
    "linux": ("/usr/bin/obs", "/usr/local/bin/obs", "/snap/bin/obs-studio",
              "/var/lib/flatpak/app/com.obsproject.Studio", "~/.local/share/flatpak/app/com.obsproject.Studio"),
    "darwin": ("/Applications/OBS.app", "~/Applications/OBS.app"),
    "win32": ("/Program Files/obs-studio/bin/64bit/obs64.exe",
              "/Program Files (x86)/Steam/steamapps/common/OBS Studio"),
}  # fmt: skip


def python(place: Place) -> Check:
    """Python's version and kind."""
    found = f"{platform.python_version()} ({platform.python_implementation()}, {place.platform} {platform.machine()})"
    if not (3, 10) <= sys.version_info[:2] < (3, 14):
        return Check("python", "warn", found, "rimlight is tested with Python 3.10 to 3.13; use one of these")
    return Check("python", "ok", found)


def version(_: Place) -> Check:
    """rimlight's version and where it lies."""
    return Check("rimlight", "ok", f"{rimlight.__version__} in {assets.FOLDER.parent}")


def weights(_: Place) -> Check:
    """Every shipped file against its recorded checksum."""
    import json

    names = json.loads(assets.MANIFEST.read_text())
    try:
        bytes_ = sum(assets.asset(name).path.stat().st_size for name in names)
    except RimlightError as error:
        return Check("weights", "fail", str(error), "pip install --force-reinstall rimlight")
    return Check("weights", "ok", f"{len(names)} files, {bytes_ / 1e6:.1f} MB, every checksum right")


def backend(name: str, _: Place) -> Check:
    """One backend: opened, run once, and asked what it really runs on."""
    label = f"{name} backend"
    if not installed(name):
        return Check(label, "absent", "not installed", f"pip install 'rimlight[{BACKENDS[name][3]}]'")
    try:
        opened = open_backend(name, TINY)
        try:
            opened.step(np.zeros((3, TINY.height, TINY.width), np.float32), opened.empty_memory())
            device = opened.device
        finally:
            opened.close()
    except RimlightError as error:
        return Check(label, "fail", str(error), f"pip install --force-reinstall {BACKENDS[name][2]}")
    chosen = fastest() == name
    return Check(label, "ok", device + ("; auto takes this" if chosen else ""))


def engine(name: str, _: Place) -> Check:
    """TensorRT, which builds the network for a GPU at its first use: looked at, with the GPU, but nothing is built."""
    label = f"{name} backend"
    if not tensorrt_compat.driver_there():
        there = f"no driver of an NVIDIA GPU{'' if installed(name) else ', and not installed'}"
        return Check(label, "absent", there, "install NVIDIA's driver, where there is such a GPU")
    if not installed(name):
        return Check(label, "absent", "not installed", f"pip install 'rimlight[{BACKENDS[name][3]}]'")
    try:
        device = _opened_gpu()
    except RimlightError as error:
        return Check(label, "fail", str(error), "mend what it says; until then use another --backend")
    return Check(label, "ok", f"{device}; builds its engine at first use" + "; auto takes this" * (fastest() == name))


def _opened_gpu() -> str:
    """What TensorRT would run on; raises the errors of RimlightError's tree that say what is missing or broken."""
    from rimlight.backends.tensorrt_network import TensorRtNetwork

    network = TensorRtNetwork(TINY, "cuda", "f16")
    network.close()
    return network.device


def codecs(_: Place) -> Check:
    """Encoders of PyAV that video files need."""
    import av

    missing = [name for name in CODECS if name not in av.codecs_available]
    if missing:
        lost = ", ".join(f"{name} ({CODECS[name]})" for name in missing)
        return Check("codecs", "warn", f"PyAV {av.__version__} has no {lost}", "pip install --force-reinstall av")
    return Check("codecs", "ok", f"PyAV {av.__version__}: {', '.join(CODECS)}")


def extras(_: Place, requires: list[str] | None = None) -> Check:
    """Extras of the installation whose packages are missing; requires as the package's metadata gives it."""
    wanted: dict[str, set[str]] = {}
    for line in importlib.metadata.requires("rimlight") or [] if requires is None else requires:
        match = re.match(r"""([\w.-]+).*extra == ['"]([\w-]+)['"]""", line)
        if match and match[2] not in LEFT_OUT and match[1] != "rimlight":
            wanted.setdefault(match[2], set()).add(match[1])
    missing = sorted(extra for extra, packages in wanted.items() if not all(map(_has, packages)))
    there = sorted(set(wanted) - set(missing))
    found = f"installed: {', '.join(there) or 'none'}; missing: {', '.join(missing) or 'none'}"
    if not missing:
        return Check("extras", "ok", found)
    return Check("extras", "absent", found, f"pip install 'rimlight[{','.join(missing)}]', or those of them you want")


def ndi(_: Place) -> Check:
    """Whether streams with alpha can be sent to OBS and mixers."""
    try:
        import cyndilib.sender  # noqa: F401
    except ModuleNotFoundError:
        return Check("NDI", "absent", "cyndilib is not installed", "pip install 'rimlight[ndi]'")
    except (ImportError, OSError) as error:
        return Check("NDI", "warn", f"cyndilib does not load: {error}", "pip install --force-reinstall cyndilib")
    return Check("NDI", "ok", f"cyndilib {importlib.metadata.version('cyndilib')}; --sink ndi sends alpha")


def window(place: Place) -> Check:
    """Whether a window can be opened, by which library."""
    import cv2

    match = re.search(r"GUI:\s+(\S+)", cv2.getBuildInformation())
    kind = match[1] if match and match[1] != "NONE" else ""
    if not kind and importlib.util.find_spec("_tkinter") is None:
        how = "apt install python3-tk" if place.linux else "install Python with tcl/tk"
        return Check("windows", "absent", "neither OpenCV nor Python has windows", f"{how}, or use opencv-python")
    by = f"OpenCV ({kind})" if kind else "tkinter"
    if place.linux and not (place.environ.get("DISPLAY") or place.environ.get("WAYLAND_DISPLAY")):
        return Check("windows", "absent", f"{by}, but no display here", "log in at the screen for --preview")
    return Check("windows", "ok", f"by {by}: --preview and --sink window work")


def obs(place: Place) -> Check:
    """OBS Studio, whose virtual camera Windows and macOS need."""
    in_path = shutil.which("obs", path=place.environ.get("PATH", "")) if place.root.samefile("/") else None
    for spot in OBS_PLACES.get(place.platform, ()):
        path = place.home / spot[2:] if spot.startswith("~") else place.path(spot)
        if in_path or path.exists():
            return Check("OBS", "ok", f"at {in_path or spot}")
    needed = "needed for streaming only" if place.linux else "--sink virtualcam uses its virtual camera"
    return Check("OBS", "absent", f"not found; {needed}", "install OBS Studio 30 or newer from obsproject.com")


def _has(package: str) -> bool:
    try:
        importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True
