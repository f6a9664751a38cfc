"""Bodies that are none: JSON, settings, offers and pictures that nobody should send."""

from __future__ import annotations

import json
import random
import struct
import zlib

from tests.realtime.serve.wrong import JSON, SDP, SESSIONS, Target, Wrong, raw


def bad_json(rng: random.Random, target: Target) -> Wrong:
    """Bodies that are no JSON, or none that can be worked with."""
    good = json.dumps({"sdp": target.offer, "settings": {"feather": 2}})
    texts = [
        good[: rng.randrange(len(good))].encode(),
        good.replace(rng.choice('{":'), "", 1).encode(),
        rng.randbytes(rng.randrange(1, 400)),
        b"[" * rng.randrange(1000, 100_000),
        b'{"sdp": ' * rng.randrange(100, 9000),
        good.encode("cp037"),
        b'{"sdp": "\\ud800"}',
        b'{"sdp": NaN}',
        b'{"sdp": ' + b"9" * rng.randrange(5000, 20_000) + b"}",
        b"",
        b" " * 1000,
        b"null",
        b'"v=0"',
        good.encode() + b"}",
        b"\0" * 100,
    ]
    path, method = rng.choice([(SESSIONS, "POST"), (f"{SESSIONS}/{target.key}", "PATCH")])
    return Wrong("json", raw(target, method, path, rng.choice(texts), JSON))


def wrong_types(rng: random.Random, target: Target) -> Wrong:
    """JSON of the wrong shape around an offer that is right."""
    odd = rng.choice([None, 1, -1e300, True, [], {}, "", "x" * 5000, [[]], {"sdp": 1}, "\0", "é" * 100, 10**400])
    wholes: list[object] = [
        {"sdp": rng.choice([None, 1, 2.5, True, [], {}, [target.offer]])},
        {"sdp": target.offer, "settings": rng.choice([1, [], "blur", None, True, [{}]])},
        {"sdp": target.offer, "more": odd},
        {"settings": {}},
        {"offer": target.offer},
        [target.offer],
        {"sdp": target.offer, "settings": bad_settings(rng, odd)},
    ]
    return Wrong("types", raw(target, "POST", SESSIONS, json.dumps(rng.choice(wholes)).encode(), JSON))


def bad_settings(rng: random.Random, odd: object) -> dict[str, object]:
    """Settings with at least one that cannot be."""
    backdrops = [
        "/etc/passwd", "file:///etc/passwd", "http://127.0.0.1/", "blur:2", "blur:-1", "blur:nan", "#12345", "#gggggg",
        "gallery:", "gallery:../../etc/passwd", "gallery:none", "gallery:\0", "image.png", "blur:0.5\n", odd,
    ]  # fmt: skip
    return rng.choice([
        {"backdrop": rng.choice(backdrops)},
        {"quality": rng.choice(["best", "LOW", odd])},
        {"feather": rng.choice([-1, 21, 1e308, "2", None, [], True])},
        {"shift": rng.choice([-2, 1.01, "0", None, False])},
        {"decontaminate": rng.choice([0, 1, "true", None, []])},
        {"paused": rng.choice([0, 1, "no", None, {}])},
        {"feather": 1, "height": 4},
        {"__class__": 1},
        {"x" * rng.randrange(1, 3000): 1},
    ])  # fmt: skip


def bad_patch(rng: random.Random, target: Target) -> Wrong:
    """Changes of a session that lives."""
    odd = rng.choice([None, 1, [], {}, "", "x" * 5000, 10**400])
    whole = rng.choice([bad_settings(rng, odd), [], 1, None, "blur", [bad_settings(rng, odd)]])
    return Wrong("patch", raw(target, "PATCH", f"{SESSIONS}/{target.key}", json.dumps(whole).encode(), JSON))


FATAL = ("a=ice-ufrag", "a=ice-pwd", "a=fingerprint", "a=setup", "m=video", "a=mid", "a=rtpmap", "v=")


