"""An S3 server on this machine: the bytes of a local run, kills, and refusals that are said in a line."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import psutil
import pytest
from click.testing import CliRunner

from rimlight.batch.places import expand
from rimlight.batch_commands import batch
from rimlight.errors import RimlightError

from .runs import OPTIONS, HerePool, begun, digests, ended, events, run_here, states, videos, wait_for
from .s3 import BUCKET, Store, held, md5, served

NOBODY = "http://127.0.0.1:9"
XML = "<?xml version='1.0'?><Error><Code>{}</Code><Message>{}</Message></Error>"


@pytest.fixture(scope="module", autouse=True)
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with served(tmp_path_factory.mktemp("nothing")):
        yield


@pytest.fixture(autouse=True)
def store() -> Iterator[Store]:
    """A bucket with nothing in it, and file systems that remember nothing."""
    import boto3
    import s3fs

    s3fs.S3FileSystem.clear_instance_cache()
    client = boto3.client("s3")
    client.create_bucket(Bucket=BUCKET)
    client.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    yield Store(client)
    bucket = boto3.resource("s3").Bucket(BUCKET)
    bucket.Policy().delete()
    bucket.object_versions.delete()
    bucket.delete()
    s3fs.S3FileSystem.clear_instance_cache()


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return videos(tmp_path_factory.mktemp("clips") / "in", short=2)


@pytest.fixture(scope="module")
def wanted(clips: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What local files give."""
    out = tmp_path_factory.mktemp("wanted") / "out"
    run_here(clips, out)
    return out


def call(*arguments: object) -> str:
    """What `rimlight batch` says in its one line; raises where it would give a traceback."""
    result = CliRunner().invoke(batch, [*map(str, arguments), "--quiet", *OPTIONS])
    if result.exception is not None and not isinstance(result.exception, RimlightError | SystemExit):
        raise result.exception
    said = str(result.exception) if isinstance(result.exception, RimlightError) else result.output
    assert "\n" not in said.rstrip()
    return said


# What comes out


def test_a_bucket_gives_the_bytes_that_local_files_give_and_once(
    tmp_path: Path, store: Store, clips: Path, wanted: Path
) -> None:
    url = store.upload(clips, "in")
    for expected in (["begin"] * 3 + ["part"] * 3 + ["join"], []):
        pool = HerePool()
        lines = run_here(url, f"s3://{BUCKET}/out", pool, state=tmp_path / "state")
        assert set(states(lines).values()) == {"done"}
        assert sorted(item.task for item in pool.given) == sorted(expected)
        assert store.ever("out") == md5(wanted)
    assert {name: line.digest for name, line in lines.items()} == digests(wanted)
    assert store.names("out") == sorted(lines)


def test_names_with_signs_go_through_and_leave_nothing(tmp_path: Path, store: Store, clips: Path, wanted: Path) -> None:
    name = "take [1]/100% #1? ü+&.mp4"
    store.client.upload_file(str(clips / "sub" / "long.mp4"), BUCKET, name)
    lines = run_here(f"s3://{BUCKET}/take [1]", f"s3://{BUCKET}/out [*]", state=tmp_path / "state")
    assert [(line.source, line.state) for line in lines.values()] == [(f"s3://{BUCKET}/{name}", "done")]
    assert list(store.ever("out [*]").values()) == [md5(wanted)["sub/long.mp4"]]
    assert store.names("out [*]") == ["100% #1? ü+&.mp4"]


def test_patterns_find_what_is_in_a_bucket_and_no_outputs(store: Store) -> None:
    for name in ("a.mp4", "b.txt", "sub/c.mov", "sub/deep/d.mp4", "out/a.mp4", ".hidden/e.mp4"):
        store.client.put_object(Bucket=BUCKET, Key=f"in/{name}", Body=b"x")

    def found(source: str) -> list[str]:
        return sorted(one.out for one in expand([f"s3://{BUCKET}/{source}"], f"s3://{BUCKET}/in/out", ".mp4"))

    assert found("in") == ["a.mp4", "sub/c.mp4", "sub/deep/d.mp4"]
    assert found("in/*.mp4") == ["a.mp4"]
    assert found("in/**/*.mp4") == ["a.mp4", "sub/deep/d.mp4"]
    assert found("in/sub/[c]*") == ["c.mp4"]
    assert found("") == ["in/a.mp4", "in/sub/c.mp4", "in/sub/deep/d.mp4"]
    store.client.put_object(Bucket=BUCKET, Key="in/f.mp4", Body=b"x")
    assert found("in/*.mp4") == ["a.mp4", "f.mp4"]


# Kills


def group_killed(process: subprocess.Popen[str]) -> None:
    os.killpg(process.pid, signal.SIGKILL)
    ended(process)


def worker_killed(process: subprocess.Popen[str]) -> None:
    for one in psutil.Process(process.pid).children():
        if "resource_tracker" not in " ".join(one.cmdline()):
            one.kill()


