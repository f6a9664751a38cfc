"""An image of the service, tried as it would be run; `scripts/image_check` builds it and runs this.

    python -m tests.image_check IMAGE ENGINE…      such as: rimlight podman

Prints what was seen, and ends with a traceback where something is not as it should be.
"""

from __future__ import annotations

import json
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

from tests.conftest import ROOT
from tests.realtime.serve.clients import Camera, people, run, until

USER = 10001
START_S = 300.0  # the start period that the image's health check has
KNOWN = {"PATH", "PYTHONDONTWRITEBYTECODE", "XDG_CACHE_HOME", "HOME"}
LIMITS = ("--ulimit", "nofile=4096:4096", "--ulimit", "nproc=4096:4096")  # an engine's own may be above what it may set
INSIDE = """
import json, os, pathlib, shutil
home = pathlib.Path("/opt/rimlight")
package = next(home.glob("lib/python*/site-packages/rimlight"))
places = ["/root/.cache", "/root/.config", "/root/.pip", "/etc/pip.conf", "/etc/xdg/pip", "/src",
          "/var/cache/rimlight/*", "/var/lib/apt/lists/*", "/var/cache/apt/archives/*.deb", "/tmp/*",
          "/opt/rimlight/pip.conf", "/opt/rimlight/bin/pip*", "/opt/rimlight/**/__pycache__", "/opt/rimlight/**/*.pyc"]
print(json.dumps({
    "files": [str(path.relative_to(package)) for path in package.rglob("*") if path.is_file()],
    "left": [str(path) for place in places for path in pathlib.Path("/").glob(place[1:])],
    "programs": [name for name in ("gcc", "cc", "g++", "make", "git") if shutil.which(name)],
    "own_mib": sum(path.lstat().st_size for path in home.rglob("*") if path.is_file()) / 2**20,
}))
"""


@dataclass(frozen=True, slots=True)
class Engine:
    """docker or podman, with the options that stand before its commands."""

    words: tuple[str, ...]

    def ask(self, *words: str, fails: bool = False) -> str:
        """What a command printed; fails: it may fail, and then it is "" that comes."""
        done = subprocess.run([*self.words, *words], capture_output=True, text=True, check=False, timeout=120)
        if done.returncode != 0 and not fails:
            raise AssertionError(f"{' '.join(words)} ended with {done.returncode}: {done.stderr}")
        return done.stdout if done.returncode == 0 else ""

    @contextmanager
    def running(self, image: str, cache: str, network: str, tokens: dict[str, str], *words: str) -> Iterator[Container]:
        """A container on a read-only root; tokens: by their variables' names; words: instead of the image's own."""
        options = ["--read-only", "--tmpfs", "/tmp", "--network", network, "--volume", f"{cache}:/var/cache/rimlight"]
        for name, value in tokens.items():
            options += ["--env", f"{name}={value}"]
        key = self.ask("run", "--detach", *LIMITS, *options, image, *words).strip()
        container = Container(self, key)
        try:
            yield container
        finally:
            self.ask("rm", "--force", key, fails=True)


@dataclass(frozen=True, slots=True)
class Container:
    """One that runs, or did."""

    engine: Engine
    key: str

    def logs(self) -> str:
        done = subprocess.run([*self.engine.words, "logs", self.key], capture_output=True, text=True, check=True)
        return done.stdout + done.stderr

    def exec(self, *words: str, fails: bool = False) -> str:
        return self.engine.ask("exec", self.key, *words, fails=fails)

    def state(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.engine.ask("inspect", self.key))[0]["State"]
        return found

    def stop(self) -> None:
        """SIGTERM; it has to end by itself, and well."""
        self.engine.ask("stop", "--time", "60", self.key)
        assert self.state()["ExitCode"] == 0, f"it ended with {self.state()['ExitCode']}: {self.logs()}"
        assert '"event": "ended"' in self.logs()
        assert "Traceback" not in self.logs()


