"""An S3 server on this machine, as moto plays it, that commands find by the environment as they find a real one."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import need

from .runs import DUE_S

BUCKET = "clips"


@dataclass(frozen=True, slots=True)
class Store:
    """A bucket that keeps every version of what was ever visible in it. client: boto3's, of the same server."""

    client: Any

    def upload(self, folder: Path, below: str) -> str:
        """All files of a folder; returns their URL."""
        for path in folder.rglob("*"):
            if path.is_file():
                self.client.upload_file(str(path), BUCKET, f"{below}/{path.relative_to(folder).as_posix()}")
        return f"s3://{BUCKET}/{below}"

    def names(self, below: str) -> list[str]:
        """Of the objects below a folder, without it."""
        found = self.client.list_objects_v2(Bucket=BUCKET, Prefix=f"{below}/").get("Contents", [])
        return sorted(one["Key"].removeprefix(f"{below}/") for one in found)

    def history(self) -> list[str]:
        """Every object that was ever put into the bucket, and every removal."""
        found = self.client.list_object_versions(Bucket=BUCKET)
        return sorted(one["Key"] + one["VersionId"] for kind in ("Versions", "DeleteMarkers") for one in found[kind])

    def ever(self, below: str) -> dict[str, list[str]]:
        """MD5 of every version of the outputs below a folder, by name."""
        found: dict[str, list[str]] = {}
        for one in self.client.list_object_versions(Bucket=BUCKET, Prefix=f"{below}/").get("Versions", []):
            name = one["Key"].removeprefix(f"{below}/")
            if not name.startswith(".rimlight/"):
                found.setdefault(name, []).append(one["ETag"].strip('"'))
        return found

    def deny(self, *denied: tuple[str, str]) -> None:
        """Let nobody do these actions with the objects of these names."""
        statements = [
            {"Effect": "Deny", "Principal": "*", "Action": action, "Resource": f"arn:aws:s3:::{BUCKET}/{name}"}
            for action, name in denied
        ]
        policy = {"Version": "2012-10-17", "Statement": statements}
        self.client.put_bucket_policy(Bucket=BUCKET, Policy=json.dumps(policy))


@dataclass(slots=True)
class Gate:
    """Holds the first upload of an object whose name ends so, until it is opened. reached: one is held."""

    end: str
    reached: threading.Event = field(default_factory=threading.Event)
    opened: threading.Event = field(default_factory=threading.Event)

    def __call__(self, name: str) -> None:
        if name.endswith(self.end) and not self.reached.is_set():
            self.reached.set()
            self.opened.wait(DUE_S)


@contextmanager
def held(end: str) -> Iterator[Gate]:
    """A gate in the server, which is opened at the end."""
    from moto.s3.models import S3Backend

    gate, really = Gate(end), S3Backend.put_object

    def put_object(self: Any, bucket: str, key: str, *rest: Any, **named: Any) -> Any:
        gate(key)
        return really(self, bucket, key, *rest, **named)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(S3Backend, "put_object", put_object)
        try:
            yield gate
        finally:
            gate.opened.set()


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """A server and an environment that leads to it, and to no store and no account of the user's."""
    for package in ("moto", "s3fs", "boto3", "flask"):
        need("s3", importlib.util.find_spec(package) is not None, f"{package} is not installed")
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment(f"http://{host}:{port}", folder).items():
            patch.setenv(name, value)
        for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL_S3"):
            patch.delenv(name, raising=False)
        yield f"http://{host}:{port}"
    server.stop()


def environment(endpoint: str, folder: Path) -> dict[str, str]:
    """What leads the AWS libraries to an endpoint. folder: one without any configuration."""
    return {
        "AWS_ENDPOINT_URL": endpoint, "AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_DEFAULT_REGION": "us-east-1", "AWS_MAX_ATTEMPTS": "1", "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": str(folder / "config"), "AWS_SHARED_CREDENTIALS_FILE": str(folder / "credentials"),
        "FSSPEC_CONFIG_DIR": str(folder), "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1",
    }  # fmt: skip


def md5(folder: Path) -> dict[str, list[str]]:
    """What ever says of a folder of a store where each output of this folder appeared once."""
    found = (path for path in folder.rglob("*.mp4") if ".rimlight" not in path.parts)
    return {
        path.relative_to(folder).as_posix(): [hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()]
        for path in found
    }