def bad_sdp(rng: random.Random, target: Target) -> Wrong:
    """A real offer, damaged here and there, that lacks something without which there is no connection."""
    lines = target.offer.split("\r\n")
    for _ in range(rng.randrange(6)):
        place = rng.randrange(len(lines))
        line = lines[place]
        cut = rng.randrange(len(line) + 1)
        lines[place] = rng.choice([
            "", line[:cut], line * 2, line[:cut] + rng.choice("\t=:;\\/\x7f0 ") + line[cut:], line.upper(),
            line.replace(" ", "  "), line[:2] + "9" * rng.randrange(1, 400), line[:2], "a=" + "x" * rng.randrange(3000),
        ])  # fmt: skip
    gone = rng.choice(FATAL)
    text = "\r\n".join(line for line in lines if not line.lower().startswith(gone))
    text = rng.choice([text, text, text, text[: rng.randrange(40)], "", "v=0\r\n" * 500, "v=0\r\n" + "m=video" * 3000])
    path, kind = rng.choice([(SESSIONS, JSON), ("/whip/fuzz", SDP), ("/whep/fuzz", SDP)])
    body = json.dumps({"sdp": text}) if kind == JSON else text
    return Wrong(f"sdp without {gone}", raw(target, "POST", path, body.encode(), kind))


def wrong_content(rng: random.Random, target: Target) -> Wrong:
    """Bodies that are right under a type that is not."""
    kinds = [None, "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "image/png",
             "application/", "/", ";", "application/json2", "text/html; charset=\x00", "a/b/c", "x" * 2000]  # fmt: skip
    encoding = rng.choice(["gzip", "deflate", "br", "gzip, gzip", "zstd", "x"])
    body = json.dumps({"sdp": target.offer}).encode()
    return rng.choice([
        Wrong("content", raw(target, "POST", SESSIONS, body, rng.choice([*kinds, SDP]))),
        Wrong("content", raw(target, "POST", "/whip/fuzz", target.offer.encode(), rng.choice([*kinds, JSON]))),
        Wrong("content", raw(target, "PATCH", f"{SESSIONS}/{target.key}", b"{}", rng.choice([*kinds, SDP]))),
        Wrong("encoding", raw(target, "POST", SESSIONS, body, JSON, [f"Content-Encoding: {encoding}"])),
        Wrong("bytes", raw(target, "POST", "/whip/fuzz", b"\xff\xfe" + rng.randbytes(100), SDP)),
    ])  # fmt: skip


def png(width: int, height: int, data: bytes) -> bytes:
    """A PNG of that header (RFC 2083, section 3) with these bytes as its picture."""
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)), (b"IDAT", data), (b"IEND", b"")]
    body = b"".join(
        struct.pack(">I", len(part)) + name + part + struct.pack(">I", zlib.crc32(name + part)) for name, part in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + body


def bad_upload(rng: random.Random, target: Target) -> Wrong:
    """Pictures that are none, or would be too large once decoded."""
    side = rng.randrange(20_000, 2**31 - 1)
    bodies = [
        b"", rng.randbytes(500), b"GIF89a" + rng.randbytes(100), b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        png(side, side, zlib.compress(b"\0" * 10_000)), png(64, 64, b""), png(64, 64, zlib.compress(b"\1" * 9000)[:20]),
        png(0, 0, zlib.compress(b"")), b"\xff\xd8\xff\xe0" + rng.randbytes(300),
        b"RIFF\xff\xff\xff\xffWEBPVP8X" + b"\xff" * 30, b"\x89PNG\r\n\x1a\n", b"%PDF-1.4", b"\0" * 1000,
    ]  # fmt: skip
    kind = rng.choice(["image/png", "image/jpeg", "image/webp", "image/svg+xml", "image/", "text/plain", "video/mp4"])
    return Wrong("upload", raw(target, "PUT", f"{SESSIONS}/{target.key}/backdrop", rng.choice(bodies), kind))
