"""What the machine and its system have: processor, GPU, folders, the loopback module, rights, Secure Boot."""

from __future__ import annotations

import os
from pathlib import Path

from rimlight.backends import installed
from rimlight.benchmarks.gpu.facts import gpus
from rimlight.benchmarks.machine import cpu_flags, cpu_model, usable_cores
from rimlight.doctor.check import Check, Place

LOADED = "/sys/module/v4l2loopback"
DEVICES = "/sys/devices/virtual/video4linux"
EFI = "/sys/firmware/efi"
SECURE_BOOT = EFI + "/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"  # EFI_GLOBAL_VARIABLE
OPTIONS = "exclusive_caps=1 card_label=rimlight video_nr=10"
LOAD = f"sudo modprobe v4l2loopback {OPTIONS}"
INSTALL = "sudo apt install v4l2loopback-dkms (or your distribution's package), then " + LOAD
FAST = ("avx2", "asimd")
FASTER = ("avx512_bf16", "avx512_vnni", "avx_vnni", "amx_tile", "bf16")


def processor(_: Place) -> Check:
    """The processor, and the instruction sets that decide how fast the network runs."""
    flags = cpu_flags()
    cores = usable_cores()
    found = f"{cpu_model() or 'unknown'}, {cores} core{'s' * (cores != 1)}; {' '.join(flags) or 'no flags to be seen'}"
    if flags and not set(FAST) & set(flags):
        return Check("processor", "warn", found, "no AVX2: expect a few frames per second; use --detail 256")
    lacks = (
        ""
        if not flags or set(FASTER) & set(flags)
        else "; no bfloat16 or VNNI, so the network takes about twice the time"
    )
    return Check("processor", "ok", found + lacks)


def gpu(place: Place) -> Check:
    """NVIDIA GPUs, and whether something is installed that runs the network and the pictures on them."""
    name = "GPU"
    there = gpus(place.environ.get("PATH", ""))
    if not there:
        return Check(name, "absent", "no NVIDIA GPU that nvidia-smi knows of; the processor does all")
    found = "; ".join(f"{one['name']}, {one['memory.total']}, driver {one['driver_version']}" for one in there)
    options = {"tensorrt": "--backend tensorrt", "torch": "--backend torch --device cuda"}
    ways = [option for backend, option in options.items() if installed(backend)]
    if not ways:
        fix = "pip install 'rimlight[tensorrt]', or 'rimlight[torch]'"
        return Check(name, "warn", f"{found}; nothing here uses it", fix)
    return Check(name, "ok", f"{found}; {' or '.join(ways)} keeps frames on it")


def caches(place: Place) -> Check:
    """The folder that keeps compiled pixel loops between starts."""
    windows = place.environ.get("LOCALAPPDATA") if place.platform == "win32" else None
    base = Path(windows or place.environ.get("XDG_CACHE_HOME") or place.home / ".cache")
    folder = base / "rimlight"
    there = next(path for path in (folder, *folder.parents) if path.exists())
    if there.is_dir() and place.may_write(there):
        return Check("cache", "ok", f"{folder} may be written")
    return Check("cache", "warn", f"{there} may not be written, so pixel loops are compiled anew at every start",
                 "make it yours (chown), or set XDG_CACHE_HOME to a folder that is")  # fmt: skip


def loopback(place: Place) -> Check:
    """The kernel module behind virtual cameras on Linux: there, loaded, and so that browsers list its device."""
    name = "v4l2loopback"
    if not place.linux:
        return Check(name, "absent", "a Linux module; here virtual cameras come with OBS")
    if not place.path(LOADED).is_dir():
        if _built(place):
            return Check(name, "warn", f"installed for kernel {place.release}, not loaded", LOAD)
        return Check(name, "absent", f"not installed for kernel {place.release}", INSTALL)
    devices = [path.name for path in sorted(place.path(DEVICES).glob("video*"))]
    labels = [f"/dev/{device} {place.text(f'{DEVICES}/{device}/name')!r}" for device in devices]
    caps = place.text(f"{LOADED}/parameters/exclusive_caps").split(",")
    found = f"{place.text(f'{LOADED}/version') or 'of unknown version'}, loaded: {', '.join(labels) or 'no device'}"
    again = f"close what uses it, then: sudo modprobe -r v4l2loopback && {LOAD}"
    if not devices:
        return Check(name, "warn", found, again)
    if "N" in caps[: len(devices)] or not any(caps):
        return Check(name, "warn", f"{found}; without exclusive_caps=1 browsers and Zoom do not list it", again)
    return Check(name, "ok", f"{found}, exclusive_caps=1")


def rights(place: Place) -> Check:
    """Whether cameras may be opened by this user."""
    name = "camera rights"
    if not place.linux:
        return Check(name, "ok", "the system asks when a camera is first opened")
    if place.is_root:
        return Check(name, "ok", "root may open every device")
    closed = [f"/dev/{path.name}" for path in sorted(place.path("/dev").glob("video*")) if not place.may_open(path)]
    user = place.environ.get("USER", "$USER")
    fix = f"sudo usermod -aG video {user}, then log out and in again"
    if closed:
        return Check(name, "fail", f"{', '.join(closed)} may not be opened", fix)
    if "video" in place.groups:
        return Check(name, "ok", "in the group video")
    if any(place.path("/dev").glob("video*")):
        return Check(name, "ok", "not in the group video, but every video device may be opened")
    return Check(name, "warn", "not in the group video", fix)


def secure_boot(place: Place) -> Check:
    """Secure Boot, under which modules that were built here must be signed."""
    name = "Secure Boot"
    if not place.linux:
        return Check(name, "ok", "matters on Linux only")
    variable = place.path(SECURE_BOOT)
    try:
        if not place.path(EFI).is_dir():
            return Check(name, "ok", "no EFI here: own modules load")
        if not variable.is_file():
            return Check(name, "ok", "the firmware has none: own modules load")
        if variable.read_bytes()[4:5] != b"\x01":  # after four bytes of attributes
            return Check(name, "ok", "off: own modules load")
    except PermissionError:
        return Check(name, "ok", "may not be looked at from here, a container for instance")
    fix = "if modprobe says 'Key was rejected': sudo mokutil --import /var/lib/dkms/mok.pub, restart, enrol the key"
    return Check(name, "warn", "on: v4l2loopback must be signed with an enrolled key", fix)


def _built(place: Place) -> bool:
    """Whether the module lies in the folders of the running kernel; depmod's list is not always fresh."""
    folder = f"/lib/modules/{place.release}"
    if "v4l2loopback" in place.text(f"{folder}/modules.dep"):
        return True
    corners = ("updates", "extra", "misc", "kernel/drivers/media")
    return any(
        name.startswith("v4l2loopback.ko")
        for corner in corners
        for _, _, names in os.walk(place.path(f"{folder}/{corner}"))
        for name in names
    )
