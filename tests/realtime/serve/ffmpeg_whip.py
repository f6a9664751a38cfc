"""Publishes one colour by FFmpeg's own WHIP until its standard input ends; run by test_whip.py.

A process of its own: FFmpeg holds Python's lock while it waits for the answer.
"""

from __future__ import annotations

import sys
import threading
from fractions import Fraction

import av
import numpy as np

HEIGHT, WIDTH, FPS = 180, 320, 30
MOST_S = 60


def main(url: str, cert_file: str, key_file: str, colour: str) -> None:
    """Send frames at an even pace."""
    ended = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), ended.set()), daemon=True).start()
    picture = np.empty((HEIGHT, WIDTH, 3), np.uint8)
    picture[:] = [int(part) for part in colour.split(",")]
    options = {"cert_file": cert_file, "key_file": key_file}
    with av.open(url, "w", format="whip", options=options) as container:
        stream = container.add_stream("libx264", rate=FPS, options={"preset": "ultrafast", "tune": "zerolatency"})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.codec_context.profile = "Constrained Baseline"
        stream.codec_context.gop_size = FPS // 2
        stream.codec_context.max_b_frames = 0
        for index in range(MOST_S * FPS):
            frame = av.VideoFrame.from_ndarray(picture, "rgb24")
            frame.pts, frame.time_base = index, Fraction(1, FPS)
            container.mux(stream.encode(frame))
            if ended.wait(1 / FPS):
                return


main(*sys.argv[1:])
