"""Tiny data sets in every published layout, made of pictures that can be told apart."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

import cv2
import numpy as np

from rimlight.types import UInt8Array

from ...realtime.sources.media import write_video

HEIGHT, WIDTH = 24, 32
DVM_FRAMES = 3


def picture(seed: int, height: int = HEIGHT, width: int = WIDTH) -> UInt8Array:
    """(H, W, 3) RGB, smooth, another for every seed."""
    noise = np.random.default_rng(seed).integers(0, 256, (4, 4, 3), np.uint8)
    return np.asarray(cv2.resize(noise, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)


def alpha(seed: int, height: int = HEIGHT, width: int = WIDTH) -> UInt8Array:
    """(H, W) with a soft disc whose place depends on the seed; holds exact 0 and 255."""
    y, x = np.mgrid[:height, :width]
    far = np.hypot(y - height / 2, x - width / 4 - seed % (width // 2))
    return np.asarray(np.clip((height / 3 - far) * 60 + 128, 0, 255), np.uint8)


def rgba(seed: int) -> UInt8Array:
    return np.dstack([picture(seed), alpha(seed)])


def write(path: Path, array: UInt8Array) -> Path:
    """Write RGB, RGBA or grey as the suffix says."""
    path.parent.mkdir(parents=True, exist_ok=True)
    order = {3: cv2.COLOR_RGB2BGR, 4: cv2.COLOR_RGBA2BGRA}
    stored = array if array.ndim == 2 else cv2.cvtColor(array, order[array.shape[2]])
    assert cv2.imwrite(str(path), stored)
    return path


def pair(image: Path, of_alpha: Path, seed: int) -> None:
    write(image, picture(seed))
    write(of_alpha, alpha(seed))


def movie(path: Path, images: Iterable[UInt8Array]) -> Path:
    """A video without loss beyond its colour space, BT.709 and marked so."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return write_video(path, images, pixel_format="yuv444p", options={"qp": "0"}, tags={"colorspace": 1})


def grey(of_alpha: UInt8Array) -> UInt8Array:
    return np.dstack([of_alpha] * 3)


def aisegment(root: Path) -> Path:
    for group in ("1803151818", "1803201916"):
        for number in range(3):
            name = f"{group}-{number:08d}"
            write(root / "clip_img" / group / "clip_00000000" / f"{name}.jpg", picture(number))
            write(root / "matting" / group / "matting_00000000" / f"{name}.png", rgba(number))
    # What is known to be wrong with the published archive.
    stray = root / "clip_img/1803241125/clip_00000000/._1803241125-00000005.jpg"
    stray.parent.mkdir(parents=True)
    stray.write_bytes(b"\x00\x05\x16\x07")
    (root / "matting/1803201916/._matting_00000000").mkdir()
    write(root / "matting/1803201916/matting_00000000/1803201916-00000117.png", rgba(9))
    return root


def composition1k(root: Path) -> Path:
    for folder, names in (
        ("Training_set/Adobe-licensed images", ("woman one", "man_two", "dandelion")),
        ("Training_set/Other", ("h_child", "v_glass")),
        ("Test_set/Adobe-licensed images", ("bride",)),
    ):
        for seed, name in enumerate(names):
            base = root / "Combined_Dataset" / folder
            pair(base / "fg" / f"{name}.png", base / "alpha" / f"{name}.jpg", seed)
            write(root / "Combined_Dataset/Test_set/Adobe-licensed images/trimaps" / f"{name}_0.png", alpha(seed))
    return root


def videomatte240k(root: Path, clips: tuple[int, int] = (3, 2), frames: int = 4) -> Path:
    for part, count in zip(("train", "test"), clips, strict=True):
        for number in range(count):
            for frame in range(frames):
                name = f"{number:04d}/{frame:05d}.jpg"
                pair(root / part / "fgr" / name, root / part / "pha" / name, 10 * number + frame)
    return root


def videomatte240k_movies(root: Path, frames: int = 5) -> Path:
    for part in ("train", "test"):
        for number in range(2):
            name, seeds = f"{number:04d}.mp4", range(10 * number, 10 * number + frames)
            movie(root / part / "fgr" / name, (picture(seed) for seed in seeds))
            movie(root / part / "pha" / name, (grey(alpha(seed)) for seed in seeds))
    return root