def test_processes_killed_amid_an_upload_leave_what_the_same_command_finishes(
    tmp_path: Path, store: Store, clips: Path, wanted: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    temp = tmp_path / "temp"
    temp.mkdir()
    monkeypatch.setenv("TMPDIR", str(temp))
    out, url = tmp_path / "out", store.upload(clips, "in")
    command = (url, out, "--out", f"s3://{BUCKET}/out", "--state", tmp_path / "state", "--workers", 1)
    with held("/1.mp4") as gate:  # a part
        process = begun(*command)
        wait_for(gate.reached.is_set, process)
        group_killed(process)
    assert len(list(temp.glob("*/*"))) == 1
    with held("out/sub/long.mp4") as gate:
        process = begun(*command)
        wait_for(gate.reached.is_set, process)
        assert len(list(temp.glob("*/*"))) == 1  # this worker's
        worker_killed(process)
    assert ended(process) == (0, "")
    assert {name: set(sums) for name, sums in store.ever("out").items()} == {
        name: set(sums) for name, sums in md5(wanted).items()
    }
    assert store.names("out") == sorted(md5(wanted))
    assert list(temp.iterdir()) == []
    done = [(event["source"], event["task"], event["number"]) for event in events(out, "done")]
    assert len(done) == len(set(done)) == 7
    history = store.history()
    assert call(url, "--out", f"s3://{BUCKET}/out", "--state", tmp_path / "state", "--workers", 1) == ""
    assert store.history() == history


# Refusals


@contextmanager
def answering(status: int, code: str) -> Iterator[str]:
    """A server that answers every request so."""

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            body = XML.format(code, "not today").encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        do_GET = do_HEAD = do_PUT = answer

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=[0.02], daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize(
    ("status", "code", "source", "said"),
    [(403, "AccessDenied", "in", "not today"), (500, "InternalError", "in/*.mp4", "Internal Server Error")],
)
def test_a_store_that_refuses_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: int, code: str, source: str, said: str
) -> None:
    with answering(status, code) as endpoint:
        monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
        found = call(f"s3://{BUCKET}/{source}", "--out", tmp_path / "out")
    assert found == f"s3://{BUCKET}/{source} cannot be read: {said}; check the store and its permissions"
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("AWS_ENDPOINT_URL", NOBODY, "Could not connect to the endpoint URL"),
        ("AWS_ENDPOINT_URL", "nonsense", "Invalid endpoint: nonsense"),
        ("AWS_ACCESS_KEY_ID", "", "Unable to locate credentials"),
        ("AWS_PROFILE", "nobody", "The config profile (nobody) could not be found"),
    ],
)
def test_what_keeps_from_a_store_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str
) -> None:
    monkeypatch.setenv(name, value)
    for places in ((f"s3://{BUCKET}/in", "--out", tmp_path / "out"), ("in.mp4", "--out", f"s3://{BUCKET}/out")):
        found = call(*places, "--state", tmp_path / "state")
        assert f"s3://{BUCKET}/" in found
        assert said in found
        assert not (tmp_path / "state").exists()


def test_the_command_ends_with_a_line_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", NOBODY)
    code, said = ended(begun(f"s3://{BUCKET}/in", tmp_path / "out"))
    assert (code, said.count("\n")) == (2, 1)
    assert said.startswith(f"rimlight: s3://{BUCKET}/in cannot be read: Could not connect to the endpoint URL: ")


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (f"s3://{BUCKET}/none/*.mp4", "no video in"),
        ("s3://none/*.mp4", "no video in"),
        ("s3://No Bucket/in", "Invalid bucket name"),
        ("s3://", "cannot be read: Cannot traverse all of S3"),
    ],
)
def test_what_no_bucket_has_is_said(tmp_path: Path, source: str, said: str) -> None:
    assert said in call(source, "--out", tmp_path / "out")


@pytest.mark.parametrize("source", [f"s3://{BUCKET}/none.mp4", "s3://none/a.mp4"])
def test_an_object_that_is_not_there_fails_with_that_reason(tmp_path: Path, source: str) -> None:
    (line,) = run_here(source, tmp_path / "out").values()
    assert (line.state, line.reason) == ("failed", f"no file {source}; check the path")


def test_objects_that_are_denied_are_left_out_and_the_others_done(tmp_path: Path, store: Store, clips: Path) -> None:
    url = store.upload(clips, "in")
    store.deny(("s3:GetObject", "in/0.mp4"), ("s3:PutObject", "out/1.mp4"))
    lines = run_here(url, f"s3://{BUCKET}/out", state=tmp_path / "state", tries=1)
    assert states(lines) == {"0.mp4": "quarantined", "1.mp4": "quarantined", "sub/long.mp4": "done"}
    assert lines["0.mp4"].reason.startswith(f"{url}/0.mp4 cannot be read: Forbidden; ")
    assert lines["1.mp4"].reason.startswith(f"s3://{BUCKET}/out/1.mp4 cannot be written: Forbidden; ")


def test_an_output_bucket_that_takes_nothing_is_said_before_any_work(tmp_path: Path, store: Store, clips: Path) -> None:
    store.deny(("s3:PutObject", "out/*"))
    for out, said in ((f"s3://{BUCKET}/out", "Forbidden"), ("s3://none/out", "The specified bucket does not exist")):
        found = call(clips, "--out", out, "--state", tmp_path / "state")
        assert found.startswith(f"{out}/.rimlight/")
        assert f"cannot be written: {said}; check" in found
        assert not (tmp_path / "state").exists()
    assert [one["Name"] for one in store.client.list_buckets()["Buckets"]] == [BUCKET]
