"""Which codec writes which kind of file, with alpha and without."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import cv2

from rimlight.errors import SinkError
from rimlight.realtime.sinks.base import PixelFormat
from rimlight.realtime.sinks.options import Options
from rimlight.realtime.sinks.packing import PackBeside, PackBgra, Packer, PackPlanes, PackPlanesAlpha, PackYuva444
from rimlight.types import Size


@dataclass(frozen=True, slots=True)
class Format:
    """A codec as it is used here. yuv: BT.709 limited range, and tagged so. knobs: which of preset and crf it takes."""

    codec: str
    pixel_format: str
    wants: PixelFormat
    packer: Callable[[Size], Packer]
    options: dict[str, str] = field(default_factory=dict)
    knobs: tuple[str, ...] = ()
    alpha: bool = False
    yuv: bool = True


PRESETS = ("ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow")
WORST_CRF = 51
# Of one narrow video in one thread, x264's AVX-512 code (core 165) wrote up to eight different files in 120 runs; its
# AVX2 code wrote one in thousands, the one that AVX-512 mostly gives.
AVX512F = 13  # of cv::CpuFeatures, whose names are not in Python
WITHOUT_AVX512 = "asm=AVX2,FMA3,BMI2,LZCNT"

H264_OPTIONS = {"preset": "veryfast", "crf": "18"}
# Alternate reference frames are what alpha in VP9 cannot have; "realtime" is many times faster than "good".
VP9_OPTIONS = {"deadline": "realtime", "cpu-used": "8", "row-mt": "1", "auto-alt-ref": "0", "crf": "24", "b": "0"}
PRORES_OPTIONS = {"profile": "4444", "vendor": "apl0", "alpha_bits": "16"}
FFV1_OPTIONS = {"level": "3", "slicecrc": "1"}

H264 = Format("libx264", "yuv420p", "i420", PackPlanes, H264_OPTIONS, ("preset", "crf"))
H264_BESIDE = Format("libx264", "yuv420p", "rgba", PackBeside, H264_OPTIONS, ("preset", "crf"), alpha=True)
VP9 = Format("libvpx-vp9", "yuv420p", "i420", PackPlanes, VP9_OPTIONS, ("crf",))
VP9_ALPHA = Format("libvpx-vp9", "yuva420p", "rgba", PackPlanesAlpha, VP9_OPTIONS, ("crf",), alpha=True)
PRORES_4444 = Format("prores_ks", "yuva444p10le", "rgba", PackYuva444, PRORES_OPTIONS, alpha=True)
FFV1 = Format("ffv1", "bgra", "rgba", PackBgra, FFV1_OPTIONS, alpha=True, yuv=False)


@dataclass(frozen=True, slots=True)
class FileKind:
    """container: FFmpeg's name of it. plain, alpha: what is written into it without and with alpha."""

    container: str
    plain: Format
    alpha: Format | None = None


KINDS = {
    ".mp4": FileKind("mp4", H264),
    ".m4v": FileKind("mp4", H264),
    ".mov": FileKind("mov", H264, PRORES_4444),
    ".mkv": FileKind("matroska", H264, FFV1),
    ".webm": FileKind("webm", VP9, VP9_ALPHA),
}
CARRIERS = ".mov (ProRes 4444), .webm (VP9), .mkv (FFV1) or numbered pictures (out/%05d.png)"


def choose(path: Path, options: Options) -> tuple[str, Format]:
    """FFmpeg's name of the container and the format for a path; raises SinkError that names what would do."""
    kind = KINDS.get(path.suffix.lower())
    if kind is None:
        raise SinkError(f"expected a file ending in {', '.join(KINDS)}, got {path.name}; rename it")
    form: Format | None = kind.plain
    if options.alpha == "side-by-side":
        form = H264_BESIDE if kind.plain is H264 else None
        if form is None:
            raise SinkError(f"side-by-side is written as H.264, which {path.suffix} cannot hold; write .mp4")
    elif options.alpha:
        form = kind.alpha
    if form is None:
        raise SinkError(f"{path.suffix} cannot hold alpha; write {CARRIERS}, or lay the matte beside with side-by-side")
    return kind.container, form


def codec_options(form: Format, options: Options) -> dict[str, str]:
    """What the encoder is told: the format's own settings with the user's in their place; raises SinkError."""
    given = {"preset": options.preset, "crf": None if options.crf is None else str(options.crf)}
    asked = {name: value for name, value in given.items() if value is not None}
    for name in asked:
        if name not in form.knobs:
            raise SinkError(f"{form.codec} takes no {name}; leave it out")
    if options.preset is not None and options.preset not in PRESETS:
        raise SinkError(f"expected a preset of {', '.join(PRESETS)}, got {options.preset}")
    if options.crf is not None and not 0 <= options.crf <= WORST_CRF:
        raise SinkError(f"expected a crf of 0 (best) to {WORST_CRF}, got {options.crf}")
    return form.options | asked | ({} if options.threads is None else _exact(form, options.threads))


def _exact(form: Format, threads: int) -> dict[str, str]:
    """What makes an encoder write the same bytes every time."""
    if form.codec == "libx264" and cv2.checkHardwareSupport(AVX512F):
        return {"threads": str(threads), "x264-params": WITHOUT_AVX512}
    return {"threads": str(threads)}