def videomatting108(root: Path, train: int = 4, held: int = 3) -> Path:
    table = {}
    names = [f"people/dance_{index}" for index in range(train)] + [f"animal_still_{index}" for index in range(held)]
    for seed, name in enumerate(names):
        for frame in range(3):
            write(root / "FG_done" / name / f"{frame:05d}.png", rgba(10 * seed + frame))
            table[f"{name}/{frame:05d}.png"] = f"airport/{frame:05d}.jpg"
    for seed, name in enumerate(("airport", "street")):
        for frame in range(5):
            write(root / "BG_done" / name / f"{frame:05d}.jpg", picture(100 * seed + frame))
    (root / "frame_corr.json").write_text(json.dumps(table))
    (root / "train_videos.txt").write_text("\n".join(names[:train]) + "\n")
    (root / "val_videos.txt").write_text("\n".join(names[train:]) + "\n")
    return root


def dvm(root: Path) -> Path:
    for number, (part, name) in enumerate((("train", "woman"), ("train", "boy"), ("test", "bride"))):
        base = root / "fg" / "image" / part
        pair(base / "fg" / f"{name}.png", base / "alpha" / f"{name}.png", number)
    for part in ("train", "test"):
        clip, seeds = root / "fg" / "video" / part / "0000", range(DVM_FRAMES)
        movie(clip / "f.mp4", (picture(seed) for seed in seeds))
        movie(clip / "a.mp4", (grey(alpha(seed)) for seed in seeds))
        movie(root / "bg" / part / "0000.mp4", (picture(seed) for seed in seeds))
    return root


def p3m10k(root: Path, train: int = 4) -> Path:
    for seed in range(train):
        pair(root / f"train/blurred_image/p_{seed:08x}.jpg", root / f"train/mask/p_{seed:08x}.png", seed)
    for part, images in (("P3M-500-P", "blurred_image"), ("P3M-500-NP", "original_image")):
        for seed in range(2):
            base = root / "validation" / part
            pair(base / images / f"p_{part}{seed}.jpg", base / "mask" / f"p_{part}{seed}.png", seed)
            write(base / "trimap" / f"p_{part}{seed}.png", alpha(seed))
    return root


def folder(root: Path) -> Path:
    """Everything that a plain folder can hold, at once."""
    pair(root / "fgr/ada.png", root / "alpha/ada.png", 1)
    for frame in (8, 9, 10):
        pair(root / f"fgr/walk/{frame}.jpg", root / f"alpha/walk/{frame}.png", frame)
    write(root / "backdrops/room.jpg", picture(3))
    for frame in range(2):
        write(root / f"backdrops/sea/{frame}.jpg", picture(frame))
    movie(root / "backdrops/street.mp4", (picture(seed) for seed in range(6)))
    write(root / "cut out.png", rgba(4))
    pair(root / "photo.jpg", root / "photo.a.jpg", 5)
    for frame in range(3):
        write(root / f"turning/{frame:03d}.png", rgba(frame))
        pair(root / f"talking/{frame:03d}.jpg", root / f"talking/{frame:03d}.a.png", frame)
    return root


def packed(root: Path) -> Path:
    """The packed layout, unpacked."""
    pair(root / "face/ada.jpg", root / "face/ada.a.jpg", 1)
    pair(root / "photo/street_1.5.jpg", root / "photo/street_1.5.a.jpg", 2)
    pair(root / "mask/crowd.jpg", root / "mask/crowd.a.jpg", 3)
    write(root / "bg/room.jpg", picture(4))
    for frame in range(3):
        pair(root / f"vid/talk/{frame:03d}.jpg", root / f"vid/talk/{frame:03d}.a.jpg", frame)
        pair(root / f"real/walk/{frame:03d}.jpg", root / f"real/walk/{frame:03d}.a.jpg", frame)
        write(root / f"bgv/sea/{frame:03d}.jpg", picture(frame))
    return root
