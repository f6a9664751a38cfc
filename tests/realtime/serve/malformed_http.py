"""HTTP that is none: addresses, methods, headers, sizes, chunks and bytes that nobody should send."""

from __future__ import annotations

import random

from tests.realtime.serve.wrong import JSON, SDP, SESSIONS, Target, Wrong, raw


def bad_path(rng: random.Random, target: Target) -> Wrong:
    """Addresses that lead nowhere, out of the page's folder or to what must not be named."""
    up = rng.choice(["../", "..%2f", "%2e%2e/", "%2e%2e%2f", "..%5c", "....//", "..;/", "%252e%252e/"]) * rng.randrange(
        1, 9
    )
    files = ["etc/passwd", "app.py", "service.py", "proc/self/environ", "index.html%00", "page/app.js", ".git/config"]
    paths = [
        f"/static/{up}{rng.choice(files)}",
        f"/api/gallery/{up}{rng.choice(files)}.jpg",
        f"/{up}{rng.choice(files)}",
        f"/whip/{rng.choice(['a.b', 'a%2fb', '%00', 'x' * 65, 'ü', '%ff', 'a b', '', 'a/b/c'])}",
        f"{SESSIONS}/{rng.choice(['x' * 65, '%00', '..', 'none', '%e2%82', '-', target.key + '/backdrop/x'])}",
        f"/{rng.choice(['admin', 'static', 'static/', 'api', 'api/', 'metrics/', 'healthz/', 'whip', 'whep/'])}",
        "/" + "a" * rng.randrange(2000, 7000),
        "/" + "/".join("x" * 200),
        f"/static/{rng.randbytes(6).hex()}.js",
        "/%",
        "/%zz",
        f"/api/gallery/{rng.choice(['none', '%2e', 'dusk.png', 'x' * 100])}.jpg",
    ]
    return Wrong("path", raw(target, "GET", rng.choice(paths)))


def wrong_method(rng: random.Random, target: Target) -> Wrong:
    """Methods that an address does not have."""
    paths = {
        "/": "POST PUT PATCH DELETE", "/healthz": "POST DELETE PATCH", "/metrics": "POST PUT", "/openapi.json": "PUT",
        "/api/info": "POST DELETE", SESSIONS: "GET PUT DELETE PATCH", f"{SESSIONS}/{target.key}": "POST PUT",
        f"{SESSIONS}/{target.key}/backdrop": "GET POST DELETE", "/whip/fuzz": "GET PUT DELETE PATCH",
        "/whip/fuzz/x": "PATCH GET POST", "/whep/fuzz": "GET PUT", "/static/app.js": "POST DELETE",
    }  # fmt: skip
    path = rng.choice(list(paths))
    method = rng.choice([*paths[path].split(), "PROPFIND", "TRACE", "CONNECT", "FOO", "get", "M-SEARCH", "G" * 300])
    return Wrong(f"method {method[:9]}", raw(target, method, path), silent=method == "CONNECT")


def bad_headers(rng: random.Random, target: Target) -> Wrong:
    """Headers that are too large, too many, twice, of somebody else or not headers at all."""
    mores = [
        ["X-Large: " + "x" * rng.randrange(9000, 60_000)],
        [f"X-{number}: y" for number in range(rng.randrange(150, 400))],
        ["Host: 127.0.0.1"],
        ["Origin: https://evil.example"],
        [f"Origin: http://{target.host}", "Origin: null"],
        ["Origin: null"],
        ["No colon here"],
        [": empty"],
        ["X-Bad\x00: y"],
        ["X y: z"],
        [" folded: line"],
        ["Content-Length: -5"],
        ["Content-Length: five"],
        ["Content-Length: 5", "Content-Length: 6"],
        ["Content-Length: 99999999999999999999999"],
        ["Transfer-Encoding: chunked", "Content-Length: 5"],
        ["Transfer-Encoding: gzip"],
        ["Authorization: " + "Bearer " * 500],
        ["Cookie: " + "a=b; " * 3000],
        ["Range: bytes=0-0,-1", "If-Match: " + '"x",' * 900],
        ["Upgrade: websocket", "Sec-WebSocket-Key: x"],
    ]
    hosts = [
        "evil.example",
        "127.0.0.1.evil.example",
        "",
        "127.0.0.1:x",
        "[::1",
        "localhost@evil.example",
        "a b",
        "0.0.0.0",
    ]
    if rng.random() < 0.3:
        return Wrong("host", raw(target, "GET", "/healthz", host=rng.choice(hosts)))
    return Wrong("headers", raw(target, "GET", "/nowhere", more=rng.choice(mores)))


def huge_body(rng: random.Random, target: Target) -> Wrong:
    """More than is taken, said or not."""
    size = rng.randrange(140_000, 600_000)
    return rng.choice([
        Wrong("huge", raw(target, "POST", SESSIONS, b'{"sdp": "' + b"x" * size + b'"}', JSON)),
        Wrong("huge", raw(target, "POST", "/whip/fuzz", b"v=0\r\n" * (size // 5), SDP)),
        Wrong("huge", raw(target, "PATCH", f"{SESSIONS}/{target.key}", b" " * size, JSON)),
        Wrong("huge", raw(target, "PUT", f"{SESSIONS}/{target.key}/backdrop", b"", "image/png").replace(
            b"Content-Length: 0", b"Content-Length: %d" % 10**11)),
        Wrong("huge", raw(target, "POST", SESSIONS, b"", JSON).replace(b"Length: 0", b"Length: 900000000")),
    ])  # fmt: skip


def bad_chunks(rng: random.Random, target: Target) -> Wrong:
    """Bodies in chunks that are none, or that end in the middle."""
    head = raw(target, "POST", SESSIONS, b"", JSON).replace(b"Content-Length: 0", b"Transfer-Encoding: chunked")
    tails = [
        b"zz\r\nabc\r\n0\r\n\r\n", b"-5\r\nabc\r\n0\r\n\r\n", b"5\r\nab", b"ffffffffffffffffffff\r\nabc",
        b"5;" + b"x" * 20_000,
        b"3\r\nabcd\r\n0\r\n\r\n", rng.randbytes(200), b"\r\n\r\n", b"20000\r\n" + b"x" * 0x20000 + b"\r\n0\r\n\r\n",
        b"1\r\n{\r\n" * 2000, b"0\r\nX: " + b"y" * 20_000 + b"\r\n\r\n", b"2\r\n{}\r\n0\r\n\r\n",
    ]  # fmt: skip
    return Wrong("chunks", head + rng.choice(tails), half=True, silent=True)


def garbage(rng: random.Random, target: Target) -> Wrong:
    """What is no HTTP."""
    texts = [
        rng.randbytes(rng.randrange(1, 3000)), b"", b"\r\n" * 100, b"SSH-2.0-OpenSSH_9.2\r\n", b"GET",
        b"GET / HTTP/1.1\r\nHost", b"HTTP/1.1 200 OK\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + rng.randbytes(300), b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET /nowhere HTTP/9.9\r\n\r\n", b"GET /nowhere\r\n\r\n", b"\0" * 500, b"A" * 100_000,
        raw(target, "POST", SESSIONS, b"{" * 50, JSON)[:-30], b"GET http:// HTTP/1.1\r\n\r\n",
        raw(target, "GET", "/nowhere") + rng.randbytes(100),
    ]  # fmt: skip
    return Wrong("garbage", rng.choice(texts), half=True, silent=True)