def check_contents(engine: Engine, image: str) -> dict[str, Any]:
    """All of the package is inside, and nothing of how it was built; gives the image's own settings."""
    said = engine.ask("run", "--rm", *LIMITS, "--user", "0:0", "--entrypoint", "python", image, "-c", INSIDE)
    inside = json.loads(said)
    package = ROOT / "rimlight"
    wanted = {str(path.relative_to(package)) for path in package.rglob("*") if path.is_file()}
    missing = {name for name in wanted if "__pycache__" not in name} - set(inside["files"])
    assert not missing, f"of the package, these are not in the image: {sorted(missing)}"
    assert not inside["left"], f"left over from the build: {inside['left']}"
    assert not inside["programs"], f"nothing is compiled there: {inside['programs']}"
    found = json.loads(engine.ask("image", "inspect", image))[0]
    base = {"LANG", "GPG_KEY", "PYTHON_VERSION", "PYTHON_SHA256"}  # of the official image
    strange = {one.partition("=")[0] for one in found["Config"]["Env"]} - KNOWN - base
    assert not strange, f"the image sets {strange}"
    print(f"size: {found['Size'] / 1e6:.0f} MB, of which rimlight and what it needs are {inside['own_mib']:.0f} MiB")
    health = found.get("Healthcheck") or found["Config"]["Healthcheck"]  # podman's place, and docker's
    settings: dict[str, Any] = found["Config"] | {"Healthcheck": health}
    return settings


def healthy(container: Container, command: Sequence[str]) -> float:
    """Seconds until the image's own health check succeeds."""
    begin_s = time.monotonic()
    while subprocess.run(
        [*container.engine.words, "exec", container.key, *command], capture_output=True, check=False
    ).returncode:
        assert container.state()["Running"], container.logs()
        assert time.monotonic() - begin_s < START_S, f"not healthy within {START_S:g} s: {container.logs()}"
        time.sleep(0.5)
    return time.monotonic() - begin_s


def check_alone(engine: Engine, image: str, cache: str, command: Sequence[str]) -> None:
    """The image's own command, twice: with an empty cache and with what the first start left there."""
    for what in ("first", "second"):
        token = secrets.token_hex(24)
        with engine.running(image, cache, "none", {"RIMLIGHT_TOKEN": token}) as container:
            assert container.exec("cat", "/proc/1/comm").strip() == "tini"
            assert container.exec("id", "-u").strip() == str(USER)
            assert container.exec("touch", "/opt/rimlight/x", fails=True) == ""
            print(f"{what} start: healthy after {healthy(container, command):.1f} s")
            assert container.exec("ls", "/var/cache/rimlight").split() == ["rimlight"]
            container.stop()
            assert token not in container.logs()


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
    return port


async def a_session(address: str, worker: Container) -> None:
    """The page comes, then somebody with a camera who gets pictures back."""
    async with people(address) as client:
        http = client().http
        ready = False
        while not ready:
            assert worker.state()["Running"], worker.logs()
            async with http.get(f"{address}/healthz") as answer:
                ready = (await answer.json())["ready"]
        for path in ("/", "/static/app.js", "/static/style.css", "/openapi.json"):
            async with http.get(address + path) as answer:
                assert answer.status == 200, path
        person = await client().join(Camera(360, 640))
        await until(lambda: person.screen.pictures > 30, "pictures", START_S)
        picture = person.screen.picture
        assert picture is not None
        print(
            f"through the gateway: {person.screen.pictures} pictures of {picture.shape[0]}x{picture.shape[1]} came back"
        )
        assert await person.leave() == 204


def check_cluster(engine: Engine, image: str, cache: str) -> None:
    """A gateway and a worker, a session through both, and both end well."""
    token, (here, there) = {"RIMLIGHT_CLUSTER_TOKEN": secrets.token_hex(24)}, (free_port(), free_port())
    serve = ("serve", "--host", "127.0.0.1", "--port")
    with (
        engine.running(image, cache, "host", token, *serve, str(here), "--role", "gateway") as gateway,
        engine.running(
            image, cache, "host", token, *serve, str(there), "--role", "worker", "--gateway", f"http://127.0.0.1:{here}"
        ) as worker,
    ):
        while '"event": "listening"' not in gateway.logs():
            assert gateway.state()["Running"], gateway.logs()
            time.sleep(0.2)
        run(a_session(f"http://127.0.0.1:{here}", worker), 2 * START_S)
        worker.stop()
        gateway.stop()
        assert token["RIMLIGHT_CLUSTER_TOKEN"] not in gateway.logs() + worker.logs()


def main(image: str, words: Sequence[str]) -> None:
    """All checks, with a cache that is removed again."""
    engine = Engine(tuple(words))
    said = engine.ask("run", "--rm", *LIMITS, image, "--version")
    assert said.split()[-1] == version("rimlight"), said
    settings = check_contents(engine, image)
    assert settings["User"] == f"{USER}:{USER}"
    kind, *command = settings["Healthcheck"]["Test"]
    assert kind == "CMD"
    cache = engine.ask("volume", "create").strip()
    try:
        check_alone(engine, image, cache, command)
        check_cluster(engine, image, cache)
    finally:
        engine.ask("volume", "rm", cache)
    print("the image is as it should be")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
